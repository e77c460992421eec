//! Reading a policy document (core specification §5), refusing what is not understood in full.

use std::collections::HashSet;
use std::fmt;

use roxmltree::{Document, Node, ParsingOptions};
use thiserror::Error;

use crate::combine::CombiningAlgorithm;
use crate::evaluate::{Obligation, ObligationAttribute};
use crate::policy::{AllOf, AnyOf, Designator, Effect, Function, Match, Policy, Rule, Target};
use crate::request::{DataType, Value};

/// The largest policy document, in bytes.
pub const MAX_DOCUMENT: usize = 1024 * 1024;
/// The most elements, texts and comments a policy document may have.
pub const MAX_NODES: u32 = 50_000;

const NAMESPACE: &str = "urn:oasis:names:tc:xacml:3.0:core:schema:wd-17";

/// A policy document that cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// What is wrong there.
    pub kind: LoadErrorKind,
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {} column {}: {}", self.line, self.column, self.kind)
    }
}

impl std::error::Error for LoadError {}

/// What is wrong with a policy document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadErrorKind {
    /// Larger than [`MAX_DOCUMENT`].
    #[error("the document is larger than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// Not well-formed, has a document type declaration, or more than [`MAX_NODES`] nodes.
    #[error("the document is not acceptable XML: {0}")]
    Xml(String),
    /// The root is something else.
    #[error("the root is not a Policy of XACML 3.0 (namespace {NAMESPACE})")]
    NotAPolicy,
    /// An element that the standard does not have there.
    #[error("`{0}` does not belong here")]
    Unexpected(String),
    /// Something of the standard that is not there yet.
    #[error("`{0}` is not supported")]
    Unsupported(String),
    /// An attribute that must be there is not.
    #[error("the attribute `{0}` is missing")]
    MissingAttribute(&'static str),
    /// An element that must be there is not.
    #[error("`{0}` is missing")]
    MissingElement(&'static str),
    /// A value that is not one of those possible.
    #[error("`{value}` is not a known {what}")]
    Unknown {
        /// What it should have been.
        what: &'static str,
        /// What it is.
        value: String,
    },
    /// A text that is not of its type.
    #[error("the value is not of type {0}")]
    Value(&'static str),
    /// The types do not fit the function.
    #[error("`{function}` takes values of type {expected}, this is {found}")]
    ArgumentType {
        /// The function.
        function: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Two rules of the same id.
    #[error("the rule id `{0}` is used more than once")]
    RuleIdTwice(String),
}

impl Policy {
    /// Reads a policy document.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        if text.len() > MAX_DOCUMENT {
            return Err(LoadError { line: 1, column: 1, kind: LoadErrorKind::TooLarge });
        }
        let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options).map_err(|error| {
            let position = error.pos();
            LoadError { line: position.row, column: position.col, kind: LoadErrorKind::Xml(error.to_string()) }
        })?;
        policy(document.root_element())
    }
}

type Loaded<T> = Result<T, LoadError>;

fn error(node: Node<'_, '_>, kind: LoadErrorKind) -> LoadError {
    let position = node.document().text_pos_at(node.range().start);
    LoadError { line: position.row, column: position.col, kind }
}

fn required<'a>(node: Node<'a, '_>, name: &'static str) -> Loaded<&'a str> {
    node.attribute(name).ok_or_else(|| error(node, LoadErrorKind::MissingAttribute(name)))
}

/// The children that are elements of the standard.
fn children<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Loaded<(&'a str, Node<'a, 'i>)>> {
    node.children().filter(Node::is_element).map(|child| {
        if child.tag_name().namespace() == Some(NAMESPACE) {
            Ok((child.tag_name().name(), child))
        } else {
            Err(error(child, LoadErrorKind::Unexpected(child.tag_name().name().to_owned())))
        }
    })
}

