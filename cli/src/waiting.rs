//! What is shown while something takes its time.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner on a terminal; elsewhere a line whenever there is something new to say. It is on
/// standard error, and gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    bar: ProgressBar,
    said: RefCell<String>,
    plain: bool,
}

impl Waiting {
    /// Begins.
    pub(crate) fn new(text: &str) -> Self {
        let plain = !io::stderr().is_terminal();
        let bar = match plain {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner(),
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        let waiting = Self {
            bar,
            said: RefCell::default(),
            plain,
        };
        waiting.say(text);
        waiting
    }

    /// Says how far it is.
    pub(crate) fn say(&self, text: &str) {
        if *self.said.borrow() == text {
            return;
        }
        self.said.replace(text.to_owned());
        if self.plain {
            let _ = writeln!(io::stderr(), "{text}");
        } else {
            self.bar.set_message(text.to_owned());
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
