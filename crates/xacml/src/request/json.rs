//! Requests in the JSON profile (OASIS *JSON Profile of XACML 3.0*, version 1.1).
//!
//! Member names are read in any case, since clients in use write `Request` and `request`. Values may be texts or JSON
//! numbers and truth values or lists of these, types may be given by their short names, and `null` is as good as
//! nothing.

use std::sync::Arc;

use super::tree::{Json, Members};
use super::{Attribute, AttributeCategory, RequestDocument, RequestError, RequestErrorKind};
use crate::category;
use crate::policy::Position;
use crate::value::{DataType, Value};

/// The categories that have a member of their own, which is also their short name (§4.2.2).
const CATEGORIES: [(&str, &str); 8] = [
    ("AccessSubject", category::ACCESS_SUBJECT),
    ("Resource", category::RESOURCE),
    ("Action", category::ACTION),
    ("Environment", category::ENVIRONMENT),
    ("RecipientSubject", category::RECIPIENT_SUBJECT),
    ("IntermediarySubject", category::INTERMEDIARY_SUBJECT),
    ("Codebase", category::CODEBASE),
    ("RequestingMachine", category::REQUESTING_MACHINE),
];

type Read<T> = Result<T, RequestErrorKind>;

/// Reads the text of a document.
///
/// # Errors
/// Text that is not JSON, with its position. A member that is missing or of the wrong kind, a type that is not known, a
/// value that is not of its type, more than [`super::MAX_ATTRIBUTES`] values.
pub fn parse(text: impl AsRef<[u8]>) -> Result<RequestDocument, RequestError> {
    let document: Json<'_> = serde_json::from_slice(text.as_ref()).map_err(|error| {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let position = Position { line: number(error.line()), column: number(error.column()) };
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        RequestError { position: Some(position), kind: RequestErrorKind::Document(message) }
    })?;
    read(&document)
}

fn read(document: &Json<'_>) -> Result<RequestDocument, RequestError> {
    let root = object(document, "Request")?;
    let request = object(root.get("Request").ok_or(RequestErrorKind::Missing("Request"))?, "Request")?;
    let mut categories = Vec::new();
    for (name, category) in CATEGORIES {
        for element in array(request, name)? {
            categories.push(Arc::new(read_category(element, name, Some(category))?));
        }
    }
    for element in array(request, "Category")? {
        categories.push(Arc::new(read_category(element, "Category", None)?));
    }
    let document = RequestDocument {
        categories,
        references: references(request)?,
        return_policy_ids: truth(request, "ReturnPolicyIdList")?,
        combined_decision: truth(request, "CombinedDecision")?,
    };
    document.check_size()?;
    Ok(document)
}

fn references(request: &Members<'_>) -> Read<Vec<Vec<String>>> {
    let Some(multi) = request.get("MultiRequests") else { return Ok(vec![]) };
    array(object(multi, "MultiRequests")?, "RequestReference")?
        .iter()
        .map(|reference| {
            array(object(reference, "RequestReference")?, "ReferenceId")?
                .iter()
                .map(|id| match id {
                    Json::String(id) => Ok(id.clone().into_owned()),
                    _ => Err(RequestErrorKind::Kind("ReferenceId", "an array of texts")),
                })
                .collect()
        })
        .collect()
}

fn read_category(element: &Json<'_>, name: &'static str, category: Option<&str>) -> Read<AttributeCategory> {
    let element = object(element, name)?;
    let category = match category {
        Some(category) => category,
        None => {
            let id = text(element, "CategoryId")?.ok_or(RequestErrorKind::Missing("CategoryId"))?;
            let short = CATEGORIES.into_iter().find(|(name, _)| *name == id);
            short.map_or(id, |(_, category)| category)
        }
    };
    let attributes = array(element, "Attribute")?
        .iter()
        .map(|attribute| read_attribute(object(attribute, "Attribute")?))
        .collect::<Read<_>>()?;
    Ok(AttributeCategory { category: category.into(), id: text(element, "Id")?.map(str::to_owned), attributes })
}