/// What to say of a child element that nothing was done with.
fn not_loaded(name: &str, node: Node<'_, '_>) -> LoadError {
    const LATER: [&str; 13] = [
        "Condition",
        "VariableDefinition",
        "CombinerParameters",
        "RuleCombinerParameters",
        "AttributeSelector",
        "PolicySet",
        "PolicyIdReference",
        "PolicySetIdReference",
        "PolicySetDefaults",
        "Apply",
        "VariableReference",
        "Function",
        "PolicyCombinerParameters",
    ];
    let name = name.to_owned();
    error(
        node,
        if LATER.contains(&&*name) { LoadErrorKind::Unsupported(name) } else { LoadErrorKind::Unexpected(name) },
    )
}

fn policy(node: Node<'_, '_>) -> Loaded<Policy> {
    let name = node.tag_name();
    if name.namespace() == Some(NAMESPACE) && name.name() == "PolicySet" {
        return Err(error(node, LoadErrorKind::Unsupported("PolicySet".into())));
    }
    if name.namespace() != Some(NAMESPACE) || name.name() != "Policy" {
        return Err(error(node, LoadErrorKind::NotAPolicy));
    }
    let algorithm = required(node, "RuleCombiningAlgId")?;
    let combining = CombiningAlgorithm::from_uri(algorithm).ok_or_else(|| {
        error(node, LoadErrorKind::Unknown { what: "rule-combining algorithm", value: algorithm.into() })
    })?;
    let mut loaded = Policy {
        id: required(node, "PolicyId")?.into(),
        version: node.attribute("Version").unwrap_or("1.0").into(),
        combining,
        target: Target::default(),
        rules: vec![],
        obligations: vec![],
        advice: vec![],
    };
    let mut has_target = false;
    let mut rule_ids = HashSet::new();
    for child in children(node) {
        match child? {
            ("Description" | "PolicyIssuer" | "PolicyDefaults", _) => {}
            ("Target", child) => {
                has_target = true;
                loaded.target = target(child)?;
            }
            ("Rule", child) => {
                let rule = rule(child)?;
                if !rule_ids.insert(rule.id.clone()) {
                    return Err(error(child, LoadErrorKind::RuleIdTwice(rule.id)));
                }
                loaded.rules.push(rule);
            }
            ("ObligationExpressions", child) => loaded.obligations = obligations(child, &OBLIGATION)?,
            ("AdviceExpressions", child) => loaded.advice = obligations(child, &ADVICE)?,
            (name, child) => return Err(not_loaded(name, child)),
        }
    }
    if has_target { Ok(loaded) } else { Err(error(node, LoadErrorKind::MissingElement("Target"))) }
}

fn effect(node: Node<'_, '_>, attribute: &'static str) -> Loaded<Effect> {
    match required(node, attribute)? {
        "Permit" => Ok(Effect::Permit),
        "Deny" => Ok(Effect::Deny),
        other => Err(error(node, LoadErrorKind::Unknown { what: "effect", value: other.into() })),
    }
}

fn rule(node: Node<'_, '_>) -> Loaded<Rule> {
    let mut loaded = Rule {
        id: required(node, "RuleId")?.into(),
        effect: effect(node, "Effect")?,
        target: Target::default(),
        obligations: vec![],
        advice: vec![],
    };
    for child in children(node) {
        match child? {
            ("Description", _) => {}
            ("Target", child) => loaded.target = target(child)?,
            ("ObligationExpressions", child) => loaded.obligations = obligations(child, &OBLIGATION)?,
            ("AdviceExpressions", child) => loaded.advice = obligations(child, &ADVICE)?,
            (name, child) => return Err(not_loaded(name, child)),
        }
    }
    Ok(loaded)
}

/// Reads every child as `T`; there is no other child than `name`.
fn each<T>(node: Node<'_, '_>, expected: &'static str, read: fn(Node<'_, '_>) -> Loaded<T>) -> Loaded<Vec<T>> {
    children(node)
        .map(|child| match child? {
            (name, child) if name == expected => read(child),
            (name, child) => Err(not_loaded(name, child)),
        })
        .collect()
}

