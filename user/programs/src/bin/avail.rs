//! The program `Avail`.
#![no_std]
#![no_main]

viper::program!(programs::avail::PROGRAM);
