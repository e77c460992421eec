//! What a decision is asked about: attributes in categories.
//!
//! A [`Request`] asks for one decision. A document can ask for several, by naming a category more than once or by
//! listing combinations (OASIS *XACML v3.0 Multiple Decision Profile*); it is read as a [`RequestDocument`], whose
//! [`individual`](RequestDocument::individual) requests are what is decided.

pub mod json;
mod tree;
pub mod xml;

use std::collections::HashSet;
use std::sync::Arc;

use thiserror::Error;

use crate::load::{HIERARCHICAL, OneLine};
use crate::policy::Position;
use crate::value::{DataType, Text, Value};

/// The most individual decisions that one document may ask for.
pub const MAX_DECISIONS: usize = 500;
/// The most attribute values that one document may have.
pub const MAX_ATTRIBUTES: usize = 10_000;

/// Asks for a combination with each of several hierarchical resources (hierarchical profile of version 2.0).
const SCOPE: &str = "urn:oasis:names:tc:xacml:2.0:resource:scope";
/// Asks for a decision for each node that an XPath expression selects (multiple decision profile §2.2).
const CONTENT_SELECTOR: &str = "urn:oasis:names:tc:xacml:3.0:profile:multiple:content-selector";

/// The values of an attribute, from one issuer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// Names it.
    pub id: Text,
    /// Who vouches for it.
    pub issuer: Option<String>,
    /// Its values, of one type or several.
    pub values: Vec<Value>,
    /// Whether the answer shall repeat it.
    pub include_in_result: bool,
}

/// The attributes of a category.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AttributeCategory {
    /// Which; see [`crate::category`].
    pub category: Text,
    /// What references call it.
    pub id: Option<String>,
    /// The attributes, in the order they were given.
    pub attributes: Vec<Attribute>,
}

/// A request for one decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The attributes. A category can be there more than once; its attributes count together.
    pub categories: Vec<Arc<AttributeCategory>>,
    /// Whether the answer shall say which policies applied.
    pub return_policy_ids: bool,
}

impl Request {
    /// The values of an attribute, of whatever type and issuer.
    pub fn values<'a>(&'a self, category: &'a str, id: &'a str) -> impl Iterator<Item = &'a Value> {
        self.attributes(category).filter(move |attribute| attribute.id == *id).flat_map(|attribute| &attribute.values)
    }

    /// The attributes of a category.
    pub fn attributes<'a>(&'a self, category: &'a str) -> impl Iterator<Item = &'a Attribute> {
        self.categories.iter().filter(move |group| group.category == *category).flat_map(|group| &group.attributes)
    }

    /// Adds a value, without issuer and not to be repeated in the answer. Whoever asks often keeps the names as
    /// [`Text`], which know their hashes.
    pub fn push(&mut self, category: impl Into<Text>, id: impl Into<Text>, value: Value) {
        let (category, id) = (category.into(), id.into());
        let group = match self.categories.iter_mut().position(|group| group.category == category) {
            Some(at) => self.categories.get_mut(at),
            None => {
                self.categories.push(Arc::new(AttributeCategory { category, ..Default::default() }));
                self.categories.last_mut()
            }
        };
        let Some(group) = group.map(Arc::make_mut) else { return };
        let own = |attribute: &&mut Attribute| {
            attribute.id == id && attribute.issuer.is_none() && !attribute.include_in_result
        };
        match group.attributes.iter_mut().find(own) {
            Some(attribute) => attribute.values.push(value),
            None => {
                group.attributes.push(Attribute { id, issuer: None, values: vec![value], include_in_result: false });
            }
        }
    }

    /// What the answer shall repeat.
    pub(crate) fn to_repeat(&self) -> Vec<AttributeCategory> {
        let is_wanted = |group: &Arc<AttributeCategory>| group.attributes.iter().any(|of| of.include_in_result);
        if !self.categories.iter().any(is_wanted) {
            return vec![];
        }
        let wanted = |group: &Arc<AttributeCategory>| {
            let attributes: Vec<_> =
                group.attributes.iter().filter(|attribute| attribute.include_in_result).cloned().collect();
            (!attributes.is_empty()).then(|| AttributeCategory {
                category: group.category.clone(),
                id: group.id.clone(),
                attributes,
            })
        };
        self.categories.iter().filter_map(wanted).collect()
    }
}

/// A request document: one decision, or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestDocument {
    /// The attributes, in the order they were given. A category that is there more than once asks for a decision for
    /// each.
    pub categories: Vec<Arc<AttributeCategory>>,
    /// Combinations of categories, by their ids: a decision for each. Without any, all categories are combined.
    pub references: Vec<Vec<String>>,
    /// Whether the answer shall say which policies applied.
    pub return_policy_ids: bool,
    /// Whether the answers shall become one.
    pub combined_decision: bool,
}

