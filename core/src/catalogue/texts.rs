//! Texts by key, with arguments in braces: `"{done} of {days} days"`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;

use crate::catalogue::Language;

/// The texts of one language.
#[derive(Debug)]
pub struct Texts(BTreeMap<String, String>);

/// What stands in the place of a name in braces.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Argument {
    /// The name, without braces.
    pub name: String,
    /// What is said in its place.
    pub value: String,
}

impl Argument {
    /// An argument.
    pub fn new(name: impl Into<String>, value: impl ToString) -> Self {
        Self {
            name: name.into(),
            value: value.to_string(),
        }
    }
}

/// The texts of a language.
pub fn texts(language: Language) -> &'static Texts {
    static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/en.json")));
    static GERMAN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/de.json")));
    static SPANISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/es.json")));
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
        Language::Spanish => &SPANISH,
    }
}

impl Texts {
    /// The text with this key. What stands in braces and is no argument stays as it is; what an
    /// argument holds is never read as a text itself. `None` for an unknown key.
    pub fn say(&self, key: &str, arguments: &[Argument]) -> Option<String> {
        let mut rest = self.0.get(key)?.as_str();
        let mut said = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once('{') {
            said.push_str(before);
            let named = after.split_once('}').and_then(|(name, after)| {
                let argument = arguments.iter().find(|argument| argument.name == name)?;
                Some((argument, after))
            });
            rest = match named {
                Some((argument, after)) => {
                    said.push_str(&argument.value);
                    after
                }
                None => {
                    said.push('{');
                    after
                }
            };
        }
        said.push_str(rest);
        Some(said)
    }

    /// Whether there is a text with this key.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names in braces of a text, in order.
    #[cfg(test)]
    pub(crate) fn names(&self, key: &str) -> Vec<&str> {
        let text = self.0.get(key).map(String::as_str).unwrap_or_default();
        let names = text.split('{').skip(1);
        let mut names: Vec<_> = names
            .filter_map(|part| Some(part.split_once('}')?.0))
            .collect();
        names.sort_unstable();
        names
    }

    /// Every text with its key.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter();
        all.map(|(key, text)| (key.as_str(), text.as_str()))
    }
}

/// The files are part of the program; that they read is a test.
fn read(file: &str) -> Texts {
    Texts(serde_json::from_str(file).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_take_their_places_and_are_not_read_again() {
        let english = texts(Language::English);
        let said = english.say(
            "if_then.sentence",
            &[
                Argument::new("obstacle", "{action}"),
                Argument::new("action", "call Kim"),
            ],
        );
        assert_eq!(said.as_deref(), Some("If {action}, then I will call Kim"));
        let bare = english.say("if_then.sentence", &[]);
        assert_eq!(bare.as_deref(), Some("If {obstacle}, then I will {action}"));
        assert_eq!(english.say("nothing", &[]), None);
    }
}
