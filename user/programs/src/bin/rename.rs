//! The program `Rename`.
#![no_std]
#![no_main]

viper::program!(programs::rename::PROGRAM);
