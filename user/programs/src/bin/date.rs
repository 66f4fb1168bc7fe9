//! The program `Date`.
#![no_std]
#![no_main]

viper::program!(programs::date::PROGRAM);
