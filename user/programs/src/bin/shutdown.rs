//! The program `Shutdown`.
#![no_std]
#![no_main]

viper::program!(programs::shutdown::PROGRAM);
