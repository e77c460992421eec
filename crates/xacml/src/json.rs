//! Requests in the JSON profile (OASIS *JSON Profile of XACML 3.0*, version 1.1).
//!
//! Member names are read in any case, since clients in use write `Request` and `request`. Values may be texts or JSON
//! numbers and truth values, types may be given by their short names, and `null` is as good as nothing.

use serde_json::{Map, Value as Json};
use thiserror::Error;

use crate::category;
use crate::request::{Attribute, DataType, Request, Value};

/// The most individual decisions that one request may ask for.
pub const MAX_DECISIONS: usize = 500;
/// The most attribute values that one request may have.
pub const MAX_ATTRIBUTES: usize = 10_000;

/// Why a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// A member that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member of the wrong kind.
    #[error("`{0}` is not {1}")]
    Kind(&'static str, &'static str),
    /// A type that is not known.
    #[error("the data type `{0}` is not known")]
    DataType(String),
    /// A value that is not of its type.
    #[error("the value of `{0}` is not of its data type")]
    Value(String),
    /// More than one reference, and a category without id.
    #[error("with several request references, every category needs an `Id`")]
    NoId,
    /// Too much is asked for.
    #[error("at most {MAX_DECISIONS} decisions and {MAX_ATTRIBUTES} attribute values can be asked for at once")]
    TooMany,
}

impl RequestError {
    /// Whether the document's shape is wrong, rather than what it says.
    pub fn is_shape(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Kind(..))
    }
}

struct CategoryObject {
    id: Option<String>,
    attributes: Vec<Attribute>,
}

/// Reads a request document into the individual decisions it asks for, in order. Without `MultiRequests`, or with a
/// single reference, it is one.
pub fn parse_request(document: &Json) -> Result<Vec<Request>, RequestError> {
    let root = object(document, "Request")?;
    let request = object(member(root, "Request").ok_or(RequestError::Missing("Request"))?, "Request")?;
    let mut categories = Vec::new();
    for (name, category) in [
        ("AccessSubject", category::ACCESS_SUBJECT),
        ("Resource", category::RESOURCE),
        ("Action", category::ACTION),
        ("Environment", category::ENVIRONMENT),
    ] {
        for element in array(request, name)? {
            categories.push(read_category(element, name, Some(category))?);
        }
    }
    for element in array(request, "Category")? {
        categories.push(read_category(element, "Category", None)?);
    }
    if categories.iter().map(|category| category.attributes.len()).sum::<usize>() > MAX_ATTRIBUTES {
        return Err(RequestError::TooMany);
    }
    let references = references(request)?;
    if references.len() < 2 {
        let attributes = categories.into_iter().flat_map(|category| category.attributes).collect();
        return Ok(vec![Request { attributes }]);
    }
    if references.len() > MAX_DECISIONS {
        return Err(RequestError::TooMany);
    }
    if categories.iter().any(|category| category.id.is_none()) {
        return Err(RequestError::NoId);
    }
    let individual = |ids: Vec<String>| {
        let chosen = categories.iter().filter(|category| category.id.as_ref().is_some_and(|id| ids.contains(id)));
        Request { attributes: chosen.flat_map(|category| category.attributes.clone()).collect() }
    };
    Ok(references.into_iter().map(individual).collect())
}

fn references(request: &Map<String, Json>) -> Result<Vec<Vec<String>>, RequestError> {
    let Some(multi) = member(request, "MultiRequests") else { return Ok(vec![]) };
    array(object(multi, "MultiRequests")?, "RequestReference")?
        .iter()
        .map(|reference| {
            array(object(reference, "RequestReference")?, "ReferenceId")?
                .iter()
                .map(|id| id.as_str().map(str::to_owned).ok_or(RequestError::Kind("ReferenceId", "an array of texts")))
                .collect()
        })
        .collect()
}

fn read_category(element: &Json, name: &'static str, category: Option<&str>) -> Result<CategoryObject, RequestError> {
    let element = object(element, name)?;
    let category = match category {
        Some(category) => category.to_owned(),
        None => text(element, "CategoryId")?.ok_or(RequestError::Missing("CategoryId"))?,
    };
    let mut attributes = Vec::new();
    for attribute in array(element, "Attribute")? {
        read_attribute(object(attribute, "Attribute")?, &category, &mut attributes)?;
    }
    Ok(CategoryObject { id: text(element, "Id")?, attributes })
}

fn read_attribute(
    attribute: &Map<String, Json>,
    category: &str,
    into: &mut Vec<Attribute>,
) -> Result<(), RequestError> {
    let id = text(attribute, "AttributeId")?.ok_or(RequestError::Missing("AttributeId"))?;
    let value = member(attribute, "Value").ok_or(RequestError::Missing("Value"))?;
    let data_type = text(attribute, "DataType")?
        .map(|uri| DataType::from_uri_or_shorthand(&uri).ok_or(RequestError::DataType(uri)))
        .transpose()?;
    let include_in_result = match member(attribute, "IncludeInResult") {
        None => false,
        Some(Json::Bool(include)) => *include,
        Some(_) => return Err(RequestError::Kind("IncludeInResult", "true or false")),
    };
    let issuer = text(attribute, "Issuer")?;
    let values = match value {
        Json::Array(values) => values.as_slice(),
        single => std::slice::from_ref(single),
    };
    for value in values {
        let value = read_value(value, data_type).ok_or_else(|| RequestError::Value(id.clone()))?;
        into.push(Attribute {
            category: category.to_owned(),
            id: id.clone(),
            issuer: issuer.clone(),
            value,
            include_in_result,
        });
    }
    Ok(())
}

