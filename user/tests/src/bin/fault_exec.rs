//! The program `FaultExec`.
#![no_std]
#![no_main]

viper::program!(user_tests::fault::EXEC);
