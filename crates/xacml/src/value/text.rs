//! Texts that are looked up often.

use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;

/// The same for all texts of the process, so that a hash that was computed once can be used everywhere.
static HASHING: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// A text that knows its hash, with and without regard to case. It is made once, and then looked up in the tables of
/// every decision point that it is asked about.
#[derive(Clone)]
pub struct Text {
    text: Arc<str>,
    exact: u64,
    /// In lower case, with its hash, where that is not the same.
    lower: Option<(Arc<str>, u64)>,
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The hash that a text of these characters has.
    pub(crate) fn hash_of(text: &str) -> u64 {
        HASHING.hash_one(text)
    }

    /// The hash of the text.
    pub(crate) fn exact_hash(&self) -> u64 {
        self.exact
    }

    /// The text in lower case, with its hash.
    pub(crate) fn lower_case(&self) -> (&str, u64) {
        self.lower.as_ref().map_or((&self.text, self.exact), |(lower, hash)| (lower, *hash))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let exact = HASHING.hash_one(text);
        let has_capitals = !text.is_ascii() || text.bytes().any(|byte| byte.is_ascii_uppercase());
        let lower = has_capitals.then(|| text.to_lowercase()).filter(|lower| lower != text);
        let lower = lower.map(|lower| (Arc::from(lower.as_str()), HASHING.hash_one(lower.as_str())));
        Self { text: text.into(), exact, lower }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Self> for Text {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.text, &other.text) || (self.exact == other.exact && self.text == other.text)
    }
}

impl Eq for Text {}

impl From<&Text> for crate::Value {
    fn from(text: &Text) -> Self {
        Self::String(text.clone())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        *self.text == *other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self.text == **other
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.exact);
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from("")
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(formatter)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_with_and_without_regard_to_case() {
        let (lower, upper) = (Text::from("regn-ø"), Text::from("REGN-Ø"));
        assert_ne!(lower, upper);
        assert_ne!(lower.exact_hash(), upper.exact_hash());
        assert_eq!(lower.lower_case(), upper.lower_case());
        assert_eq!(lower.lower_case(), ("regn-ø", Text::hash_of("regn-ø")));
        assert_eq!(Text::from("a"), "a");
    }
}