/// A value of the type given, or of the type that its JSON kind implies (JSON profile §3.3).
fn read_value(value: &Json, data_type: Option<DataType>) -> Option<Value> {
    match value {
        Json::String(text) => data_type.unwrap_or(DataType::String).parse(text).ok(),
        Json::Bool(truth) if data_type.is_none_or(|of| of == DataType::Boolean) => Some(Value::Boolean(*truth)),
        Json::Number(number) if data_type.is_none_or(|of| of == DataType::Integer) => {
            number.as_i64().map(|number| Value::Integer(number.into()))
        }
        _ => None,
    }
}

fn object<'a>(value: &'a Json, name: &'static str) -> Result<&'a Map<String, Json>, RequestError> {
    value.as_object().ok_or(RequestError::Kind(name, "an object"))
}

/// A member by name in any case; `null` counts as absent.
fn member<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    let found = object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.filter(|value| !value.is_null())
}

fn array<'a>(object: &'a Map<String, Json>, name: &'static str) -> Result<&'a [Json], RequestError> {
    match member(object, name) {
        None => Ok(&[]),
        Some(Json::Array(values)) => Ok(values),
        // The profile lets a single object stand for an array of one.
        Some(single @ Json::Object(_)) => Ok(std::slice::from_ref(single)),
        Some(_) => Err(RequestError::Kind(name, "an array")),
    }
}

fn text(object: &Map<String, Json>, name: &'static str) -> Result<Option<String>, RequestError> {
    match member(object, name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(RequestError::Kind(name, "a text")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_read_in_either_case_with_nulls() {
        let pascal = json!({"Request": {
            "AccessSubject": [{"Attribute": [{"AttributeId": "s", "Value": "1"}]}],
            "Action": [{"Attribute": [{"AttributeId": "a", "Value": "read", "DataType": "http://www.w3.org/2001/XMLSchema#string"}]}],
            "Resource": [{"Attribute": [{"AttributeId": "r", "Value": "x", "IncludeInResult": true}]}]}});
        let camel = json!({"request": {"returnPolicyIdList": false, "xPathVersion": null, "category": [], "multiRequests": null,
            "accessSubject": [{"id": null, "content": null, "attribute": [{"attributeId": "s", "value": "1", "issuer": null, "dataType": null}]}],
            "action": [{"attribute": [{"attributeId": "a", "value": "read", "dataType": "string"}]}],
            "resource": [{"attribute": [{"attributeId": "r", "value": "x", "includeInResult": true}]}]}});
        let read = parse_request(&pascal).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read, parse_request(&camel).unwrap());
        assert_eq!(read[0].values(category::RESOURCE, "r").collect::<Vec<_>>(), [&Value::from("x")]);
    }

    #[test]
    fn several_references_are_several_requests_in_their_order() {
        let action = |id: &str| json!({"Id": id, "Attribute": [{"AttributeId": "a", "Value": id}]});
        let document = json!({"Request": {
            "Action": [action("a1"), action("a2")],
            "MultiRequests": {"RequestReference": [{"ReferenceId": ["a2"]}, {"ReferenceId": ["a1"]}]}}});
        let read = parse_request(&document).unwrap();
        let actions: Vec<_> = read.iter().map(|one| one.attributes[0].value.to_string()).collect();
        assert_eq!(actions, ["a2", "a1"]);
    }

    #[test]
    fn native_values_have_their_types() {
        let document = json!({"Request": {"Category": [{"CategoryId": "c", "Attribute": [
            {"AttributeId": "i", "Value": [1, 2]}, {"AttributeId": "b", "Value": true}, {"AttributeId": "t", "Value": "7", "DataType": "integer"}]}]}});
        let values: Vec<_> = parse_request(&document).unwrap()[0].attributes.iter().map(|a| a.value.clone()).collect();
        assert_eq!(values, [Value::Integer(1), Value::Integer(2), Value::Boolean(true), Value::Integer(7)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |document| parse_request(&document).unwrap_err();
        let attribute = |attribute: Json| json!({"Request": {"Action": [{"Attribute": [attribute]}]}});
        assert_eq!(error(json!([])), RequestError::Kind("Request", "an object"));
        assert_eq!(error(json!({})), RequestError::Missing("Request"));
        assert_eq!(error(attribute(json!({"Value": "x"}))), RequestError::Missing("AttributeId"));
        assert_eq!(error(attribute(json!({"AttributeId": "x"}))), RequestError::Missing("Value"));
        assert_eq!(error(attribute(json!({"AttributeId": "x", "Value": {}}))), RequestError::Value("x".into()));
        assert_eq!(
            error(attribute(json!({"AttributeId": "x", "Value": "1", "DataType": "float"}))),
            RequestError::DataType("float".into())
        );
        let references = json!({"RequestReference": [{"ReferenceId": []}, {"ReferenceId": []}]});
        assert_eq!(error(json!({"Request": {"Action": [{}], "MultiRequests": references}})), RequestError::NoId);
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "[a-z]{0,3}".prop_map(Json::from)
        ];
        leaf.prop_recursive(5, 40, 4, |inner| {
            let name = prop_oneof![
                "Request",
                "Action",
                "Attribute",
                "AttributeId",
                "Value",
                "Id",
                "MultiRequests",
                "RequestReference",
                "ReferenceId"
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::vec((name, inner), 0..4)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reading_never_panics(document in any_json()) {
            let _ = parse_request(&document);
            let _ = parse_request(&json!({"Request": document}));
        }
    }
}