/// As [`each`], but at least one.
fn some<T>(node: Node<'_, '_>, expected: &'static str, read: fn(Node<'_, '_>) -> Loaded<T>) -> Loaded<Vec<T>> {
    let parts = each(node, expected, read)?;
    if parts.is_empty() { Err(error(node, LoadErrorKind::MissingElement(expected))) } else { Ok(parts) }
}

fn target(node: Node<'_, '_>) -> Loaded<Target> {
    each(node, "AnyOf", any_of).map(|any_of| Target { any_of })
}

fn any_of(node: Node<'_, '_>) -> Loaded<AnyOf> {
    some(node, "AllOf", all_of).map(|all_of| AnyOf { all_of })
}

fn all_of(node: Node<'_, '_>) -> Loaded<AllOf> {
    some(node, "Match", single_match).map(|matches| AllOf { matches })
}

fn single_match(node: Node<'_, '_>) -> Loaded<Match> {
    let id = required(node, "MatchId")?;
    let function = Function::from_uri(id)
        .ok_or_else(|| error(node, LoadErrorKind::Unknown { what: "match function", value: id.into() }))?;
    let (mut literal, mut designator) = (None, None);
    for child in children(node) {
        match child? {
            ("AttributeValue", child) => literal = Some((child, value(child)?)),
            ("AttributeDesignator", child) => designator = Some((child, attribute_designator(child)?)),
            (name, child) => return Err(not_loaded(name, child)),
        }
    }
    let missing = |name| error(node, LoadErrorKind::MissingElement(name));
    let (literal_node, literal) = literal.ok_or_else(|| missing("AttributeValue"))?;
    let (designator_node, designator) = designator.ok_or_else(|| missing("AttributeDesignator"))?;
    for (node, found) in [(literal_node, literal.data_type()), (designator_node, designator.data_type)] {
        let expected = function.argument_type();
        if found != expected {
            let (function, expected, found) = (function.uri(), expected.uri(), found.uri());
            return Err(error(node, LoadErrorKind::ArgumentType { function, expected, found }));
        }
    }
    Ok(Match { function, literal, designator })
}

fn data_type(node: Node<'_, '_>) -> Loaded<DataType> {
    let uri = required(node, "DataType")?;
    DataType::from_uri(uri).ok_or_else(|| error(node, LoadErrorKind::Unknown { what: "data type", value: uri.into() }))
}

fn value(node: Node<'_, '_>) -> Loaded<Value> {
    if let Some(child) = node.children().find(Node::is_element) {
        return Err(error(child, LoadErrorKind::Unexpected(child.tag_name().name().to_owned())));
    }
    let text: String = node.children().filter_map(|child| child.text()).collect();
    data_type(node)?.parse(&text).map_err(|wrong| error(node, LoadErrorKind::Value(wrong.data_type.uri())))
}

fn attribute_designator(node: Node<'_, '_>) -> Loaded<Designator> {
    let must_be_present = match required(node, "MustBePresent")? {
        "true" | "1" => true,
        "false" | "0" => false,
        other => return Err(error(node, LoadErrorKind::Unknown { what: "truth value", value: other.into() })),
    };
    Ok(Designator {
        category: required(node, "Category")?.into(),
        id: required(node, "AttributeId")?.into(),
        data_type: data_type(node)?,
        issuer: node.attribute("Issuer").map(Into::into),
        must_be_present,
    })
}

/// How obligations and advice are written, which differs in names only.
struct ObligationNames {
    expression: &'static str,
    id: &'static str,
    effect: &'static str,
}

const OBLIGATION: ObligationNames =
    ObligationNames { expression: "ObligationExpression", id: "ObligationId", effect: "FulfillOn" };
const ADVICE: ObligationNames = ObligationNames { expression: "AdviceExpression", id: "AdviceId", effect: "AppliesTo" };

fn obligations(node: Node<'_, '_>, names: &ObligationNames) -> Loaded<Vec<(Effect, Obligation)>> {
    let expressions = children(node).map(|child| match child? {
        (name, child) if name == names.expression => {
            let attributes = each(child, "AttributeAssignmentExpression", obligation_attribute)?;
            Ok((effect(child, names.effect)?, Obligation { id: required(child, names.id)?.into(), attributes }))
        }
        (name, child) => Err(not_loaded(name, child)),
    });
    expressions.collect()
}