impl RequestDocument {
    /// The requests for one decision each, in order: of the references, or of all combinations of the categories, of
    /// which the first changes slowest.
    ///
    /// # Errors
    /// References to what is not there, or to the same category twice; more than [`MAX_DECISIONS`] combinations; what
    /// the hierarchical profile or XPath would be needed for.
    pub fn individual(&self) -> Result<Vec<Request>, RequestError> {
        self.check_profiles()?;
        if self.references.is_empty() {
            return self.combinations(&self.categories);
        }
        if self.references.len() > MAX_DECISIONS {
            return Err(RequestErrorKind::TooMany.into());
        }
        let mut ids = HashSet::new();
        if let Some(id) = self.categories.iter().filter_map(|group| group.id.as_ref()).find(|id| !ids.insert(*id)) {
            return Err(RequestErrorKind::DuplicateId(id.clone()).into());
        }
        self.references.iter().map(|ids| self.referenced(ids)).collect()
    }

    /// All attributes as one request, whether or not a category is there more than once.
    pub fn merged(&self) -> Request {
        Request { categories: self.categories.clone(), return_policy_ids: self.return_policy_ids }
    }

    fn referenced(&self, ids: &[String]) -> Result<Request, RequestError> {
        let mut chosen: Vec<Arc<AttributeCategory>> = Vec::with_capacity(ids.len());
        for id in ids {
            let named = self.categories.iter().find(|group| group.id.as_ref() == Some(id));
            let group = named.ok_or_else(|| RequestErrorKind::UnknownReference(id.clone()))?;
            if chosen.iter().any(|other| other.category == group.category) {
                return Err(RequestErrorKind::RepeatedCategory(group.category.to_string()).into());
            }
            chosen.push(Arc::clone(group));
        }
        Ok(Request { categories: chosen, return_policy_ids: self.return_policy_ids })
    }

    fn combinations(&self, categories: &[Arc<AttributeCategory>]) -> Result<Vec<Request>, RequestError> {
        let mut by_category: Vec<Vec<&Arc<AttributeCategory>>> = Vec::new();
        for group in categories {
            let same = |others: &&mut Vec<&Arc<AttributeCategory>>| {
                others.first().is_some_and(|other| other.category == group.category)
            };
            match by_category.iter_mut().find(same) {
                Some(others) => others.push(group),
                None => by_category.push(vec![group]),
            }
        }
        let mut combined: Vec<Vec<Arc<AttributeCategory>>> = vec![vec![]];
        for alternatives in by_category {
            if combined.len().saturating_mul(alternatives.len()) > MAX_DECISIONS {
                return Err(RequestErrorKind::TooMany.into());
            }
            let extended = |chosen: &Vec<Arc<AttributeCategory>>| {
                let chosen = chosen.clone();
                alternatives
                    .iter()
                    .map(move |group| chosen.iter().chain([*group]).cloned().collect())
                    .collect::<Vec<_>>()
            };
            combined = combined.iter().flat_map(extended).collect();
        }
        let return_policy_ids = self.return_policy_ids;
        Ok(combined.into_iter().map(|categories| Request { categories, return_policy_ids }).collect())
    }

    fn check_profiles(&self) -> Result<(), RequestError> {
        for attribute in self.categories.iter().flat_map(|group| &group.attributes) {
            let is_immediate = |value: &Value| value.as_str() == Some("Immediate");
            if attribute.id == *CONTENT_SELECTOR {
                return Err(RequestErrorKind::Unsupported("an XPath expression that selects content").into());
            }
            let asks_for_hierarchy = attribute.id == *SCOPE && !attribute.values.iter().all(is_immediate);
            if asks_for_hierarchy || HIERARCHICAL.contains(&&*attribute.id) {
                return Err(RequestErrorKind::Unsupported("the hierarchical resource profile").into());
            }
        }
        Ok(())
    }

    fn check_size(&self) -> Result<(), RequestError> {
        let values =
            self.categories.iter().flat_map(|group| &group.attributes).map(|of| of.values.len()).sum::<usize>();
        if values > MAX_ATTRIBUTES { Err(RequestErrorKind::TooMany.into()) } else { Ok(()) }
    }
}

/// A request document that cannot be used, and where, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// Where in the document.
    pub position: Option<Position>,
    /// What is wrong.
    pub kind: RequestErrorKind,
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(formatter, "line {line} column {column}: ")?;
        }
        OneLine(&self.kind).fmt(formatter)
    }
}

impl std::error::Error for RequestError {}

impl From<RequestErrorKind> for RequestError {
    fn from(kind: RequestErrorKind) -> Self {
        Self { position: None, kind }
    }
}

