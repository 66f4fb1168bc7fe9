//! The program `Wait`.
#![no_std]
#![no_main]

viper::program!(programs::wait::PROGRAM);
