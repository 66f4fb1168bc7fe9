//! The program `Version`.
#![no_std]
#![no_main]

viper::program!(programs::version::PROGRAM);