fn read_attribute(attribute: &Members<'_>) -> Read<Attribute> {
    let id = text(attribute, "AttributeId")?.ok_or(RequestErrorKind::Missing("AttributeId"))?;
    let value = attribute.get("Value").ok_or(RequestErrorKind::Missing("Value"))?;
    let data_type = text(attribute, "DataType")?
        .map(|uri| DataType::from_uri_or_shorthand(uri).ok_or_else(|| RequestErrorKind::DataType(uri.to_owned())))
        .transpose()?;
    let values = match value {
        Json::Array(values) => values.as_slice(),
        single => std::slice::from_ref(single),
    };
    let data_type = match data_type {
        Some(data_type) => data_type,
        None => implied_type(id, values)?,
    };
    let values = values
        .iter()
        .map(|value| {
            read_value(value, data_type).ok_or_else(|| RequestErrorKind::Value { id: id.to_owned(), data_type })
        })
        .collect::<Read<_>>()?;
    Ok(Attribute {
        issuer: text(attribute, "Issuer")?.map(str::to_owned),
        include_in_result: truth(attribute, "IncludeInResult")?,
        values,
        id: id.into(),
    })
}

/// The type that the JSON kind of the values implies (§3.3.2): numbers are doubles as soon as one of them has a
/// fraction.
fn implied_type(id: &str, values: &[Json<'_>]) -> Read<DataType> {
    let kind = |value: &Json<'_>| match value {
        Json::Bool(_) => DataType::Boolean,
        Json::Number(number) if number.is_f64() => DataType::Double,
        Json::Number(_) => DataType::Integer,
        _ => DataType::String,
    };
    let mut kinds = values.iter().map(kind);
    let Some(first) = kinds.next() else { return Ok(DataType::String) };
    kinds.try_fold(first, |so_far, next| match (so_far, next) {
        (DataType::Integer, DataType::Double) | (DataType::Double, DataType::Integer) => Ok(DataType::Double),
        (a, b) if a == b => Ok(a),
        _ => Err(RequestErrorKind::MixedValues(id.to_owned())),
    })
}

fn read_value(value: &Json<'_>, data_type: DataType) -> Option<Value> {
    match (value, data_type) {
        (Json::String(text), _) => data_type.parse(text).ok(),
        (Json::Bool(truth), DataType::Boolean) => Some(Value::Boolean(*truth)),
        (Json::Number(number), DataType::Integer) => {
            let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            whole.map(Value::Integer)
        }
        (Json::Number(number), DataType::Double) => number.as_f64().map(Value::Double),
        _ => None,
    }
}

fn object<'a, 'j>(value: &'a Json<'j>, name: &'static str) -> Read<&'a Members<'j>> {
    match value {
        Json::Object(members) => Ok(members),
        _ => Err(RequestErrorKind::Kind(name, "an object")),
    }
}

fn array<'a, 'j>(object: &'a Members<'j>, name: &'static str) -> Read<&'a [Json<'j>]> {
    match object.get(name) {
        None => Ok(&[]),
        Some(Json::Array(values)) => Ok(values),
        // The profile lets a single object stand for an array of one.
        Some(single @ Json::Object(_)) => Ok(std::slice::from_ref(single)),
        Some(_) => Err(RequestErrorKind::Kind(name, "an array")),
    }
}

fn text<'a>(object: &'a Members<'_>, name: &'static str) -> Read<Option<&'a str>> {
    match object.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(RequestErrorKind::Kind(name, "a text")),
    }
}

