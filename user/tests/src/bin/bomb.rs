//! The program `Bomb`.
#![no_std]
#![no_main]

viper::program!(user_tests::bomb::PROGRAM);
