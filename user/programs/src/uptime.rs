//! `Uptime`: how long the machine has been running.

use alloc::format;
use alloc::string::String;

use viper::args::{Args, Template};
use viper::time::Instant;
use viper::{Outcome, Program, Rc, println};

/// The command `Uptime`.
pub const PROGRAM: Program = Program {
    name: "Uptime",
    template: Template::parse(""),
    summary: "Shows how long the machine has been running.",
    help: "",
    main,
};

fn main(_: &Args) -> Outcome {
    println!("up {}", duration(Instant::now().since_boot_ns()));
    Ok(Rc::OK)
}

/// A time in words, with the parts that are not zero.
pub fn duration(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let hundredths = ns / 10_000_000 % 100;
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}.{hundredths:02} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, _) => format!("{hours} h {minutes} min {seconds} s"),
        _ => format!("{days} days {hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration(1_230_000_000), "1.23 s");
        assert_eq!(duration(61_000_000_000), "1 min 1 s");
        assert_eq!(duration(3_661_000_000_000), "1 h 1 min 1 s");
        assert_eq!(duration(90_061_000_000_000), "1 days 1 h 1 min");
    }
}
