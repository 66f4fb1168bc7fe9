//! The program `FaultStack`.
#![no_std]
#![no_main]

viper::program!(user_tests::fault::STACK);
