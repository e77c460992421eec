//! Regular expressions of XML Schema and XPath (XQuery and XPath functions §7.6.1), matched in linear time.
//!
//! The pattern is rewritten into the dialect of the `regex` crate. Back references have no place in it and are refused.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 4096;
/// The largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Compiles; an error says what is wrong.
    pub(crate) fn compile(pattern: &str) -> Result<Self, &'static str> {
        if pattern.len() > MAX_PATTERN {
            return Err("the pattern is too long");
        }
        let rewritten = rewrite(pattern)?;
        RegexBuilder::new(&rewritten)
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_COMPILED)
            .nest_limit(50)
            .build()
            .map(Self)
            .map_err(|_| "the pattern is not a regular expression, or needs too much memory")
    }

    /// Whether the pattern is found anywhere in the text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

const NAME_START: &str = r"_:A-Za-z\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{2FF}\u{370}-\u{37D}\u{37F}-\u{1FFF}\u{200C}-\u{200D}\u{2070}-\u{218F}\u{2C00}-\u{2FEF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFFD}\u{10000}-\u{EFFFF}";
const NAME_MORE: &str = r"\-.0-9\u{B7}\u{300}-\u{36F}\u{203F}-\u{2040}";

fn rewrite(pattern: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars().peekable();
    let mut depth = 0_usize;
    while let Some(character) = characters.next() {
        match character {
            '\\' => escape(&mut characters, &mut out)?,
            '[' => {
                depth += 1;
                out.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // A bracket that closes right away would be a member in the other dialect.
                if characters.peek() == Some(&']') {
                    return Err("the pattern has an empty class");
                }
            }
            ']' if depth > 0 => {
                depth -= 1;
                out.push(']');
            }
            // `[a-z-[aeiou]]` takes one class from another.
            '-' if depth > 0 && characters.peek() == Some(&'[') => out.push_str("--"),
            '-' if depth > 0 && characters.peek() == Some(&']') => out.push_str("\\-"),
            '&' | '~' if depth > 0 => {
                out.push('\\');
                out.push(character);
            }
            '.' if depth == 0 => out.push_str("[^\\n\\r]"),
            '(' if depth == 0 => {
                out.push('(');
                if characters.next_if_eq(&'?').is_some() {
                    if characters.next() != Some(':') {
                        return Err("the pattern has a group of a kind that is not known");
                    }
                    out.push_str("?:");
                }
            }
            ']' => return Err("the pattern closes a class that is not open"),
            other => out.push(other),
        }
    }
    if depth > 0 { Err("the pattern has a class that does not end") } else { Ok(out) }
}

fn escape(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    let escaped = characters.next().ok_or("the pattern ends in an escape")?;
    match escaped {
        'n' | 'r' | 't' | '\\' | '|' | '.' | '-' | '^' | '?' | '*' | '+' | '{' | '}' | '(' | ')' | '[' | ']' | '$' => {
            out.push('\\');
            out.push(escaped);
        }
        's' => out.push_str("[ \\t\\n\\r]"),
        'S' => out.push_str("[^ \\t\\n\\r]"),
        'd' => out.push_str("\\p{Nd}"),
        'D' => out.push_str("\\P{Nd}"),
        'w' => out.push_str("[^\\p{P}\\p{Z}\\p{C}]"),
        'W' => out.push_str("[\\p{P}\\p{Z}\\p{C}]"),
        'i' => write_class(out, "[", &[NAME_START]),
        'I' => write_class(out, "[^", &[NAME_START]),
        'c' => write_class(out, "[", &[NAME_START, NAME_MORE]),
        'C' => write_class(out, "[^", &[NAME_START, NAME_MORE]),
        'p' | 'P' => {
            if characters.next() != Some('{') {
                return Err("the pattern has a category without a name");
            }
            let name: String = characters.by_ref().take_while(|c| *c != '}').collect();
            // Blocks of Unicode (`IsBasicLatin`) are not known to the library.
            if name.is_empty() || name.len() > 2 || !name.chars().all(|c| c.is_ascii_alphabetic()) {
                return Err("the pattern names a category that is not known");
            }
            let _ = write!(out, "\\{escaped}{{{name}}}");
        }
        _ => return Err("the pattern has an escape that is not known"),
    }
    Ok(())
}

fn write_class(out: &mut String, open: &str, parts: &[&str]) {
    out.push_str(open);
    for part in parts {
        out.push_str(part);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(pattern: &str, text: &str) -> bool {
        Pattern::compile(pattern).unwrap().is_in(text)
    }

    #[test]
    fn patterns_are_those_of_xpath() {
        assert!(found("is .*IT!", "This  is not IT!"));
        assert!(found("^a[b-d]+$", "abcd") && !found("^a[b-d]+$", "abcde"));
        assert!(found("^[a-z-[aeiou]]+$", "xyz") && !found("^[a-z-[aeiou]]+$", "axyz"));
        assert!(found(r"^\i\c*$", "_name-1") && !found(r"^\i\c*$", "1name"));
        assert!(found(r"^\d{3}\.\d{3}$", "123.456") && !found(r"^\d{3}\.\d{3}$", "123x456"));
        assert!(found(r"^\p{Lu}\w*$", "Øystein") && !found(r"^\p{Lu}\w*$", "øystein"));
        assert!(!found("a.b", "a\nb"));
        assert!(found("^[a&&b]$", "&") && found("^[ab-]$", "-") && found(r"^[\]x]$", "]"));
        assert!(found("(?:a|b){2}", "ab"));
        assert!(found("", ""));
    }

    #[test]
    fn what_is_no_such_pattern_is_refused() {
        for wrong in [
            r"(a)\1",
            "[]a]",
            "[a",
            "a]",
            r"\bword",
            r"\x41",
            "(?i)a",
            "(",
            "a{2,1}",
            r"\p{IsGreek}",
            "\\",
            "*a",
            "((a{1000}){1000}){1000}",
        ] {
            assert!(Pattern::compile(wrong).is_err(), "{wrong}");
        }
        assert!(Pattern::compile(&"a".repeat(MAX_PATTERN + 1)).is_err());
        assert!(Pattern::compile(&"(".repeat(4000)).is_err());
    }

    proptest! {
        #[test]
        fn compiling_never_panics(pattern in "[\\[\\]()\\\\^$.|?*+{}a-c0-3,&~-]{0,30}", text in "\\PC{0,20}") {
            if let Ok(pattern) = Pattern::compile(&pattern) {
                let _ = pattern.is_in(&text);
            }
        }
    }
}
