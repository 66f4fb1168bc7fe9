//! The program `SchedStress`.
#![no_std]
#![no_main]

viper::program!(programs::schedstress::PROGRAM);
