//! `Top`: processes or threads with what they use, refreshed in place.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::startup::Tag;
use abi::terminal::{TERMINAL_UNATTENDED, TerminalMode};
use abi::{Error, Handle};
use rt::terminal::Pending;
use viper::args::{Args, Number, Switch, Template, Text};
use viper::io::{self, Write};
use viper::time::Instant;
use viper::{Failure, Outcome, Program, Rc, thread};

use crate::uptime;
use crate::usage::{self, Look};
use crate::usage_table::{self, Order};

const TEMPLATE: Template = Template::parse("MS/N,COUNT/K/N,SORT/K,THREADS/S");
const MS: Number = TEMPLATE.number("MS");
const COUNT: Number = TEMPLATE.number("COUNT");
const SORT: Text = TEMPLATE.text("SORT");
const THREADS: Switch = TEMPLATE.switch("THREADS");

/// The command `Top`.
pub const PROGRAM: Program = Program {
    name: "Top",
    template: TEMPLATE,
    summary: "Shows live what processes and threads use.",
    help: "The table is drawn anew every second, or after MS thousandths of one, COUNT times or \
           until you press q. Other keys sort: c by CPU, m by memory, t by time, s by switches, n \
           by name, i by number; h shows threads instead of processes or back. SORT and THREADS \
           say how it begins. CPU % is the share of one CPU since the table before. Where nobody \
           watches the terminal, the tables are printed one below the other, one unless COUNT is \
           given.",
    main,
};

/// Shortest and usual time between two tables, in ms.
const PAUSE_MIN: u64 = 50;
const PAUSE: u64 = 1000;

/// Lines of a terminal that does not say.
const LINES: usize = 24;

/// Escape sequences: top left, rest of the line, rest of the screen, cursor.
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";
const REST_OF_SCREEN: &str = "\x1b[J";
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const CTRL_C: u8 = 3;

fn main(args: &Args) -> Outcome {
    let order = match args.get(SORT) {
        None => Order::Cpu,
        Some(name) => Order::named(name).ok_or_else(|| {
            Failure::new(format!(
                "{name:?}: sort by cpu, memory, time, switches, name or id"
            ))
        })?,
    };
    let ms = match args.get(MS).map(u64::try_from) {
        None => PAUSE,
        Some(Ok(ms)) if ms >= PAUSE_MIN => ms,
        Some(_) => return Err(Failure::new("MS is at least 50")),
    };
    let mut view = View {
        order,
        by_thread: args.get(THREADS),
        pause_ns: ms.saturating_mul(1_000_000),
    };
    let count = args
        .get(COUNT)
        .map(|count| u64::try_from(count).unwrap_or(0));
    match Screen::open() {
        Some(screen) => screen.watch(&mut view, count.unwrap_or(u64::MAX)),
        None => view.print(count.unwrap_or(1)),
    }
}

/// How the table is to be.
#[derive(Debug)]
struct View {
    order: Order,
    by_thread: bool,
    pause_ns: u64,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Quit,
    /// The table is different.
    Redraw,
    Nothing,
}

impl View {
    /// Does what a key says.
    fn key(&mut self, key: u8) -> Wish {
        match key {
            b'q' | b'Q' | CTRL_C => return Wish::Quit,
            b'h' | b'H' => self.by_thread = !self.by_thread,
            letter => {
                let name = [letter];
                let order = core::str::from_utf8(&name).ok().and_then(Order::named);
                let Some(order) = order else {
                    return Wish::Nothing;
                };
                self.order = order;
            }
        }
        Wish::Redraw
    }

    /// The lines of the table.
    fn lines(&self, before: &Look, now: &Look) -> Vec<String> {
        let mut rows = usage::rows(before, now, self.by_thread);
        self.order.sort(&mut rows);
        let busy = usage::busy(before, now);
        let mut lines = alloc::vec![format!(
            "up {}, {} CPUs {}.{} % busy, {} processes, {} threads, by {}",
            uptime::duration(now.time_ns),
            now.cpus.len(),
            busy / 10,
            busy % 10,
            now.processes.len(),
            now.threads.len(),
            self.order.name()
        )];
        lines.extend(usage_table::lines(&rows, self.by_thread));
        lines
    }

    /// Prints tables one below the other.
    fn print(&self, count: u64) -> Outcome {
        let mut before = Look::take()?;
        for _ in 0..count {
            thread::sleep(core::time::Duration::from_nanos(self.pause_ns));
            let now = Look::take()?;
            for line in self.lines(&before, &now) {
                viper::println!("{line}");
            }
            before = now;
        }
        Ok(Rc::OK)
    }
}

