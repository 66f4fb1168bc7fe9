//! The program `Type`.
#![no_std]
#![no_main]

viper::program!(programs::type_text::PROGRAM);
