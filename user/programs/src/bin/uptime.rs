//! The program `Uptime`.
#![no_std]
#![no_main]

viper::program!(programs::uptime::PROGRAM);
