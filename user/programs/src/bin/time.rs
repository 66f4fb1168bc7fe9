//! The program `Time`.
#![no_std]
#![no_main]

viper::program!(programs::time::PROGRAM);
