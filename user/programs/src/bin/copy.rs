//! The program `Copy`.
#![no_std]
#![no_main]

viper::program!(programs::copy::PROGRAM);
