//! The program `Top`.
#![no_std]
#![no_main]

viper::program!(programs::top::PROGRAM);
