//! Requests for decisions, in XML and JSON.

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde_json::{Map, Value as Json, json};
use xacml::request::{json, xml};
use xacml::{AttributeCategory, DecisionPoint, Document, RequestDocument, Value, category, request, response};

use crate::check_text;
use crate::policy::{VALUES, calling_all, check_decision, check_evaluation, check_written, environment, several};

/// A policy that calls every function with attributes of the request.
#[expect(clippy::expect_used, reason = "without a policy nothing can be tested")]
static POINT: LazyLock<DecisionPoint> = LazyLock::new(|| {
    let document = Document::parse(&calling_all()).expect("a policy");
    DecisionPoint::new(document, vec![]).expect("it refers to nothing")
});

/// Reads bytes as a request in XML, and decides it.
///
/// # Panics
/// Where an invariant does not hold.
pub fn xml_request(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match xml::parse(text) {
        Err(error) => check_text(&error),
        Ok(document) => check(&document, |repeated| {
            let read = read_xml(repeated);
            assert_eq!(read.as_deref(), Some(repeated), "what is repeated in XML is not what was read");
        }),
    }
}

/// Reads bytes as a request in JSON, and decides it.
///
/// # Panics
/// Where an invariant does not hold.
pub fn json_request(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match json::parse(text) {
        Err(error) => check_text(&error),
        Ok(document) => {
            let read: Option<Json> = serde_json::from_str(text).ok();
            let again = read.and_then(|value| json::parse(value.to_string()).ok());
            assert!(again.as_ref() == Some(&document), "a document is read otherwise when it was written anew");
            check(&document, |repeated| {
                let read = read_json(repeated);
                assert_eq!(read.as_deref(), Some(repeated), "what is repeated in JSON is not what was read");
            });
        }
    }
}

fn check(document: &RequestDocument, check_repeated: impl Fn(&[AttributeCategory])) {
    let merged = document.merged();
    assert!(merged.categories == document.categories, "a category is lost");
    let requests = match document.individual() {
        Err(error) => {
            check_text(&error);
            vec![]
        }
        Ok(requests) => {
            let most = request::MAX_DECISIONS;
            assert!((1..=most).contains(&requests.len()), "{} decisions are asked for", requests.len());
            requests
        }
    };
    if let Some(request) = requests.first() {
        check_repeated(&check_decision(&POINT, request).attributes);
    }
    // One has been decided already, and very many say no more than a few.
    if document.combined_decision || matches!(requests.len(), 0 | 2..=4) {
        let results = POINT.decide_all(document, &environment());
        assert!(!results.is_empty(), "there is no result");
        results.iter().for_each(check_evaluation);
        check_written(&results);
    }
}

/// The attributes of a response in XML, read as those of a request.
fn read_xml(repeated: &[AttributeCategory]) -> Option<Vec<AttributeCategory>> {
    let mut evaluation = xacml::Evaluation::indeterminate(xacml::Status::Ok);
    evaluation.attributes = repeated.to_vec();
    let written = response::to_xml(&[evaluation]);
    let from = written.find("<Attributes");
    let to = written.rfind("</Attributes>");
    let inside = from.zip(to).and_then(|(from, to)| written.get(from..to));
    let Some(inside) = inside else { return Some(vec![]) };
    let text = format!("{}{inside}</Attributes></Request>", request_start(false));
    xml::parse(&text).ok().map(|document| unshared(&document))
}

/// The attributes of a response in JSON, read as those of a request.
fn read_json(repeated: &[AttributeCategory]) -> Option<Vec<AttributeCategory>> {
    let mut evaluation = xacml::Evaluation::indeterminate(xacml::Status::Ok);
    evaluation.attributes = repeated.to_vec();
    let written = response::to_json(&[evaluation]);
    let categories = written.pointer("/Response/0/Category").cloned().unwrap_or_else(|| json!([]));
    json::parse(json!({"Request": {"Category": categories}}).to_string()).ok().map(|document| unshared(&document))
}

