//! The program `FaultIllegal`.
#![no_std]
#![no_main]

viper::program!(user_tests::fault::ILLEGAL);
