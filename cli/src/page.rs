//! Lines for people, in colour on a terminal unless `NO_COLOR` is set.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Where the story is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Whether it is standard error, so that standard output is for programs alone.
    aside: bool,
    terminal: bool,
    colour: bool,
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ink {
    /// For headings.
    Bold,
    /// For what is less important.
    Dim,
    /// For what is well.
    Green,
    /// For what is not.
    Red,
    /// For what is halfway.
    Yellow,
}

impl Page {
    /// Standard output as it is.
    pub(crate) fn stdout() -> Self {
        Self::new(false, io::stdout().is_terminal())
    }

    /// Standard error as it is.
    pub(crate) fn stderr() -> Self {
        Self::new(true, io::stderr().is_terminal())
    }

    fn new(aside: bool, terminal: bool) -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            aside,
            terminal,
            colour: terminal && !unwanted && !dumb,
        }
    }

    /// Whether somebody watches, so that a progress bar makes sense.
    pub(crate) const fn is_watched(self) -> bool {
        self.terminal
    }

    /// Writes a line. Where nobody reads any more, it is lost; the exit code still tells.
    pub(crate) fn line(self, text: impl Display) {
        let _ = match self.aside {
            true => writeln!(io::stderr(), "{text}"),
            false => writeln!(io::stdout(), "{text}"),
        };
    }

    /// Writes a heading, with an empty line before.
    pub(crate) fn heading(self, text: &str) {
        self.line(format_args!("\n{}", self.ink(Ink::Bold, text)));
    }

    /// A text in an ink, or plain.
    pub(crate) fn ink(self, ink: Ink, text: impl Display) -> String {
        if !self.colour {
            return text.to_string();
        }
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Green => "32",
            Ink::Red => "31",
            Ink::Yellow => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
impl Page {
    /// A page without colour.
    pub(crate) const PLAIN: Self = Self {
        aside: false,
        terminal: false,
        colour: false,
    };
    /// A page with colour.
    pub(crate) const COLOURED: Self = Self {
        aside: false,
        terminal: true,
        colour: true,
    };
}

/// A number of bytes for people: `812 B`, `4.1 kB`, `2.35 MB`.
pub(crate) fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "only for show")]
    let count_f = count as f64;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count_f / 1e3),
        _ => format!("{:.2} MB", count_f / 1e6),
    }
}

/// A length of time for people: `310 µs`, `31 ms`, `1.2 s`.
pub(crate) fn duration(time: std::time::Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        10_000..1_000_000 => format!("{} ms", time.as_millis()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// A count with its noun: `1 check-in`, `61 check-ins`, `1,476 check-ins`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A number with commas: `1,476`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [bytes(812), bytes(4_096), bytes(2_345_678)],
            ["812 B", "4.1 kB", "2.35 MB"]
        );
        let times = [310, 3_140, 31_400, 1_240_000]
            .map(Duration::from_micros)
            .map(duration);
        assert_eq!(times, ["310 µs", "3.1 ms", "31 ms", "1.2 s"]);
        assert_eq!(count(1, "check-in"), "1 check-in");
        assert_eq!(count(1_476, "check-in"), "1,476 check-ins");
    }

    /// Escape codes in a file or a pipe are noise to whoever reads it.
    #[test]
    fn a_plain_page_has_no_escape_codes() {
        assert_eq!(Page::PLAIN.ink(Ink::Red, "no"), "no");
        assert_eq!(Page::COLOURED.ink(Ink::Red, "no"), "\x1b[31mno\x1b[0m");
    }
}
