//! The program `Dir`.
#![no_std]
#![no_main]

viper::program!(programs::dir::PROGRAM);
