//! The program `Init`.
#![no_std]
#![no_main]

viper::program!(init::PROGRAM);
