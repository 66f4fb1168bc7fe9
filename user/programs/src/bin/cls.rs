//! The program `Cls`.
#![no_std]
#![no_main]

viper::program!(programs::cls::PROGRAM);
