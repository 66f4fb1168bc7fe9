//! The program `Hostile`.
#![no_std]
#![no_main]

viper::program!(user_tests::hostile::PROGRAM);
