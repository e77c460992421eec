//! Queries whose parameter names are read in any case, as clients in use write them: `ClientId` for `clientId`, `True`
//! for `true`. A parameter without a value is as good as left out.

use std::fmt;

use serde::de::value::{MapDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// What is wrong with a query, and with which parameter.
#[derive(Debug)]
pub struct QueryError {
    /// The parameter, where it is one.
    pub parameter: Option<String>,
    /// In words.
    pub text: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for QueryError {}

impl serde::de::Error for QueryError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { parameter: None, text: text.to_string() }
    }
}

/// Reads a query.
pub fn read<T: DeserializeOwned>(query: &str) -> Result<T, QueryError> {
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    T::deserialize(Parameters(pairs.filter(|(_, value)| !value.is_empty()).collect()))
}

struct Parameters(Vec<(String, String)>);

impl<'de> Deserializer<'de> for Parameters {
    type Error = QueryError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        let values = self.0.into_iter().map(|(name, text)| (name.clone(), Parameter { name, text }));
        visitor.visit_map(MapDeserializer::new(values))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, QueryError> {
        let named = |(name, value): (String, String)| {
            let field = fields.iter().find(|field| field.eq_ignore_ascii_case(&name));
            (field.map_or(name, |field| (*field).to_owned()), value)
        };
        Self(self.0.into_iter().map(named).collect()).deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The value of a parameter: a text, which is read as whatever is wanted.
struct Parameter {
    name: String,
    text: String,
}

impl Parameter {
    fn read<V>(
        self,
        read: impl FnOnce(StringDeserializer<QueryError>) -> Result<V, QueryError>,
    ) -> Result<V, QueryError> {
        let Self { name, text } = self;
        read(text.into_deserializer())
            .map_err(|error| QueryError { parameter: error.parameter.or(Some(name)), ..error })
    }

    fn parsed<T: std::str::FromStr, V>(
        self,
        what: &str,
        visit: impl FnOnce(T) -> Result<V, QueryError>,
    ) -> Result<V, QueryError> {
        match self.text.trim().parse() {
            Ok(value) => visit(value),
            Err(_) => {
                let text = format!("The parameter {} is not {what}.", self.name);
                Err(QueryError { parameter: Some(self.name), text })
            }
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
                self.parsed("a number that can be", |number| visitor.$visit(number))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Parameter {
    type Error = QueryError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        self.read(|text| text.deserialize_any(visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, QueryError> {
        self.text.make_ascii_lowercase();
        self.parsed("true or false", |truth| visitor.visit_bool(truth))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, QueryError> {
        self.read(|text| text.deserialize_enum(name, variants, visitor))
    }

    numbers! {
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
        deserialize_f32 visit_f32 deserialize_f64 visit_f64
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, QueryError> for Parameter {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Query {
        client_id: Option<String>,
        #[serde(default)]
        test: bool,
        page: Option<u16>,
        agent: Option<Uuid>,
    }

    #[test]
    fn names_are_read_in_any_case_and_what_is_wrong_is_named() {
        let id = Uuid::from_u128(7);
        let expected = Query { client_id: Some("a b".into()), test: true, page: Some(3), agent: Some(id) };
        assert_eq!(read::<Query>(&format!("ClientId=a+b&TEST=True&page=3&Agent={id}&other=x")).unwrap(), expected);
        let none = Query { client_id: None, test: false, page: None, agent: None };
        assert_eq!(read::<Query>("clientId=&test=&page").unwrap(), none);
        assert_eq!(read::<Query>("").unwrap(), none);
        for (query, parameter) in [
            ("test=perhaps", Some("test")),
            ("Page=x", Some("page")),
            ("page=70000", Some("page")),
            ("agent=x", Some("agent")),
            ("page=1&Page=2", None),
        ] {
            assert_eq!(read::<Query>(query).unwrap_err().parameter.as_deref(), parameter, "{query}");
        }
    }
}
