//! Terminals.

use abi::terminal::TerminalMode;
use abi::{Error, Rights};

use crate::console::terminal::Terminal;

use super::Args;
use super::context::{Context, Outcome};

pub(super) fn terminal_info(cx: &Context, [terminal, info, ..]: Args) -> Outcome {
    let inform = || {
        let terminal = cx.get::<Terminal>(terminal, Rights::INSPECT)?;
        cx.write_record(info, &terminal.info())?;
        Ok(Outcome::OK)
    };
    Outcome::from(inform())
}

pub(super) fn terminal_control(cx: &Context, [terminal, mode, discard, ..]: Args) -> Outcome {
    let control = || {
        let terminal = cx.get::<Terminal>(terminal, Rights::MANAGE)?;
        let mode = u32::try_from(mode).ok().and_then(TerminalMode::from_bits);
        let mode = mode.ok_or(Error::InvalidArgument)?;
        if discard > 1 {
            return Err(Error::InvalidArgument);
        }
        let old = terminal.control(mode, discard == 1);
        Ok(Outcome::value(u64::from(old.bits())))
    };
    Outcome::from(control())
}
