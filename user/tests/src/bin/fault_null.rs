//! The program `FaultNull`.
#![no_std]
#![no_main]

viper::program!(user_tests::fault::NULL);
