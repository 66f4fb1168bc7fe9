//! Boot arguments.

/// Where the kernel log is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogTarget {
    /// The serial port.
    Serial,
    /// The semihosting console.
    Semihosting,
    /// Only in the log itself.
    None,
}

/// What the boot arguments ask for; unknown words are left to the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) log: LogTarget,
    /// Show every line, not only warnings.
    pub(super) verbose: bool,
    /// Programs lie at the same addresses every time.
    pub(super) fixed_addresses: bool,
    /// Bits of an address space identifier, where they are to run out soon.
    pub(super) asid_bits: Option<u32>,
    /// The machine can end with an exit code.
    pub(super) semihosting: bool,
    /// A kernel with tests inside starts the system all the same.
    #[cfg(feature = "ktest")]
    pub(super) system: bool,
}

impl Options {
    pub(super) fn parse(words: &str) -> Options {
        let mut options = Options {
            log: LogTarget::Serial,
            verbose: false,
            fixed_addresses: false,
            asid_bits: None,
            semihosting: false,
            #[cfg(feature = "ktest")]
            system: false,
        };
        for word in words.split_whitespace() {
            match word {
                "log=serial" => options.log = LogTarget::Serial,
                "log=semihosting" => options.log = LogTarget::Semihosting,
                "log=none" => options.log = LogTarget::None,
                "exit=semihosting" => options.semihosting = true,
                "verbose" => options.verbose = true,
                "noaslr" => options.fixed_addresses = true,
                #[cfg(feature = "ktest")]
                "system" => options.system = true,
                _ => {
                    let bits = word.strip_prefix("asidbits=");
                    options.asid_bits = bits
                        .and_then(|bits| bits.parse().ok())
                        .or(options.asid_bits);
                }
            }
        }
        // Without semihosting its console would end the machine.
        if options.log == LogTarget::Semihosting && !options.semihosting {
            options.log = LogTarget::None;
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_semihosting_console_needs_semihosting() {
        assert_eq!(Options::parse("log=semihosting").log, LogTarget::None);
        let both = Options::parse("  log=semihosting noaslr exit=semihosting verbose ");
        assert_eq!(
            (both.log, both.verbose, both.semihosting),
            (LogTarget::Semihosting, true, true)
        );
        assert!(both.fixed_addresses && !Options::parse("").fixed_addresses);
        assert_eq!(both.asid_bits, None);
        assert_eq!(Options::parse("asidbits=4 x").asid_bits, Some(4));
        assert_eq!(Options::parse("asidbits=").asid_bits, None);
        assert_eq!(Options::parse("").log, LogTarget::Serial);
    }
}