fn truth(object: &Members<'_>, name: &'static str) -> Read<bool> {
    match object.get(name) {
        None => Ok(false),
        Some(Json::Bool(truth)) => Ok(*truth),
        Some(_) => Err(RequestErrorKind::Kind(name, "true or false")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::super::Value;
    use super::{RequestDocument, RequestError, category, parse};
    use crate::request::MAX_ATTRIBUTES;

    fn read(document: &Json) -> Result<RequestDocument, RequestError> {
        parse(document.to_string())
    }

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
        let requests = read(&pascal).unwrap();
        assert_eq!(requests, read(&camel).unwrap());
        let requests = requests.individual().unwrap();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].values(category::RESOURCE, "r").collect::<Vec<_>>(), [&Value::from("x")]);
        assert_eq!(requests[0].to_repeat().len(), 1);
    }

    #[test]
    fn several_references_are_several_requests_in_their_order() {
        let action = |id: &str| json!({"Id": id, "Attribute": [{"AttributeId": "a", "Value": id}]});
        let document = json!({"Request": {
            "Action": [action("a1"), action("a2")],
            "MultiRequests": {"RequestReference": [{"ReferenceId": ["a2"]}, {"ReferenceId": ["a1"]}]}}});
        let requests = read(&document).unwrap().individual().unwrap();
        let actions: Vec<_> =
            requests.iter().flat_map(|one| one.values(category::ACTION, "a")).map(ToString::to_string).collect();
        assert_eq!(actions, ["a2", "a1"]);
    }

    #[test]
    fn native_values_have_their_types() {
        let attribute = |value: Json, data_type: Json| {
            let document = json!({"Request": {"Category": [{"CategoryId": "Environment", "Attribute":
                [{"AttributeId": "x", "Value": value, "DataType": data_type}]}]}});
            let request = read(&document).unwrap().merged();
            request.values(category::ENVIRONMENT, "x").cloned().collect::<Vec<_>>()
        };
        let integer = |number| Value::Integer(number);
        assert_eq!(attribute(json!([1, 2]), Json::Null), [integer(1), integer(2)]);
        assert_eq!(attribute(json!(18_446_744_073_709_551_615_u64), Json::Null), [integer(i128::from(u64::MAX))]);
        assert_eq!(attribute(json!([1, 2.5]), Json::Null), [Value::Double(1.0), Value::Double(2.5)]);
        assert_eq!(attribute(json!(true), Json::Null), [Value::Boolean(true)]);
        assert_eq!(attribute(json!("7"), json!("integer")), [integer(7)]);
        assert_eq!(attribute(json!(7), json!("double")), [Value::Double(7.0)]);
        assert_eq!(attribute(json!("INF"), json!("double")), [Value::Double(f64::INFINITY)]);
        assert_eq!(attribute(json!([]), Json::Null), []);
        assert_eq!(attribute(json!(["P1D"]), json!("dayTimeDuration"))[0].to_string(), "P1D");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |document| read(&document).unwrap_err().to_string();
        let attribute = |attribute: Json| json!({"Request": {"Action": [{"Attribute": [attribute]}]}});
        assert_eq!(error(json!([])), "`Request` is not an object");
        assert_eq!(error(json!({})), "`Request` is missing");
        assert_eq!(error(attribute(json!({"Value": "x"}))), "`AttributeId` is missing");
        assert_eq!(error(attribute(json!({"AttributeId": "x"}))), "`Value` is missing");
        assert_eq!(error(attribute(json!({"AttributeId": "x", "Value": {}}))), "a value of `x` is not of type string");
        assert_eq!(
            error(attribute(json!({"AttributeId": "x", "Value": [1, true]}))),
            "the values of `x` are not of one type"
        );
        assert_eq!(
            error(attribute(json!({"AttributeId": "x", "Value": 1.5, "DataType": "integer"}))),
            "a value of `x` is not of type integer"
        );
        assert_eq!(
            error(attribute(json!({"AttributeId": "x", "Value": "1", "DataType": "float"}))),
            "the data type `float` is not known"
        );
        let many = vec!["x"; MAX_ATTRIBUTES + 1];
        assert!(error(attribute(json!({"AttributeId": "x", "Value": many}))).starts_with("at most 500 decisions"));
        assert_eq!(
            parse("{\"Request\":\n  {,}}").unwrap_err().to_string(),
            "line 2 column 4: the document cannot be read: key must be a string"
        );
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
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
            let _ = read(&document);
            if let Ok(document) = read(&json!({"Request": document})) {
                let _ = document.individual();
            }
        }
    }
}
