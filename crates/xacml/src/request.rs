//! What a decision is asked about: attributes in categories.

use std::fmt;

use thiserror::Error;

/// The data types of attribute values (core specification, appendix A.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `http://www.w3.org/2001/XMLSchema#string`
    String,
    /// `http://www.w3.org/2001/XMLSchema#anyURI`
    AnyUri,
    /// `http://www.w3.org/2001/XMLSchema#integer`
    Integer,
    /// `http://www.w3.org/2001/XMLSchema#boolean`
    Boolean,
}

impl DataType {
    const ALL: [Self; 4] = [Self::String, Self::AnyUri, Self::Integer, Self::Boolean];

    /// The identifier in documents.
    pub fn uri(self) -> &'static str {
        match self {
            Self::String => "http://www.w3.org/2001/XMLSchema#string",
            Self::AnyUri => "http://www.w3.org/2001/XMLSchema#anyURI",
            Self::Integer => "http://www.w3.org/2001/XMLSchema#integer",
            Self::Boolean => "http://www.w3.org/2001/XMLSchema#boolean",
        }
    }

    /// The type with this identifier.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.uri() == uri)
    }

    /// The type with this identifier or its short form in the JSON profile (§3.4.1): `string`, `integer`.
    pub fn from_uri_or_shorthand(text: &str) -> Option<Self> {
        let shorthand = |data_type: &Self| data_type.uri().rsplit('#').next() == Some(text);
        Self::from_uri(text).or_else(|| Self::ALL.into_iter().find(shorthand))
    }

    /// Reads a value of this type from its text.
    pub fn parse(self, text: &str) -> Result<Value, ValueError> {
        let wrong = || ValueError { data_type: self };
        // Only strings keep the white space around them; of the others it is no part of the value.
        match self {
            Self::String => Ok(Value::String(text.to_owned())),
            Self::AnyUri => Ok(Value::AnyUri(text.trim().to_owned())),
            Self::Integer => text.trim().parse().map(Value::Integer).map_err(|_| wrong()),
            Self::Boolean => match text.trim() {
                "true" | "1" => Ok(Value::Boolean(true)),
                "false" | "0" => Ok(Value::Boolean(false)),
                _ => Err(wrong()),
            },
        }
    }
}

/// A text that is not a value of its type. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the value is not of type {}", .data_type.uri())]
pub struct ValueError {
    /// The type it should have been.
    pub data_type: DataType,
}

/// An attribute value with its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// A string.
    String(String),
    /// A URI, compared as text.
    AnyUri(String),
    /// A whole number.
    Integer(i128),
    /// True or false.
    Boolean(bool),
}

impl Value {
    /// The value's type.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::String(_) => DataType::String,
            Self::AnyUri(_) => DataType::AnyUri,
            Self::Integer(_) => DataType::Integer,
            Self::Boolean(_) => DataType::Boolean,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) | Self::AnyUri(text) => formatter.write_str(text),
            Self::Integer(number) => number.fmt(formatter),
            Self::Boolean(truth) => truth.fmt(formatter),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// One value of an attribute. An attribute with several values (a bag) is given by several of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// The category it is in; see [`crate::category`].
    pub category: String,
    /// Names the attribute.
    pub id: String,
    /// Who vouches for it.
    pub issuer: Option<String>,
    /// The value.
    pub value: Value,
    /// Whether the answer shall repeat it.
    pub include_in_result: bool,
}

impl Attribute {
    /// A value without issuer, not repeated in the answer.
    pub fn new(category: &str, id: &str, value: Value) -> Self {
        Self { category: category.into(), id: id.into(), issuer: None, value, include_in_result: false }
    }
}

/// A single request for a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The attributes, in the order they were given.
    pub attributes: Vec<Attribute>,
}

impl Request {
    /// The values of an attribute, of whatever type and issuer.
    pub fn values<'a>(&'a self, category: &'a str, id: &'a str) -> impl Iterator<Item = &'a Value> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.category == category && attribute.id == id)
            .map(|attribute| &attribute.value)
    }

    /// Adds a value.
    pub fn push(&mut self, category: &str, id: &str, value: Value) {
        self.attributes.push(Attribute::new(category, id, value));
    }
}
