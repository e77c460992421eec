//! Paths as clients write them: literal segments in any case, a slash too many at the end or between.
//!
//! The templates of all routes are a tree. A path that fits a template is rewritten to it: its literal segments get
//! their own spelling, its parameters are kept to the letter. A literal fits before a parameter does.

use std::collections::{BTreeMap, HashSet};

use axum::http::Uri;

/// The templates of the routes, such as `/authentication/api/v1/systemuser/request/vendor/{requestId}`.
#[derive(Debug, Default)]
pub struct Literals {
    root: Node,
    /// The templates without parameters, which most paths are to the letter.
    whole: HashSet<String>,
}

#[derive(Debug, Default)]
struct Node {
    /// By the literal in lower case: how the route spells it, and what comes below.
    literals: BTreeMap<String, (String, Node)>,
    parameter: Option<Box<Node>>,
    ends: bool,
}

impl Literals {
    /// The tree of these templates.
    pub fn new<'a>(templates: impl IntoIterator<Item = &'a str>) -> Self {
        let mut tree = Self::default();
        for template in templates {
            if !template.contains('{') {
                tree.whole.insert(template.to_owned());
            }
            let mut node = &mut tree.root;
            for segment in segments(template) {
                node = if segment.starts_with('{') {
                    node.parameter.get_or_insert_default()
                } else {
                    let entry = node.literals.entry(segment.to_ascii_lowercase());
                    &mut entry.or_insert_with(|| (segment.to_owned(), Node::default())).1
                };
            }
            node.ends = true;
        }
        tree
    }

    /// The path as its route spells it; `None` where no route fits, or nothing is to be changed.
    pub fn canonical(&self, path: &str) -> Option<String> {
        if self.whole.contains(path) {
            return None;
        }
        let parts: Vec<&str> = segments(path).collect();
        let mut canonical = Vec::with_capacity(parts.len());
        if !self.root.fit(&parts, &mut canonical) {
            return None;
        }
        let canonical = format!("/{}", canonical.join("/"));
        (canonical != path).then_some(canonical)
    }

    /// The address with its path as its route spells it.
    pub fn rewrite(&self, uri: &Uri) -> Option<Uri> {
        let path = self.canonical(uri.path())?;
        let path_and_query = match uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(path_and_query.parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

impl Node {
    fn fit<'a>(&'a self, parts: &[&'a str], canonical: &mut Vec<&'a str>) -> bool {
        let Some((part, rest)) = parts.split_first() else { return self.ends };
        if let Some((spelling, node)) = self.literals.get(&part.to_ascii_lowercase()) {
            canonical.push(spelling);
            if node.fit(rest, canonical) {
                return true;
            }
            canonical.pop();
        }
        if let Some(node) = &self.parameter {
            canonical.push(part);
            if node.fit(rest, canonical) {
                return true;
            }
            canonical.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEMPLATES: [&str; 5] =
        ["/token", "/a/vendor", "/a/vendor/{id}", "/a/vendor/byExternalRef/{system}/{ref}", "/a/{party}/{id}"];

    #[test]
    fn literals_get_their_spelling_and_parameters_keep_theirs() {
        let literals = Literals::new(TEMPLATES);
        let canonical = |path| literals.canonical(path);
        assert_eq!(canonical("/TOKEN").as_deref(), Some("/token"));
        assert_eq!(canonical("//token").as_deref(), Some("/token"));
        assert_eq!(canonical("/A/Vendor/").as_deref(), Some("/a/vendor"));
        assert_eq!(canonical("/a/VENDOR/MySystem").as_deref(), Some("/a/vendor/MySystem"));
        assert_eq!(
            canonical("/a/vendor/BYEXTERNALREF/Vendor/Ref%2F").as_deref(),
            Some("/a/vendor/byExternalRef/Vendor/Ref%2F")
        );
        assert_eq!(canonical("/a/5/X/").as_deref(), Some("/a/5/X"));
        assert_eq!(canonical("/token"), None);
        assert_eq!(canonical("/a/b/c/d"), None);
    }

    #[test]
    fn the_query_is_kept() {
        let literals = Literals::new(TEMPLATES);
        let rewritten = literals.rewrite(&"/Token/?A=b".parse().unwrap());
        assert_eq!(rewritten, Some("/token?A=b".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn what_is_rewritten_stays(path in "(/[aAvVtTokenDr.%]{0,8}){0,5}") {
            let literals = Literals::new(TEMPLATES);
            if let Some(canonical) = literals.canonical(&path) {
                prop_assert_eq!(literals.canonical(&canonical), None);
            }
        }
    }
}
