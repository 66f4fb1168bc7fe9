//! The program `Shell`.
#![no_std]
#![no_main]

viper::program!(shell::program::PROGRAM);
