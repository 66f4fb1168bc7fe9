//! The program `SchedStat`.
#![no_std]
#![no_main]

viper::program!(programs::schedstat::PROGRAM);
