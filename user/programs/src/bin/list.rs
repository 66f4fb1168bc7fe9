//! The program `List`.
#![no_std]
#![no_main]

viper::program!(programs::list::PROGRAM);
