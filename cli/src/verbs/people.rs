//! Members as lines and objects, and which of them is meant.

use serde_json::{Value, json};
use waymark_core::client::{KeyHolder, MemberView};
use waymark_core::model::PersonTag;

use crate::desk::{DeskError, short};
use crate::page::{Ink, Page};

/// The fields of a member.
pub(super) fn fields(member: &MemberView) -> Value {
    // It holds texts, numbers and dates only, which JSON has.
    serde_json::to_value(member).unwrap_or_else(|_| json!({}))
}

/// The line of a member.
pub(super) fn line(page: Page, member: &MemberView) -> String {
    let unknown = || "(not told yet)".to_owned();
    let name = member.name.clone().unwrap_or_else(unknown);
    let device = member.device_name.clone().unwrap_or_else(unknown);
    let role = member.role.map(|role| format!("{role:?}").to_lowercase());
    let holder = match member.holder {
        KeyHolder::Device => device,
        KeyHolder::Phrase => "recovery phrase".into(),
        KeyHolder::Reserve => "reserve for devices to come".into(),
    };
    let since = member.since.map(|since| format!(", since {since}"));
    let heard = member
        .last_heard
        .map(|at| format!(", last heard {}", at.format("%Y-%m-%d %H:%M UTC")));
    let this = if member.this_device {
        page.ink(Ink::Bold, ", this device")
    } else {
        String::new()
    };
    format!(
        "{:>3}  {name}{}: {holder}, {}{}{}{this}  {}",
        member.number,
        role.map(|role| format!(", {role}")).unwrap_or_default(),
        member.rights,
        since.unwrap_or_default(),
        heard.unwrap_or_default(),
        page.ink(Ink::Dim, short(&member.person.to_string())),
    )
}

/// The person with this name, or whose tag begins so.
///
/// # Errors
/// [`DeskError::Wrong`] where it is nobody or could be two.
pub(super) fn person<'m>(
    members: &'m [MemberView],
    meant: &str,
) -> Result<&'m MemberView, DeskError> {
    named(members, meant, |member| {
        (member.person, member.name.clone())
    })
}

/// The first that is a person's with this name, or whose tag begins so; `of` says the tag and the
/// name.
///
/// # Errors
/// [`DeskError::Wrong`] where it is nobody or could be two.
pub(super) fn named<'m, T>(
    all: &'m [T],
    meant: &str,
    of: impl Fn(&T) -> (PersonTag, Option<String>),
) -> Result<&'m T, DeskError> {
    let has_name = |one: &&T| {
        let name = of(one).1.unwrap_or_default();
        name.to_lowercase() == meant.to_lowercase()
    };
    let has_tag = |one: &&T| meant.len() >= TAG_LEAST && of(one).0.to_string().starts_with(meant);
    let named: Vec<_> = all.iter().filter(has_name).collect();
    let tagged: Vec<_> = all.iter().filter(has_tag).collect();
    let found = if named.is_empty() { tagged } else { named };
    match found.as_slice() {
        [] => Err(DeskError::Wrong(format!("nobody here is \"{meant}\""))),
        [first, others @ ..] if others.iter().all(|other| of(other).0 == of(first).0) => Ok(first),
        _ => Err(DeskError::Wrong(format!(
            "more than one person is \"{meant}\": say the tag that `waymark members` shows"
        ))),
    }
}

/// Less of a tag is too easily a slip.
const TAG_LEAST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, person: &str) -> MemberView {
        MemberView {
            name: Some(name.into()),
            role: None,
            device_name: None,
            rights: "write".into(),
            this_device: false,
            number: 0,
            person: person.parse().unwrap(),
            holder: KeyHolder::Device,
            since: None,
            last_heard: None,
            last_heard_seq: None,
        }
    }

    /// Access must not be taken from somebody else of the same name, or with a tag like another's.
    #[test]
    fn a_person_is_only_found_where_nobody_else_can_be_meant() {
        let (ada, bob, other) = (
            "-aAaAAAAAAAAAAAAAAAAAA",
            "bbBBAAAAAAAAAAAAAAAAAA",
            "bbBbAAAAAAAAAAAAAAAAAA",
        );
        let members = [
            member("Ada", ada),
            member("Ada", ada),
            member("Bob", bob),
            member("bob", other),
        ];
        let found = |meant| {
            person(&members, meant)
                .map(|found| found.person.to_string())
                .ok()
        };
        assert_eq!(found("ADA").as_deref(), Some(ada));
        assert_eq!(found("-aAa").as_deref(), Some(ada));
        assert_eq!(found("bbBB").as_deref(), Some(bob));
        assert_eq!(found(other).as_deref(), Some(other));
        for nobody in ["", "bbB", "Bob", "Eve", "BBBB", "-aaa"] {
            assert_eq!(found(nobody), None, "{nobody}");
        }
    }
}
