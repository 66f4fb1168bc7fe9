//! The program `Delete`.
#![no_std]
#![no_main]

viper::program!(programs::delete::PROGRAM);
