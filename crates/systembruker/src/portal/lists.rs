//! Lists: what is looked for in them, and their pages.

use url::form_urlencoded::Serializer;

/// What is looked for in a list: every word has to be somewhere in what is looked at, whatever the case.
#[derive(Debug)]
pub struct Search(Vec<String>);

impl Search {
    /// The words of what was typed.
    pub fn new(typed: &str) -> Self {
        Self(typed.to_lowercase().split_whitespace().map(str::to_owned).collect())
    }

    /// Whether all its words are in a text.
    pub fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().all(|word| text.contains(word))
    }
}

/// The rows of one page of a list.
#[derive(Debug)]
pub struct Paged<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// How many the whole list has.
    pub count: usize,
    /// The number of this page, from 1, and of the last.
    pub pages: (usize, usize),
}

/// Takes the page with this number, counted from 1, or the nearest there is.
pub fn paged<T>(rows: Vec<T>, number: Option<usize>, size: usize) -> Paged<T> {
    let (count, last) = (rows.len(), rows.len().div_ceil(size).max(1));
    let number = number.unwrap_or(1).clamp(1, last);
    Paged { rows: rows.into_iter().skip((number - 1) * size).take(size).collect(), count, pages: (number, last) }
}

/// The query that leads to a page of the list, with what is looked for.
pub fn query_of(fields: &[(&str, &str)], number: usize) -> String {
    let given = fields.iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(given).append_pair("page", &number.to_string()).finish();
    format!("?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_looked_for_whatever_the_case() {
        let search = Search::new("  Subtil\u{a0}APE  310 ");
        assert!(search.is_in("TILFELDIG SUBTIL APE 310904473"));
        assert!(!search.is_in("TILFELDIG SUBTIL"));
        assert!(Search::new("").is_in("anything"));
    }

    #[test]
    fn pages_are_counted_from_one_and_there_is_always_one() {
        let page = |count: usize, number| {
            let Paged { rows, pages, count } = paged((1..=count).collect(), number, 10);
            (rows.first().copied(), rows.len(), pages, count)
        };
        assert_eq!(page(0, None), (None, 0, (1, 1), 0));
        assert_eq!(page(10, Some(2)), (Some(1), 10, (1, 1), 10));
        assert_eq!(page(11, Some(2)), (Some(11), 1, (2, 2), 11));
        assert_eq!(page(11, Some(0)), (Some(1), 10, (1, 2), 11));
        assert_eq!(page(11, Some(usize::MAX)), (Some(11), 1, (2, 2), 11));
    }

    #[test]
    fn what_is_looked_for_goes_along_to_the_next_page() {
        assert_eq!(query_of(&[("q", "a & b"), ("kind", "")], 2), "?q=a+%26+b&page=2");
    }
}
