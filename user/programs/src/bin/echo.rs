//! The program `Echo`.
#![no_std]
#![no_main]

viper::program!(programs::echo::PROGRAM);