fn unshared(document: &RequestDocument) -> Vec<AttributeCategory> {
    document.categories.iter().map(|group| AttributeCategory::clone(group)).collect()
}

fn request_start(is_combined: bool) -> String {
    format!(
        r#"<Request xmlns="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" ReturnPolicyIdList="true" CombinedDecision="{is_combined}">"#
    )
}

/// A category as the seeds have it: its id, its name, and its attributes with their values.
struct Group {
    id: &'static str,
    category: &'static str,
    attributes: Vec<(String, Vec<Value>)>,
}

/// Attributes of all types, as the policy asks for them.
fn groups() -> Vec<Group> {
    let mut attributes = Vec::new();
    for (data_type, texts) in VALUES {
        let values: Vec<Value> = texts.iter().filter_map(|text| data_type.parse(text).ok()).collect();
        attributes.push((data_type.shorthand().to_owned(), values.iter().take(1).cloned().collect()));
        attributes.push((several(data_type), values));
    }
    let text = |id: &str, text: &str| (id.to_owned(), vec![Value::from(text)]);
    vec![
        Group { id: "s", category: category::ACCESS_SUBJECT, attributes },
        Group { id: "r1", category: category::RESOURCE, attributes: vec![text("resource", "r1")] },
        Group { id: "r2", category: category::RESOURCE, attributes: vec![text("resource", " \t< & \" æ 🙂")] },
        Group { id: "a", category: category::ACTION, attributes: vec![text(xacml::ACTION_ID, "read")] },
    ]
}

