//! Responses, in XML (core specification §5.47 and on) and in the JSON profile (version 1.1, §5).

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::decision::{Evaluation, Obligation, Status};
use crate::load::NAMESPACE;
use crate::value::Value;

/// The response document in XML.
pub fn to_xml(results: &[Evaluation]) -> String {
    let mut xml = Xml { text: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), depth: 0 };
    xml.element("Response", &[("xmlns", NAMESPACE)], |xml| {
        for result in results {
            xml.element("Result", &[], |xml| write_result(xml, result));
        }
    });
    xml.text
}

struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let _ = write!(self.text, "{}<{name}", "  ".repeat(self.depth));
        for (name, value) in attributes {
            let _ = write!(self.text, " {name}=\"{}\"", escaped(value));
        }
    }

    fn element(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        self.text.push_str(">\n");
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        let _ = writeln!(self.text, "{}</{name}>", "  ".repeat(self.depth));
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name, attributes);
        self.text.push_str("/>\n");
    }

    fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        let _ = writeln!(self.text, ">{}</{name}>", escaped(text));
    }
}

/// Characters that XML has no place for are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // As themselves these would be read as spaces in an attribute.
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\u{0}'..'\u{20}' | '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn write_result(xml: &mut Xml, result: &Evaluation) {
    xml.leaf("Decision", &[], result.decision.name());
    xml.element("Status", &[], |xml| {
        xml.empty("StatusCode", &[("Value", result.status.code())]);
        if let Some(message) = result.status.message() {
            xml.leaf("StatusMessage", &[], &message);
        }
        if let Status::MissingAttribute(missing) = &result.status {
            xml.element("StatusDetail", &[], |xml| {
                let mut attributes = vec![
                    ("Category", missing.category.as_str()),
                    ("AttributeId", missing.id.as_str()),
                    ("DataType", missing.data_type.uri()),
                ];
                attributes.extend(missing.issuer.as_deref().map(|issuer| ("Issuer", issuer)));
                xml.empty("MissingAttributeDetail", &attributes);
            });
        }
    });
    write_obligations(xml, "Obligations", "Obligation", "ObligationId", &result.obligations);
    write_obligations(xml, "AssociatedAdvice", "Advice", "AdviceId", &result.advice);
    for group in &result.attributes {
        let mut attributes = vec![("Category", group.category.as_str())];
        attributes.extend(group.id.as_deref().map(|id| ("xml:id", id)));
        xml.element("Attributes", &attributes, |xml| {
            for attribute in &group.attributes {
                let mut attributes = vec![("AttributeId", attribute.id.as_str()), ("IncludeInResult", "true")];
                attributes.extend(attribute.issuer.as_deref().map(|issuer| ("Issuer", issuer)));
                xml.element("Attribute", &attributes, |xml| {
                    for value in &attribute.values {
                        let data_type = value.data_type().uri();
                        xml.leaf("AttributeValue", &[("DataType", data_type)], &value.to_string());
                    }
                });
            }
        });
    }
    if !result.policies.is_empty() {
        xml.element("PolicyIdentifierList", &[], |xml| {
            for policy in &result.policies {
                let name = if policy.is_set { "PolicySetIdReference" } else { "PolicyIdReference" };
                xml.leaf(name, &[("Version", &policy.version)], &policy.id);
            }
        });
    }
}

fn write_obligations(xml: &mut Xml, list: &str, name: &str, id: &str, obligations: &[Arc<Obligation>]) {
    if obligations.is_empty() {
        return;
    }
    xml.element(list, &[], |xml| {
        for obligation in obligations {
            xml.element(name, &[(id, &obligation.id)], |xml| {
                for assigned in &obligation.attributes {
                    let mut attributes =
                        vec![("AttributeId", assigned.id.as_str()), ("DataType", assigned.value.data_type().uri())];
                    attributes.extend(assigned.category.as_deref().map(|category| ("Category", category)));
                    attributes.extend(assigned.issuer.as_deref().map(|issuer| ("Issuer", issuer)));
                    xml.leaf("AttributeAssignment", &attributes, &assigned.value.to_string());
                }
            });
        }
    });
}

/// The response document in JSON.
pub fn to_json(results: &[Evaluation]) -> Json {
    json!({ "Response": results.iter().map(result).collect::<Vec<_>>() })
}

