//! What every text has to obey.

use std::collections::BTreeSet;

use crate::catalogue::{Language, texts};

/// Words that blame, or that make of a day off a defeat (`domain.md` row 49). Parts of words count.
const BLAME: [(Language, &[&str]); 3] = [
    (
        Language::English,
        &[
            "fail",
            "broke",
            "lost",
            "missed",
            "lazy",
            "fault",
            "guilt",
            "shame",
            "weak",
            "bad ",
            "wrong",
            "should have",
            "must ",
            "never ",
            "excuse ",
            "ruin",
            "relapse",
            "give up",
            "gave up",
            "cheat",
        ],
    ),
    (
        Language::German,
        &[
            "versag",
            "gescheitert",
            "scheiter",
            "verloren",
            "verpasst",
            "versäumt",
            "faul",
            "schuld",
            "scham",
            "schwach",
            "schlecht",
            "falsch",
            "hättest",
            "musst",
            "nie ",
            "ausrede",
            "rückfall",
            "aufgegeben",
            "unterbroch",
            "kaputt",
        ],
    ),
    (
        Language::Spanish,
        &[
            "fracas",
            "fallo",
            "fallad",
            "fallast",
            "perdi",
            "perdid",
            "vago",
            "perezos",
            "culpa",
            "vergüenza",
            "débil",
            "mal ",
            "malo",
            "deberías",
            "tienes que",
            "nunca",
            "recaída",
            "rendi",
            "roto",
            "rompi",
        ],
    ),
];

/// What a screen that others see must not tell (`domain.md` row 41). Parts of words count.
const HEALTH: &[&str] = &[
    "therap", "terap", "depress", "depres", "anxi", "angst", "ansied", "phq", "gad", "symptom",
    "síntoma", "diagnos", "medic", "medik", "patient", "pacient", "klinik", "clinic", "clínic",
    "crisis", "krise", "mental", "psych", "psic", "goal", "ziel", "objetivo", "mood", "stimmung",
    "ánimo",
];

/// A person who had a hard day would be told so by an app.
#[test]
fn no_text_blames() {
    for (language, words) in BLAME {
        for (key, text) in texts(language).all() {
            let text = format!("{} ", text.to_lowercase());
            let found = words.iter().find(|word| text.contains(**word));
            assert_eq!(found, None, "{key} in {language:?}: {text}");
        }
    }
}

/// Whoever looks over a shoulder would learn that somebody is in therapy.
#[test]
fn notifications_tell_nothing() {
    for language in Language::ALL {
        for (key, text) in texts(*language).all() {
            if !key.starts_with("reminder.") {
                continue;
            }
            let text = text.to_lowercase();
            let found = HEALTH.iter().find(|word| text.contains(**word));
            assert_eq!(found, None, "{key} in {language:?}: {text}");
        }
    }
}

/// Somebody who reads German would be shown a key.
#[test]
fn every_language_has_the_same_keys_with_the_same_arguments() {
    let english: BTreeSet<_> = texts(Language::English).keys().collect();
    assert!(english.len() > 50, "the file reads");
    for language in Language::ALL {
        let here = texts(*language);
        let keys: BTreeSet<_> = here.keys().collect();
        let missing: Vec<_> = english.symmetric_difference(&keys).collect();
        assert!(missing.is_empty(), "{language:?}: {missing:?}");
        for key in &english {
            let names = texts(Language::English).names(key);
            assert_eq!(here.names(key), names, "{key} in {language:?}");
            let text = here.say(key, &[]).unwrap_or_default();
            assert!(!text.trim().is_empty() && text.trim() == text, "{key}");
        }
    }
}