/// A terminal that somebody watches, in the mode for single keys.
#[derive(Debug)]
struct Screen {
    terminal: Handle,
    input: Handle,
    mode: TerminalMode,
}

impl Screen {
    fn open() -> Option<Screen> {
        let terminal = rt::startup::handle(Tag::Terminal)?;
        let info = rt::terminal::info(terminal).ok()?;
        if info.flags & TERMINAL_UNATTENDED != 0 {
            return None;
        }
        let input = rt::startup::handle(Tag::Stdin)?;
        let mode = rt::terminal::control(terminal, TerminalMode::NEWLINE, Pending::Keep).ok()?;
        Some(Screen {
            terminal,
            input,
            mode,
        })
    }

    /// Rows of text that fit.
    fn rows(&self) -> usize {
        match rt::terminal::info(self.terminal) {
            Ok(info) if info.rows > 0 => usize::from(info.rows),
            _ => LINES,
        }
    }

    /// Draws tables until `q` is pressed, `count` at most.
    fn watch(&self, view: &mut View, count: u64) -> Outcome {
        let mut out = io::stdout();
        let result = self.draw_all(view, count, &mut out);
        let clean = format!("{HOME}{REST_OF_SCREEN}{SHOW_CURSOR}");
        out.write_all(clean.as_bytes())?;
        out.flush()?;
        rt::terminal::control(self.terminal, self.mode, Pending::Keep)?;
        result.map(|()| Rc::OK)
    }

    fn draw_all(&self, view: &mut View, count: u64, out: &mut impl Write) -> Result<(), Failure> {
        let mut before = Look::take()?;
        // The first table needs something to compare with, but not a whole pause.
        thread::sleep(core::time::Duration::from_millis(PAUSE_MIN));
        for _ in 0..count {
            let now = Look::take()?;
            let end = Instant::now().since_boot_ns().saturating_add(view.pause_ns);
            loop {
                out.write_all(self.frame(&view.lines(&before, &now)).as_bytes())?;
                out.flush()?;
                match self.wait_for_key(view, end)? {
                    Wish::Quit => return Ok(()),
                    Wish::Redraw => {}
                    Wish::Nothing => break,
                }
            }
            before = now;
        }
        Ok(())
    }

    /// Waits for a key that means something, or for the time of the next table.
    fn wait_for_key(&self, view: &mut View, end: u64) -> Result<Wish, Failure> {
        loop {
            let mut key = [0];
            match rt::stream::read_until(self.input, &mut key, end) {
                // The end of the input: nobody can press a key any more.
                Ok(0) => return Ok(Wish::Quit),
                Ok(_) => {
                    let [key] = key;
                    match view.key(key) {
                        Wish::Nothing => {}
                        wish => return Ok(wish),
                    }
                }
                Err(Error::TimedOut) => return Ok(Wish::Nothing),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The text that puts a table over the one before.
    fn frame(&self, lines: &[String]) -> String {
        let mut text = String::from(HIDE_CURSOR);
        text.push_str(HOME);
        // The last row stays free: a line end there would scroll.
        for line in lines.iter().take(self.rows().saturating_sub(1)) {
            text.push_str(line);
            text.push_str(REST_OF_LINE);
            text.push('\n');
        }
        text.push_str(REST_OF_SCREEN);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View {
            order: Order::Cpu,
            by_thread: false,
            pause_ns: 0,
        }
    }

    #[test]
    fn keys_sort_and_quit() {
        let mut view = view();
        assert_eq!(view.key(b'm'), Wish::Redraw);
        assert_eq!(view.order, Order::Memory);
        assert_eq!(view.key(b'h'), Wish::Redraw);
        assert!(view.by_thread);
        for key in [b'x', 0x1b, 0xff] {
            assert_eq!(view.key(key), Wish::Nothing);
        }
        assert_eq!((view.order, view.by_thread), (Order::Memory, true));
        assert_eq!((view.key(b'q'), view.key(CTRL_C)), (Wish::Quit, Wish::Quit));
    }

    #[test]
    fn a_table_begins_with_the_machine() {
        let lines = view().lines(&Look::default(), &Look::default());
        assert_eq!(lines.len(), 2);
        assert!(
            lines
                .first()
                .is_some_and(|line| line.contains("0 CPUs 0.0 % busy"))
        );
    }
}
