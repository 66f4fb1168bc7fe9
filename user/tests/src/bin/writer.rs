//! The program `Writer`.
#![no_std]
#![no_main]

viper::program!(user_tests::writer::PROGRAM);
