//! The program `Status`.
#![no_std]
#![no_main]

viper::program!(programs::status::PROGRAM);
