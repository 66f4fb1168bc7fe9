//! The program `SelfTest`.
#![no_std]
#![no_main]

viper::program!(user_tests::selftest::PROGRAM);