/// Why a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestErrorKind {
    /// Not XML, or not JSON, or more than is read.
    #[error("the document cannot be read: {0}")]
    Document(String),
    /// A member, element or attribute that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member of the wrong kind.
    #[error("`{0}` is not {1}")]
    Kind(&'static str, &'static str),
    /// An element or attribute that does not belong there.
    #[error("`{0}` does not belong here")]
    Unexpected(String),
    /// A type that is not known.
    #[error("the data type `{0}` is not known")]
    DataType(String),
    /// A value that is not of its type.
    #[error("a value of `{id}` is not of type {}", .data_type.shorthand())]
    Value {
        /// The attribute.
        id: String,
        /// The type.
        data_type: DataType,
    },
    /// A list whose values are of different types.
    #[error("the values of `{0}` are not of one type")]
    MixedValues(String),
    /// An id that two categories have.
    #[error("the id `{0}` is used more than once")]
    DuplicateId(String),
    /// A reference to an id that no category has.
    #[error("no category has the id `{0}`")]
    UnknownReference(String),
    /// A reference to two categories of the same kind.
    #[error("a request reference names the category `{0}` more than once")]
    RepeatedCategory(String),
    /// What would need something that is not there.
    #[error("the request needs {0}, which is not supported")]
    Unsupported(&'static str),
    /// Too much is asked for.
    #[error("at most {MAX_DECISIONS} decisions and {MAX_ATTRIBUTES} attribute values can be asked for at once")]
    TooMany,
}

impl RequestErrorKind {
    /// Whether the document's shape is wrong, rather than what it says.
    pub fn is_shape(&self) -> bool {
        matches!(self, Self::Document(_) | Self::Missing(_) | Self::Kind(..) | Self::Unexpected(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(category: &str, id: &str) -> Arc<AttributeCategory> {
        Arc::new(AttributeCategory { category: category.into(), id: Some(id.into()), attributes: vec![] })
    }

    fn ids(requests: &[Request]) -> Vec<String> {
        let of = |request: &Request| request.categories.iter().filter_map(|group| group.id.clone()).collect::<String>();
        requests.iter().map(of).collect()
    }

    #[test]
    fn repeated_categories_are_combined() {
        let categories = vec![group("s", "1"), group("r", "a"), group("s", "2"), group("r", "b"), group("x", "!")];
        let document = RequestDocument { categories, ..Default::default() };
        assert_eq!(ids(&document.individual().unwrap()), ["1a!", "1b!", "2a!", "2b!"]);
        assert_eq!(ids(&[document.merged()]), ["1a2b!"]);
        assert_eq!(ids(&RequestDocument::default().individual().unwrap()), [""]);
    }

    #[test]
    fn references_choose_what_is_combined() {
        let categories = vec![group("s", "1"), group("r", "a"), group("r", "b")];
        let with = |references: &[&[&str]]| RequestDocument {
            categories: categories.clone(),
            references: references.iter().map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()).collect(),
            ..Default::default()
        };
        assert_eq!(ids(&with(&[&["1", "b"], &["a", "1"], &["1"]]).individual().unwrap()), ["1b", "a1", "1"]);
        assert_eq!(with(&[&["2"]]).individual().unwrap_err().kind, RequestErrorKind::UnknownReference("2".into()));
        assert_eq!(with(&[&["a", "b"]]).individual().unwrap_err().kind, RequestErrorKind::RepeatedCategory("r".into()));
        let twice = RequestDocument { categories: vec![group("s", "1"), group("r", "1")], ..with(&[&["1"]]) };
        assert_eq!(twice.individual().unwrap_err().kind, RequestErrorKind::DuplicateId("1".into()));
        let many: Vec<&[&str]> = vec![&["1"]; MAX_DECISIONS + 1];
        assert_eq!(with(&many).individual().unwrap_err().kind, RequestErrorKind::TooMany);
    }

    #[test]
    fn too_many_combinations_are_refused_before_they_are_made() {
        let categories = (0..60).map(|at| group(["s", "r", "a"][at % 3], &at.to_string())).collect();
        let document = RequestDocument { categories, ..Default::default() };
        assert_eq!(document.individual().unwrap_err().kind, RequestErrorKind::TooMany);
    }

    #[test]
    fn hierarchies_are_refused() {
        let scoped = |scope: &str| {
            let mut request = Request::default();
            request.push("resource", SCOPE, scope.into());
            RequestDocument { categories: request.categories, ..Default::default() }.individual()
        };
        assert_eq!(scoped("Immediate").unwrap().len(), 1);
        assert_eq!(
            scoped("Descendants").unwrap_err().to_string(),
            "the request needs the hierarchical resource profile, which is not supported"
        );
    }
}
