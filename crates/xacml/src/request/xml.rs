//! Requests in XML (core specification §5.42 and on).

use std::sync::Arc;

use roxmltree::Node;

use super::{Attribute, AttributeCategory, RequestDocument, RequestError, RequestErrorKind};
use crate::load::{LoadError, LoadErrorKind, Loader, Positions, is_ours, parse_xml};

/// Reads a document.
///
/// # Errors
/// Text that is not XML or larger than a policy may be, elements and attributes that the schema does not have or lacks,
/// types that are not known or need XPath, values that are not of their type. Each with its place.
pub fn parse(text: &str) -> Result<RequestDocument, RequestError> {
    let document = read(text).map_err(RequestError::from)?;
    document.check_size()?;
    Ok(document)
}

impl From<LoadError> for RequestError {
    fn from(error: LoadError) -> Self {
        let kind = match error.kind {
            LoadErrorKind::Xml(message) => RequestErrorKind::Document(message),
            LoadErrorKind::MissingAttribute(name) | LoadErrorKind::MissingElement(name) => {
                RequestErrorKind::Missing(name)
            }
            LoadErrorKind::Unexpected(name) => RequestErrorKind::Unexpected(name),
            other => RequestErrorKind::Document(other.to_string()),
        };
        Self { position: Some(error.position), kind }
    }
}

fn read(text: &str) -> Result<RequestDocument, LoadError> {
    let xml = parse_xml(text)?;
    let loader = Loader { positions: Positions::new(text) };
    let root = xml.root_element();
    if root.tag_name().name() != "Request" || !is_ours(root) {
        return Err(loader.error(root, LoadErrorKind::Root("Request")));
    }
    let mut document = RequestDocument {
        return_policy_ids: loader.boolean(root, "ReturnPolicyIdList")?,
        combined_decision: loader.boolean(root, "CombinedDecision")?,
        ..Default::default()
    };
    for (name, child) in loader.children(root, &["ReturnPolicyIdList", "CombinedDecision"])? {
        match name {
            // What it holds concerns XPath.
            "RequestDefaults" => {}
            "Attributes" => {
                document.categories.push(Arc::new(attributes(&loader, child)?));
            }
            "MultiRequests" if document.references.is_empty() => document.references = references(&loader, child)?,
            _ => return Err(loader.unexpected(name, child)),
        }
    }
    if document.categories.is_empty() {
        return Err(loader.error(root, LoadErrorKind::MissingElement("Attributes")));
    }
    Ok(document)
}

/// `Content` is for XPath and is passed over.
fn attributes(loader: &Loader<'_>, node: Node<'_, '_>) -> Result<AttributeCategory, LoadError> {
    let category = loader.required(node, "Category")?.into();
    // `xml:id` is how references name it.
    let id = node.attribute((roxmltree::NS_XML_URI, "id")).map(str::to_owned);
    let mut attributes = Vec::new();
    for (name, child) in loader.children(node, &["Category"])? {
        match name {
            "Content" => {}
            "Attribute" => attributes.push(attribute(loader, child)?),
            _ => return Err(loader.unexpected(name, child)),
        }
    }
    Ok(AttributeCategory { category, id, attributes })
}

fn attribute(loader: &Loader<'_>, node: Node<'_, '_>) -> Result<Attribute, LoadError> {
    let id = loader.required(node, "AttributeId")?.into();
    let include_in_result = loader.boolean(node, "IncludeInResult")?;
    let mut values = Vec::new();
    for (name, child) in loader.children(node, &["AttributeId", "IncludeInResult", "Issuer"])? {
        if name != "AttributeValue" {
            return Err(loader.unexpected(name, child));
        }
        values.push(loader.value(child)?);
    }
    if values.is_empty() {
        return Err(loader.error(node, LoadErrorKind::MissingElement("AttributeValue")));
    }
    Ok(Attribute { id, issuer: node.attribute("Issuer").map(Into::into), values, include_in_result })
}

fn references(loader: &Loader<'_>, node: Node<'_, '_>) -> Result<Vec<Vec<String>>, LoadError> {
    let mut references = Vec::new();
    for (name, reference) in loader.children(node, &[])? {
        if name != "RequestReference" {
            return Err(loader.unexpected(name, reference));
        }
        let mut ids = Vec::new();
        for (name, child) in loader.children(reference, &[])? {
            if name != "AttributesReference" {
                return Err(loader.unexpected(name, child));
            }
            loader.children(child, &["ReferenceId"])?;
            ids.push(loader.required(child, "ReferenceId")?.to_owned());
        }
        references.push(ids);
    }
    if references.is_empty() {
        return Err(loader.error(node, LoadErrorKind::MissingElement("RequestReference")));
    }
    Ok(references)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::category;
    use crate::load::NAMESPACE;

    fn document(inside: &str) -> String {
        format!(r#"<Request xmlns="{NAMESPACE}" ReturnPolicyIdList="true" CombinedDecision="false">{inside}</Request>"#)
    }

    fn subject(id: &str, attribute: &str) -> String {
        format!(r#"<Attributes xml:id="{id}" Category="{}">{attribute}</Attributes>"#, category::ACCESS_SUBJECT)
    }

    fn integer(value: &str) -> String {
        format!(
            r#"<Attribute AttributeId="a" IncludeInResult="true"><AttributeValue DataType="http://www.w3.org/2001/XMLSchema#integer">{value}</AttributeValue></Attribute>"#
        )
    }

    #[test]
    fn references_by_xml_id() {
        let multi = r#"<MultiRequests><RequestReference><AttributesReference ReferenceId="two"/></RequestReference><RequestReference><AttributesReference ReferenceId="one"/></RequestReference></MultiRequests>"#;
        let text = document(&(subject("one", &integer("1")) + &subject("two", &integer("2")) + multi));
        let document = parse(&text).unwrap();
        assert!(document.return_policy_ids && !document.combined_decision);
        let requests = document.individual().unwrap();
        let values: Vec<_> = requests
            .iter()
            .flat_map(|one| one.values(category::ACCESS_SUBJECT, "a"))
            .map(ToString::to_string)
            .collect();
        assert_eq!(values, ["2", "1"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = |inside: &str| parse(&document(inside)).unwrap_err().to_string();
        assert!(error("").ends_with("`Attributes` is missing"));
        assert!(
            error(&subject("one", &integer("x")))
                .contains("the value is not of type http://www.w3.org/2001/XMLSchema#integer")
        );
        assert!(
            error(&subject("one", "<Attribute AttributeId=\"a\" IncludeInResult=\"false\"/>"))
                .contains("`AttributeValue` is missing")
        );
        assert!(error("<Attributes/>").contains("`Category` is missing"));
        assert!(error(&subject("one", "<x/>")).contains("`x` does not belong here"));
        let xpath = integer("1").replace(
            "http://www.w3.org/2001/XMLSchema#integer",
            "urn:oasis:names:tc:xacml:3.0:data-type:xpathExpression",
        );
        assert!(error(&subject("one", &xpath)).contains("needs XPath"));
        assert_eq!(parse("<Request/>").unwrap_err().position.unwrap().line, 1);
        assert!(parse("").is_err());
    }
}
