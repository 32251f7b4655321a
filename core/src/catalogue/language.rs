//! The languages of the catalogue.

/// A language that the catalogue speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
    /// Spanish.
    Spanish,
}

impl Language {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::English, Self::German, Self::Spanish];

    /// The two-letter code of ISO 639-1.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
        }
    }

    /// The first language of these tags (BCP 47, as a phone lists them) that the catalogue speaks;
    /// English where it speaks none.
    pub fn of_tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> Self {
        let primary = |tag: &'a str| tag.split(['-', '_']).next().unwrap_or_default();
        let known = |tag: &'a str| {
            let mut all = Self::ALL.iter();
            all.find(|language| primary(tag).eq_ignore_ascii_case(language.code()))
        };
        let found = tags.into_iter().find_map(known);
        found.copied().unwrap_or(Self::English)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phones_list_of_languages_finds_the_first_that_is_spoken() {
        assert_eq!(
            Language::of_tags(["fr-FR", "de_AT", "en"]),
            Language::German
        );
        assert_eq!(Language::of_tags(["ES"]), Language::Spanish);
        assert_eq!(Language::of_tags(["dex", "zh-Hant"]), Language::English);
        assert_eq!(Language::of_tags([]), Language::English);
    }
}
