//! The program `Bench`.
#![no_std]
#![no_main]

viper::program!(user_bench::PROGRAM);
