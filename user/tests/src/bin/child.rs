//! The program `Child`.
#![no_std]
#![no_main]

viper::program!(user_tests::child::PROGRAM);
