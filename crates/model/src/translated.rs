//! Texts in the three languages that a person may read them in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A text in bokmål, nynorsk and English; further languages are kept and returned as given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translated {
    /// Bokmål.
    pub nb: String,
    /// Nynorsk.
    pub nn: String,
    /// English.
    pub en: String,
    /// What else the owner wrote, by language code.
    #[serde(flatten)]
    pub others: BTreeMap<String, String>,
}

impl Translated {
    /// The three languages that must be there.
    pub const LANGUAGES: [&str; 3] = ["nb", "nn", "en"];

    /// Takes the three languages out of a map of texts by language code; on failure, which of them are missing or
    /// blank.
    pub fn from_map(texts: BTreeMap<String, String>) -> Result<Self, Vec<&'static str>> {
        Self::from_map_where(texts, |text| !text.trim().is_empty())
    }

    /// The same, for texts that may be blank.
    pub fn from_map_with_blanks(texts: BTreeMap<String, String>) -> Result<Self, Vec<&'static str>> {
        Self::from_map_where(texts, |_| true)
    }

    fn from_map_where(
        mut texts: BTreeMap<String, String>,
        is_text: impl Fn(&str) -> bool,
    ) -> Result<Self, Vec<&'static str>> {
        let is_missing = |language: &&str| texts.get(*language).is_none_or(|text| !is_text(text));
        let missing: Vec<_> = Self::LANGUAGES.into_iter().filter(is_missing).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let mut take = |language| texts.remove(language).unwrap_or_default();
        let (nb, nn, en) = (take("nb"), take("nn"), take("en"));
        Ok(Self { nb, nn, en, others: texts })
    }

    /// The same text in all three languages, for names that are not translated.
    pub fn same(text: &str) -> Self {
        Self { nb: text.into(), nn: text.into(), en: text.into(), others: BTreeMap::new() }
    }

    /// The text in the language with this code; bokmål for a language that is not there.
    pub fn get(&self, language: &str) -> &str {
        match language {
            "nn" => &self.nn,
            "en" => &self.en,
            "nb" => &self.nb,
            other => self.others.get(other).unwrap_or(&self.nb),
        }
    }
}
