//! The program `MakeDir`.
#![no_std]
#![no_main]

viper::program!(programs::makedir::PROGRAM);
