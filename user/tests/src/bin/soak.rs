//! The program `Soak`.
#![no_std]
#![no_main]

viper::program!(user_tests::soak::PROGRAM);