fn obligation_attribute(node: Node<'_, '_>) -> Loaded<ObligationAttribute> {
    let mut values = each(node, "AttributeValue", value)?;
    let value = values.pop().ok_or_else(|| error(node, LoadErrorKind::MissingElement("AttributeValue")))?;
    if !values.is_empty() {
        return Err(error(node, LoadErrorKind::Unexpected("AttributeValue".into())));
    }
    Ok(ObligationAttribute {
        id: required(node, "AttributeId")?.into(),
        category: node.attribute("Category").map(Into::into),
        issuer: node.attribute("Issuer").map(Into::into),
        value,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluate::{Decision, Indeterminate, Status};
    use crate::request::Request;
    use crate::{ACTION_ID, category};

    /// A policy of the kind that registries hold: subjects, resource and actions, each an `AnyOf`.
    fn document(rules: &str) -> String {
        format!(
            r#"<xacml:Policy xmlns:xacml="{NAMESPACE}" PolicyId="p" Version="1.0"
                RuleCombiningAlgId="urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides">
              <xacml:Target/>{rules}
              <xacml:ObligationExpressions>
                <xacml:ObligationExpression FulfillOn="Permit" ObligationId="level">
                  <xacml:AttributeAssignmentExpression AttributeId="a" Category="c">
                    <xacml:AttributeValue DataType="http://www.w3.org/2001/XMLSchema#integer">3</xacml:AttributeValue>
                  </xacml:AttributeAssignmentExpression>
                </xacml:ObligationExpression>
              </xacml:ObligationExpressions>
            </xacml:Policy>"#
        )
    }

    fn one_match(function: &str, literal: &str, category: &str, id: &str, must: bool) -> String {
        format!(
            r#"<xacml:AnyOf><xacml:AllOf><xacml:Match MatchId="{function}">
                <xacml:AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string">{literal}</xacml:AttributeValue>
                <xacml:AttributeDesignator AttributeId="{id}" Category="{category}"
                  DataType="http://www.w3.org/2001/XMLSchema#string" MustBePresent="{must}"/>
            </xacml:Match></xacml:AllOf></xacml:AnyOf>"#
        )
    }

    fn rule(id: &str, effect: &str, role: &str, action: &str, must: bool) -> String {
        let role = one_match(Function::StringEqualIgnoreCase.uri(), role, category::ACCESS_SUBJECT, "role", must);
        let action = one_match(Function::StringEqual.uri(), action, category::ACTION, ACTION_ID, false);
        format!(
            r#"<xacml:Rule RuleId="{id}" Effect="{effect}"><xacml:Target>{role}{action}</xacml:Target></xacml:Rule>"#
        )
    }

    fn request(roles: &[&str], action: &str) -> Request {
        let mut request = Request::default();
        for role in roles {
            request.push(category::ACCESS_SUBJECT, "role", (*role).into());
        }
        request.push(category::ACTION, ACTION_ID, action.into());
        request
    }

    #[test]
    fn a_rule_applies_when_all_its_parts_do() {
        let policy = Policy::parse(&document(&rule("1", "Permit", "dagl", "read", false))).unwrap();
        let decide = |roles: &[&str], action| policy.evaluate(&request(roles, action)).decision;
        assert_eq!(decide(&["REGN", "DAGL"], "read"), Decision::Permit);
        assert_eq!(decide(&["DAGL"], "write"), Decision::NotApplicable);
        assert_eq!(decide(&["DAGL"], "READ"), Decision::NotApplicable);
        assert_eq!(decide(&[], "read"), Decision::NotApplicable);
    }

    #[test]
    fn obligations_come_with_the_effect_they_belong_to() {
        let rules = rule("1", "Permit", "dagl", "read", false) + &rule("2", "Deny", "barred", "read", false);
        let policy = Policy::parse(&document(&rules)).unwrap();
        let permit = policy.evaluate(&request(&["dagl"], "read"));
        assert_eq!(permit.obligations.len(), 1);
        assert_eq!(permit.obligations[0].attributes[0].value, Value::Integer(3));
        let deny = policy.evaluate(&request(&["dagl", "barred"], "read"));
        assert_eq!((deny.decision, deny.obligations.len()), (Decision::Deny, 0));
    }

    #[test]
    fn several_any_of_are_a_conjunction() {
        let both = one_match(Function::StringEqual.uri(), "a", category::ACCESS_SUBJECT, "role", false)
            + &one_match(Function::StringEqual.uri(), "b", category::ACCESS_SUBJECT, "role", false);
        let rules =
            format!(r#"<xacml:Rule RuleId="1" Effect="Permit"><xacml:Target>{both}</xacml:Target></xacml:Rule>"#);
        let policy = Policy::parse(&document(&rules)).unwrap();
        assert_eq!(policy.evaluate(&request(&["a"], "x")).decision, Decision::NotApplicable);
        assert_eq!(policy.evaluate(&request(&["a", "b"], "x")).decision, Decision::Permit);
    }

    #[test]
    fn a_missing_attribute_that_must_be_there_is_named() {
        let policy = Policy::parse(&document(&rule("1", "Permit", "dagl", "read", true))).unwrap();
        let evaluation = policy.evaluate(&request(&[], "read"));
        assert_eq!(evaluation.decision, Decision::Indeterminate(Indeterminate::Permit));
        let category = category::ACCESS_SUBJECT.into();
        assert_eq!(evaluation.status, Status::MissingAttribute { category, id: "role".into() });
        // Where the rule cannot apply anyway, what is missing does not matter.
        assert_eq!(policy.evaluate(&request(&[], "write")).decision, Decision::NotApplicable);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = |text: &str| Policy::parse(text).unwrap_err().to_string();
        let good = document(&rule("1", "Permit", "dagl", "read", false));
        assert_eq!(
            error(&good.replace("Effect=\"Permit\"", "Effect=\"Maybe\"")),
            "line 3 column 30: `Maybe` is not a known effect"
        );
        assert!(
            error(&good.replace("string-equal-ignore-case", "sounds-like")).contains("is not a known match function")
        );
        assert!(error(&good.replace("deny-overrides", "only-one-applicable")).contains("rule-combining algorithm"));
        assert!(error(&good.replace("<xacml:Target/>", "")).contains("`Target` is missing"));
        let integer = good.replacen("XMLSchema#string\">dagl", "XMLSchema#integer\">7", 1);
        assert!(error(&integer).contains("takes values of type http://www.w3.org/2001/XMLSchema#string"));
        let twice = rule("1", "Permit", "a", "read", false) + &rule("1", "Permit", "b", "read", false);
        assert!(error(&document(&twice)).contains("the rule id `1` is used more than once"));
        let condition = r#"<xacml:Rule RuleId="1" Effect="Permit"><xacml:Condition/></xacml:Rule>"#;
        assert!(error(&document(condition)).ends_with("`Condition` is not supported"));
        assert!(error("<Policy/>").contains("the root is not a Policy"));
        assert!(error(&format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{good}")).contains("not acceptable XML"));
        assert!(error(&format!("{good}<")).contains("not acceptable XML"));
        assert!(error(&" ".repeat(MAX_DOCUMENT + 1)).contains("larger than"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,300}") {
            let _ = Policy::parse(&text);
            let _ = Policy::parse(&document(&text));
        }

        /// Cutting a document anywhere gives an error, not a smaller policy.
        #[test]
        fn half_a_document_is_no_policy(cut in 0usize..1500) {
            let good = document(&rule("1", "Permit", "dagl", "read", false));
            if let Some(half) = good.get(..cut).filter(|half| half.len() < good.len()) {
                prop_assert!(Policy::parse(half).is_err());
            }
        }
    }
}