fn group_xml(group: &Group) -> String {
    let mut inside = String::new();
    for (at, (id, values)) in group.attributes.iter().enumerate() {
        let (issuer, is_included) = if at % 5 == 0 { (r#" Issuer="i""#, true) } else { ("", at % 2 == 0) };
        let _ = write!(inside, r#"<Attribute AttributeId="{id}" IncludeInResult="{is_included}"{issuer}>"#);
        for value in values {
            let text = value.to_string().replace('&', "&amp;").replace('<', "&lt;");
            let _ = write!(inside, r#"<AttributeValue DataType="{}">{text}</AttributeValue>"#, value.data_type().uri());
        }
        inside.push_str("</Attribute>");
    }
    format!(r#"<Attributes Category="{}" xml:id="{}">{inside}</Attributes>"#, group.category, group.id)
}

fn group_json(group: &Group, is_short: bool) -> Json {
    let attribute = |(at, (id, values)): (usize, &(String, Vec<Value>))| {
        let data_type = values.first().map(Value::data_type);
        let data_type = data_type.map(|of| if is_short { of.shorthand() } else { of.uri() });
        let values: Vec<Json> = values.iter().map(|value| value.to_string().into()).collect();
        let value = match values.as_slice() {
            [single] => single.clone(),
            _ => Json::Array(values),
        };
        let mut members = Map::from_iter([
            ("AttributeId".to_owned(), Json::from(id.as_str())),
            ("Value".to_owned(), value),
            ("IncludeInResult".to_owned(), Json::from(at % 2 == 0)),
        ]);
        members.insert("DataType".to_owned(), data_type.into());
        if at % 5 == 0 {
            members.insert("Issuer".to_owned(), "i".into());
        }
        Json::Object(members)
    };
    let attributes: Vec<Json> = group.attributes.iter().enumerate().map(attribute).collect();
    json!({"Id": group.id, "CategoryId": group.category, "Attribute": attributes})
}

pub(crate) fn xml_seeds() -> Vec<Vec<u8>> {
    let groups: Vec<String> = groups().iter().map(group_xml).collect();
    let references = |references: &[&[&str]]| {
        let mut text = String::from("<MultiRequests>");
        for ids in references {
            text.push_str("<RequestReference>");
            for id in *ids {
                let _ = write!(text, r#"<AttributesReference ReferenceId="{id}"/>"#);
            }
            text.push_str("</RequestReference>");
        }
        text + "</MultiRequests>"
    };
    let [all, first, rest] =
        [groups.concat(), groups.iter().take(1).cloned().collect(), groups.iter().skip(1).cloned().collect()];
    let mixed = r#"<Attributes Category="urn:oasis:names:tc:xacml:1.0:subject-category:access-subject"><Content><a xmlns="">b</a></Content><Attribute AttributeId="several-integer" IncludeInResult="true"><AttributeValue DataType="http://www.w3.org/2001/XMLSchema#integer"> 1 </AttributeValue><AttributeValue DataType="http://www.w3.org/2001/XMLSchema#double">NaN</AttributeValue><AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string"><![CDATA[<]]>&#13;</AttributeValue></Attribute></Attributes>"#;
    [
        (false, first.clone()),
        (false, all.clone()),
        (true, rest.clone()),
        (false, format!("{all}{}", references(&[&["s", "r1", "a"], &["r2"], &["s"]]))),
        (true, format!("{rest}{}", references(&[&["r1", "a"], &["r1", "r2"]]))),
        (false, format!("<RequestDefaults><XPathVersion>x</XPathVersion></RequestDefaults>{mixed}")),
        (false, format!("{rest}{rest}{rest}")),
    ]
    .into_iter()
    .map(|(is_combined, inside)| format!("{}{inside}</Request>", request_start(is_combined)).into_bytes())
    .collect()
}

pub(crate) fn json_seeds() -> Vec<Vec<u8>> {
    let groups = groups();
    let long: Vec<Json> = groups.iter().map(|group| group_json(group, false)).collect();
    let short: Vec<Json> = groups.iter().map(|group| group_json(group, true)).collect();
    let subject = short.first().cloned().unwrap_or_default();
    let native = json!({"Attribute": [
        {"AttributeId": "integer", "Value": 2},
        {"AttributeId": "several-integer", "Value": [2, -4, 18_446_744_073_709_551_615_u64], "IncludeInResult": true},
        {"AttributeId": "several-double", "Value": [2, 0.5, 1e300], "IncludeInResult": true},
        {"AttributeId": "double", "Value": "NaN", "DataType": "double", "IncludeInResult": true},
        {"AttributeId": "boolean", "Value": true},
        {"AttributeId": "several-string", "Value": [], "IncludeInResult": true},
    ]});
    let lower = json!({"request": {"returnPolicyIdList": null, "accessSubject": {"id": null, "attribute": [
        {"attributeId": "string", "value": "kari", "issuer": null, "dataType": null}]}, "action": []}});
    let references = json!({"RequestReference": [
        {"ReferenceId": ["s", "r1", "a"]}, {"ReferenceId": ["r2"]}, {"ReferenceId": ["s"]}]});
    let documents = [
        json!({"Request": {"Category": long, "ReturnPolicyIdList": true}}),
        json!({"Request": {"AccessSubject": [subject], "Category": [{"CategoryId": "Resource", "Attribute": []}]}}),
        json!({"Request": {"Category": short.get(1..), "CombinedDecision": true}}),
        json!({"Request": {"Category": short, "MultiRequests": references}}),
        json!({"Request": {"AccessSubject": native, "XPathVersion": "x"}}),
        lower,
    ];
    documents.iter().map(|document| document.to_string().into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use xacml::Decision;

    use super::*;

    fn decisions(documents: Vec<Option<RequestDocument>>) -> Vec<Decision> {
        let decide = |document| POINT.decide_all(&document, &environment()).into_iter().map(|result| result.decision);
        documents.into_iter().map(|document| document.expect("a request")).flat_map(decide).collect()
    }

    /// Without these, the invariants of what is decided would never be looked at.
    #[test]
    fn the_seeds_reach_the_end() {
        let of_xml = xml_seeds().iter().map(|seed| xml::parse(str::from_utf8(seed).unwrap()).ok()).collect();
        let of_json = json_seeds().iter().map(|seed| json::parse(str::from_utf8(seed).unwrap()).ok()).collect();
        for decisions in [decisions(of_xml), decisions(of_json)] {
            assert!(decisions.len() > 8, "{decisions:?}");
        }
    }
}
