//! How a verb speaks: lines for people, or one object per line for programs.
//!
//! What a verb comes to goes to standard output; what it says on the way, what it asks, and why it
//! failed go to standard error. Where input is no terminal, answers are lines of standard input.

use std::io::{self, BufRead, IsTerminal, Write};

use console::Term;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::desk::DeskError;
use crate::page::Page;

/// To whom a verb speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    json: bool,
    page: Page,
}

impl Talk {
    /// To programs or to people.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            page: Page::stdout(),
        }
    }

    /// Says what came out: an object with the field `event` and `fields`, or `lines`.
    pub(crate) fn tell(self, event: &str, mut fields: Value, lines: impl FnOnce(Page)) {
        if !self.json {
            return lines(self.page);
        }
        if let Some(object) = fields.as_object_mut() {
            object.insert("event".into(), event.into());
        }
        self.page.line(fields);
    }

    /// Where a long story is told: on standard error where standard output is for programs.
    pub(crate) fn story(self) -> Page {
        match self.json {
            true => Page::stderr(),
            false => self.page,
        }
    }

    /// Says something on the way.
    pub(crate) fn note(self, text: impl std::fmt::Display) {
        // Where nobody reads any more, it is lost; the exit code still tells.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Says why it failed.
    pub(crate) fn complain(self, code: &str, error: &impl std::fmt::Display) {
        let message = error.to_string();
        self.note(format_args!("waymark: {message} ({code})"));
        if self.json {
            let fields = json!({ "code": code, "message": message });
            self.tell("error", fields, |_| ());
        }
    }

    /// Asks for a line.
    ///
    /// # Errors
    /// [`DeskError::NoAnswer`] where input has ended.
    pub(crate) fn ask(self, question: &str) -> Result<Zeroizing<String>, DeskError> {
        if io::stdin().is_terminal() {
            let _ = write!(io::stderr(), "{question}: ");
            let _ = io::stderr().flush();
        }
        read_line(question)
    }

    /// Asks for a line that is not shown while it is typed.
    ///
    /// # Errors
    /// [`DeskError::NoAnswer`] where input has ended.
    pub(crate) fn ask_hidden(self, question: &str) -> Result<Zeroizing<String>, DeskError> {
        let term = Term::stderr();
        if !(io::stdin().is_terminal() && term.is_term()) {
            return self.ask(question);
        }
        let _ = write!(io::stderr(), "{question} (not shown): ");
        let line = term.read_secure_line().map(Zeroizing::new);
        line.map_err(|_| DeskError::NoAnswer(question.into()))
    }

    /// Asks for a yes or a no, until it is one.
    ///
    /// # Errors
    /// [`DeskError::NoAnswer`] where input has ended.
    pub(crate) fn ask_yes(self, question: &str) -> Result<bool, DeskError> {
        loop {
            let answer = self.ask(&format!("{question} [yes/no]"))?;
            match answer.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.note("please answer yes or no"),
            }
        }
    }

    /// What was given as a flag; else asked for, where there is a person to ask.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where there is none.
    pub(crate) fn given(
        self,
        value: Option<&str>,
        flag: &str,
        question: &str,
    ) -> Result<String, DeskError> {
        match value {
            Some(value) => Ok(value.to_owned()),
            None if io::stdin().is_terminal() => Ok(self.ask(question)?.trim().to_owned()),
            None => Err(DeskError::Wrong(format!("{flag} is needed"))),
        }
    }

    /// Asks whether to go on, unless that was said already.
    ///
    /// # Errors
    /// [`DeskError::Declined`] after a no, [`DeskError::NoAnswer`] where input has ended.
    pub(crate) fn consent(self, said: bool, question: &str) -> Result<(), DeskError> {
        match said || self.ask_yes(question)? {
            true => Ok(()),
            false => Err(DeskError::Declined),
        }
    }
}

fn read_line(question: &str) -> Result<Zeroizing<String>, DeskError> {
    let mut line = Zeroizing::new(String::with_capacity(LINE));
    let read = io::stdin().lock().read_line(&mut line);
    match read {
        Ok(read) if read > 0 => Ok(Zeroizing::new(line.trim_end().to_owned())),
        _ => Err(DeskError::NoAnswer(question.into())),
    }
}

/// Enough for every answer, so that a secret does not move while it is read.
const LINE: usize = 4_096;
