//! JSON whose member names are read in any case.
//!
//! Clients in use write `vendor.id`, `vendor.ID` and `Vendor` for the same member. Types are written with the names the
//! documentation has; this deserializer finds the member that is meant.

use std::collections::VecDeque;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

/// A JSON value, read as a type whose member names match in any case.
pub struct AnyCase(pub Value);

impl<'de> Deserializer<'de> for AnyCase {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(values) => visitor.visit_seq(Elements(values.into())),
            Value::Object(members) => visitor.visit_map(Members::new(members, &[])),
            Value::String(text) => visitor.visit_string(storable(text)?),
            scalar => scalar.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(members) => visitor.visit_map(Members::new(members, fields)),
            // A list is no object, however serde would read it.
            other => Err(serde::de::Error::invalid_type(unexpected(&other), &"an object")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// Not every database can keep the character U+0000, and no text has a use for it.
fn storable(text: String) -> Result<String, Error> {
    if text.contains('\0') { Err(serde::de::Error::custom("the character U+0000 is not accepted")) } else { Ok(text) }
}

fn unexpected(value: &Value) -> serde::de::Unexpected<'_> {
    match value {
        Value::Null => serde::de::Unexpected::Unit,
        Value::Bool(truth) => serde::de::Unexpected::Bool(*truth),
        Value::Number(_) => serde::de::Unexpected::Other("a number"),
        Value::String(_) => serde::de::Unexpected::Other("a text"),
        Value::Array(_) => serde::de::Unexpected::Seq,
        Value::Object(_) => serde::de::Unexpected::Map,
    }
}

struct Elements(VecDeque<Value>);

impl<'de> SeqAccess<'de> for Elements {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.pop_front().map(|value| seed.deserialize(AnyCase(value))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The members of an object under the names of the fields they are for. Of several members for one field the last
/// counts, as in other implementations of these APIs.
struct Members {
    members: serde_json::map::IntoIter,
    value: Option<Value>,
}

impl Members {
    fn new(members: Map<String, Value>, fields: &'static [&'static str]) -> Self {
        let mut renamed = Map::with_capacity(members.len());
        for (name, value) in members {
            let field = fields.iter().find(|field| field.eq_ignore_ascii_case(&name));
            renamed.insert(field.map_or(name, |field| (*field).to_owned()), value);
        }
        Self { members: renamed.into_iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = Some(value);
        let name = storable(name)?;
        let name: StrDeserializer<'_, Error> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(AnyCase(self.value.take().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct System {
        id: String,
        vendor: Vendor,
        #[serde(default)]
        access_packages: Vec<Vendor>,
        redirect_url: Option<String>,
        #[serde(default)]
        name: BTreeMap<String, String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Vendor {
        #[serde(rename = "ID")]
        id: String,
    }

    fn read(value: Value) -> Result<System, Error> {
        System::deserialize(AnyCase(value))
    }

    #[test]
    fn names_match_in_any_case_at_every_depth() {
        let expected = read(
            json!({"id": "a", "vendor": {"ID": "v"}, "accessPackages": [{"ID": "p"}], "redirectUrl": "r", "name": {"nb": "x"}}),
        );
        let mixed = read(
            json!({"Id": "a", "VENDOR": {"id": "v"}, "accesspackages": [{"Id": "p"}], "RedirectURL": "r", "Name": {"nb": "x"}, "unknown": [1]}),
        );
        assert_eq!(mixed.unwrap(), expected.unwrap());
    }

    #[test]
    fn names_in_maps_are_kept_and_the_last_of_several_counts() {
        let system = read(json!({"id": "a", "ID": "b", "vendor": {"ID": "v"}, "name": {"NB": "x"}})).unwrap();
        assert_eq!(system.id, "b");
        assert_eq!(system.name, BTreeMap::from([("NB".into(), "x".into())]));
        assert!(read(json!({"id": "a", "vendor": ["v"]})).is_err());
        assert!(read(json!({"id": 1, "vendor": {"ID": "v"}})).is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[\\[\\]{}\",:a-cI0-9 ]{0,60}") {
            if let Ok(value) = serde_json::from_str(&text) {
                let _ = read(value);
            }
        }
    }
}
