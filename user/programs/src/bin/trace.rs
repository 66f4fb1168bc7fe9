//! The program `Trace`.
#![no_std]
#![no_main]

viper::program!(programs::trace::PROGRAM);
