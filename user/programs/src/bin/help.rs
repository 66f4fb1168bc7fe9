//! The program `Help`.
#![no_std]
#![no_main]

viper::program!(programs::help::PROGRAM);
