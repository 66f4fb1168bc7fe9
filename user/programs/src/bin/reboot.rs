//! The program `Reboot`.
#![no_std]
#![no_main]

viper::program!(programs::reboot::PROGRAM);
