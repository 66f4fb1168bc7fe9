//! The program `Caps`.
#![no_std]
#![no_main]

viper::program!(programs::caps::PROGRAM);
