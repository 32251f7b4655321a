//! Reading Rust sources line by line, as rustfmt leaves them.

use std::collections::BTreeSet;

use super::workspace::{files, text_of};

/// A line of code outside comments and tests.
pub(super) struct Line {
    /// The file, from the repository's top.
    pub(super) path: &'static str,
    /// Its number, from one.
    pub(super) number: usize,
    pub(super) text: String,
}

impl Line {
    /// Whether `needle` stands there and is not the end of a longer word.
    pub(super) fn holds(&self, needle: &str) -> bool {
        holds_word(&self.text, needle)
    }
}

/// The Rust files of the repository.
pub(super) fn rust_files() -> impl Iterator<Item = &'static str> {
    files()
        .iter()
        .map(String::as_str)
        .filter(|path| path.ends_with(".rs"))
}

/// What is shipped of the Rust files under one of `directories`: test modules are left out, both
/// those in the file and those that a parent mounts under `#[cfg(test)]`.
pub(super) fn shipped(directories: &[&str]) -> Vec<Line> {
    let paths: Vec<&'static str> = rust_files()
        .filter(|path| directories.iter().any(|dir| path.starts_with(dir)))
        .collect();
    let mut for_tests = BTreeSet::new();
    let mut lines = Vec::new();
    for path in paths {
        let text = text_of(path).expect("a Rust file is text");
        let (kept, mounted) = without_tests(&text);
        let children = children_of(path);
        for_tests.extend(mounted.into_iter().map(|name| format!("{children}/{name}")));
        lines.extend(
            kept.into_iter()
                .map(|(number, text)| Line { path, number, text }),
        );
    }
    lines.retain(|line| {
        !for_tests.iter().any(|module| {
            let rest = line.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    });
    lines
}

/// Whether `needle` stands in `text` at the beginning of a word.
pub(super) fn holds_word(text: &str, needle: &str) -> bool {
    text.match_indices(needle).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The numbered lines of a file without comments and test modules, and the names of the modules
/// that it mounts for tests only.
fn without_tests(text: &str) -> (Vec<(usize, String)>, Vec<String>) {
    let mut kept = Vec::new();
    let mut mounted = Vec::new();
    let mut lines = text.lines().zip(1..);
    let mut gated = false;
    while let Some((line, number)) = lines.next() {
        let code = line.split("//").next().unwrap_or_default();
        let trimmed = code.trim();
        match module(trimmed) {
            _ if trimmed.starts_with("#[cfg(test)]") || trimmed.starts_with("#[cfg(any(test") => {
                gated = true;
                continue;
            }
            _ if gated && trimmed.starts_with("#[") => continue,
            Some((name, ';')) if gated => mounted.push(name.to_owned()),
            Some((_, '{')) if gated => {
                let indent = line.len() - line.trim_start().len();
                let end = format!("{}}}", &line[..indent]);
                lines.by_ref().find(|(line, _)| *line == end);
            }
            _ => kept.push((number, code.to_owned())),
        }
        gated = false;
    }
    (kept, mounted)
}

/// `mod name;` or `mod name {`, with any visibility: the name and the last character.
fn module(line: &str) -> Option<(&str, char)> {
    let (visibility, rest) = line.split_once("mod ")?;
    let plain = visibility.is_empty() || visibility.trim_end().starts_with("pub");
    let name = rest.split([';', ' ']).next()?;
    (plain && !name.is_empty()).then_some((name, rest.chars().next_back()?))
}

/// The directory of a module's children.
fn children_of(path: &str) -> String {
    let stem = path.trim_end_matches(".rs");
    match stem.rsplit_once('/') {
        Some((directory, "lib" | "main")) => directory.to_owned(),
        _ => stem.to_owned(),
    }
}

/// Without these, a slip in the reading would hide code from every guard that stands on it.
mod tests {
    use super::{holds_word, without_tests};

    #[test]
    fn only_tests_and_comments_are_left_out() {
        let text = "fn a() {} // note\n#[cfg(test)]\nmod far;\n#[cfg(test)]\nmod near {\n    \
                    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nfn d() {}\nmod e;\n";
        let (kept, mounted) = without_tests(text);
        let kept: Vec<(usize, &str)> = kept.iter().map(|(n, text)| (*n, text.trim())).collect();
        assert_eq!(
            kept,
            [
                (1, "fn a() {}"),
                (8, "fn c() {}"),
                (10, "fn d() {}"),
                (11, "mod e;")
            ]
        );
        assert_eq!(mounted, ["far"]);
    }

    #[test]
    fn the_end_of_a_longer_word_does_not_count() {
        assert!(holds_word("use ring::rand::SystemRandom;", "rand::"));
        assert!(!holds_word("operand::new()", "rand::"));
    }
}