fn result(result: &Evaluation) -> Json {
    let mut members = Map::new();
    members.insert("Decision".into(), result.decision.name().into());
    members.insert("Status".into(), status(&result.status));
    let mut list = |name: &str, items: Vec<Json>| {
        if !items.is_empty() {
            members.insert(name.into(), items.into());
        }
    };
    list("Obligations", result.obligations.iter().map(|of| obligation(of)).collect());
    list("AssociatedAdvice", result.advice.iter().map(|of| obligation(of)).collect());
    let categories = result.attributes.iter().map(|group| {
        let attributes = group.attributes.iter().map(|attribute| {
            let (value, data_type) = match attribute.values.as_slice() {
                [single] => (native(single), single.data_type()),
                several => {
                    let data_type = several.first().map_or(crate::DataType::String, Value::data_type);
                    (several.iter().map(native).collect(), data_type)
                }
            };
            let mut members = named(&attribute.id, attribute.issuer.as_ref(), data_type.uri(), value);
            members.insert("IncludeInResult".into(), true.into());
            Json::Object(members)
        });
        let mut members = Map::new();
        members.insert("CategoryId".into(), group.category.as_str().into());
        if let Some(id) = &group.id {
            members.insert("Id".into(), id.clone().into());
        }
        members.insert("Attribute".into(), attributes.collect::<Vec<_>>().into());
        Json::Object(members)
    });
    list("Category", categories.collect());
    if !result.policies.is_empty() {
        let of_kind = |is_set: bool| -> Vec<Json> {
            let chosen = result.policies.iter().filter(|policy| policy.is_set == is_set);
            chosen.map(|policy| json!({"Id": policy.id, "Version": policy.version})).collect()
        };
        let mut lists = Map::new();
        for (name, is_set) in [("PolicyIdReference", false), ("PolicySetIdReference", true)] {
            let items = of_kind(is_set);
            if !items.is_empty() {
                lists.insert(name.into(), items.into());
            }
        }
        members.insert("PolicyIdentifierList".into(), lists.into());
    }
    Json::Object(members)
}

fn status(status: &Status) -> Json {
    let mut members = Map::new();
    members.insert("StatusCode".into(), json!({"Value": status.code()}));
    if let Some(message) = status.message() {
        members.insert("StatusMessage".into(), message.into());
    }
    if let Status::MissingAttribute(missing) = status {
        let mut detail = Map::new();
        detail.insert("AttributeId".into(), missing.id.clone().into());
        detail.insert("Category".into(), missing.category.clone().into());
        detail.insert("DataType".into(), missing.data_type.uri().into());
        if let Some(issuer) = &missing.issuer {
            detail.insert("Issuer".into(), issuer.clone().into());
        }
        members.insert("StatusDetail".into(), json!({"MissingAttributeDetail": [detail]}));
    }
    Json::Object(members)
}

fn obligation(obligation: &Obligation) -> Json {
    let assignments: Vec<_> = obligation
        .attributes
        .iter()
        .map(|assigned| {
            let data_type = assigned.value.data_type().uri();
            let mut members = named(&assigned.id, assigned.issuer.as_ref(), data_type, native(&assigned.value));
            if let Some(category) = &assigned.category {
                members.insert("Category".into(), category.clone().into());
            }
            Json::Object(members)
        })
        .collect();
    json!({"Id": obligation.id, "AttributeAssignment": assignments})
}

fn named(id: &str, issuer: Option<&String>, data_type: &str, value: Json) -> Map<String, Json> {
    let mut members = Map::new();
    members.insert("AttributeId".into(), id.into());
    members.insert("Value".into(), value);
    members.insert("DataType".into(), data_type.into());
    if let Some(issuer) = issuer {
        members.insert("Issuer".into(), issuer.clone().into());
    }
    members
}

/// A value as JSON has it; as text where JSON does not have it.
fn native(value: &Value) -> Json {
    match value {
        Value::Boolean(truth) => Json::Bool(*truth),
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => number.to_string().into(),
        },
        Value::Double(number) => {
            serde_json::Number::from_f64(*number).map_or_else(|| Json::String(value.to_string()), Json::Number)
        }
        other => Json::String(other.to_string()),
    }
}
