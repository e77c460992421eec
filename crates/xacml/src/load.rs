//! Reading a policy document (core specification §5), refusing what is not understood in full.
//!
//! Everything that can be known before a request is there is checked here, with line and column: the elements and
//! attributes of the schema, the types of every call, that ids are used once, that variables exist and do not lead back
//! to themselves, that regular expressions are some. A call whose arguments are all literals is computed; where that
//! fails, it would fail for every request, and the document is refused.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;

use roxmltree::{Document as Xml, Error as XmlError, Node, ParsingOptions};
use thiserror::Error;

use crate::combine::CombiningAlgorithm;
use crate::function::apply::{self, Operand};
use crate::function::{Function, HigherOrder, Pattern, Type};
use crate::policy::{
    AllOf, AnyOf, Apply, AssignmentExpression, Designator, Document, Effect, Expression, Match, Member,
    ObligationExpression, Policy, PolicySet, Position, Reference, Rule, Target, VariableDefinition, Version,
    VersionMatch,
};
use crate::value::{DataType, Value};

/// The largest document, in bytes.
pub const MAX_DOCUMENT: usize = 4 * 1024 * 1024;
/// The most elements, attributes, texts and comments a document may have.
pub const MAX_NODES: u32 = 200_000;
/// How deep policy sets, and how deep expressions, may be nested.
pub const MAX_DEPTH: usize = 50;

pub(crate) const NAMESPACE: &str = "urn:oasis:names:tc:xacml:3.0:core:schema:wd-17";

/// A policy document that cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// Where in the document.
    pub position: Position,
    /// What is wrong there.
    pub kind: LoadErrorKind,
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {} column {}: {}", self.position.line, self.position.column, OneLine(&self.kind))
    }
}

impl std::error::Error for LoadError {}

/// A message that can repeat parts of a document. It stays on one line of a log, whatever the document has in it.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_string().chars().try_for_each(|character| {
            if character.is_control() {
                character.escape_default().fmt(formatter)
            } else {
                formatter.write_char(character)
            }
        })
    }
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadErrorKind {
    /// Larger than [`MAX_DOCUMENT`].
    #[error("the document is larger than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// Not well-formed, has a document type declaration, or more than [`MAX_NODES`] nodes.
    #[error("the document is not acceptable XML: {0}")]
    Xml(String),
    /// The root is something else.
    #[error("the root is not `{0}` of XACML 3.0 (namespace {NAMESPACE})")]
    Root(&'static str),
    /// A policy is wanted, and this is a set.
    #[error("the document is a PolicySet, where a single Policy is needed")]
    NotASinglePolicy,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// An element or attribute that the standard does not have there.
    #[error("`{0}` does not belong here")]
    Unexpected(String),
    /// Something of the standard that is not there.
    #[error("`{what}` is not supported: {reason}")]
    Unsupported {
        /// The element, function or type.
        what: String,
        /// What it would need.
        reason: &'static str,
    },
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
    /// The number of arguments does not fit the function.
    #[error("`{function}` takes {expected}, this has {found}")]
    ArgumentCount {
        /// The function.
        function: &'static str,
        /// What it takes.
        expected: String,
        /// How many there are.
        found: usize,
    },
    /// The type of an argument does not fit the function.
    #[error("`{function}` takes {expected} here, this is {found}")]
    ArgumentType {
        /// The function.
        function: &'static str,
        /// What it takes.
        expected: String,
        /// What it is given.
        found: String,
    },
    /// A condition that is not true or false.
    #[error("a condition is a boolean, this is {0}")]
    Condition(String),
    /// A call that fails for every request.
    #[error("`{function}` fails for every request: {reason}")]
    AlwaysFails {
        /// The function.
        function: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// An id that is used more than once.
    #[error("the {what} `{id}` is used more than once")]
    Duplicate {
        /// What kind of id.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// A variable that is not defined in the policy.
    #[error("the variable `{0}` is not defined in this policy")]
    UnknownVariable(String),
    /// A variable that depends on itself.
    #[error("the variable `{0}` depends on itself")]
    CircularVariable(String),
    /// A reference to a document that is not there.
    #[error("no {what} with the id `{id}` and a version that fits was given")]
    UnknownReference {
        /// Policy or policy set.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// A policy set that contains itself.
    #[error("the policy set `{0}` contains itself")]
    CircularReference(String),
}

pub(crate) type Loaded<T> = Result<T, LoadError>;

/// Reads a policy or policy set.
pub(crate) fn document(text: &str) -> Loaded<Document> {
    let xml = parse_xml(text)?;
    let loader = Loader { positions: Positions::new(text) };
    let root = xml.root_element();
    match root.tag_name().name() {
        "Policy" if is_ours(root) => loader.policy(root).map(Arc::new).map(Document::Policy),
        "PolicySet" if is_ours(root) => loader.policy_set(root, 0).map(Arc::new).map(Document::PolicySet),
        _ => Err(loader.error(root, LoadErrorKind::Root("Policy` or `PolicySet"))),
    }
}

/// Reads the text as XML, within the limits.
pub(crate) fn parse_xml(text: &str) -> Loaded<Xml<'_>> {
    let start = Position { line: 1, column: 1 };
    if text.len() > MAX_DOCUMENT {
        return Err(LoadError { position: start, kind: LoadErrorKind::TooLarge });
    }
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Xml::parse_with_options(text, options).map_err(|error| {
        let position = match error {
            XmlError::UnexpectedEndOfStream | XmlError::UnclosedRootNode | XmlError::NoRootNode => {
                Positions::new(text).at(text.len())
            }
            XmlError::DtdDetected => Positions::new(text).at(text.find("<!DOCTYPE").unwrap_or_default()),
            _ => Position { line: error.pos().row, column: error.pos().col },
        };
        // Its text ends with the position, which stands before it here already.
        let message = error.to_string();
        let message = message.rsplit_once(" at ").map_or(message.as_str(), |(message, _)| message);
        LoadError { position, kind: LoadErrorKind::Xml(message.to_owned()) }
    })
}

pub(crate) fn is_ours(node: Node<'_, '_>) -> bool {
    node.tag_name().namespace() == Some(NAMESPACE)
}

/// Turns offsets into lines and columns. Asked in the order of the document, it reads the text once.
pub(crate) struct Positions<'a> {
    text: &'a str,
    last: Cell<(usize, Position)>,
}

impl<'a> Positions<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, last: Cell::new((0, Position { line: 1, column: 1 })) }
    }

    pub(crate) fn of(&self, node: Node<'_, '_>) -> Position {
        self.at(node.range().start)
    }

    fn at(&self, offset: usize) -> Position {
        let (from, mut position) = self.last.get();
        let from = if from > offset {
            position = Position { line: 1, column: 1 };
            0
        } else {
            from
        };
        for character in self.text.get(from..offset).unwrap_or_default().chars() {
            if character == '\n' {
                position = Position { line: position.line + 1, column: 1 };
            } else {
                position.column += 1;
            }
        }
        self.last.set((offset, position));
        position
    }
}

/// Reading elements, each with its place at hand.
pub(crate) struct Loader<'a> {
    pub(crate) positions: Positions<'a>,
}

/// The names that obligations and advice differ in.
struct ObligationNames {
    expression: &'static str,
    id: &'static str,
    effect: &'static str,
}

const OBLIGATION: ObligationNames =
    ObligationNames { expression: "ObligationExpression", id: "ObligationId", effect: "FulfillOn" };
const ADVICE: ObligationNames = ObligationNames { expression: "AdviceExpression", id: "AdviceId", effect: "AppliesTo" };

/// What a variable is known to be, while a policy is read.
enum Variable {
    Unread,
    BeingRead,
    Read {
        expression: Expression,
        of: Type,
        /// How deep it is nested, with the variables in it.
        height: usize,
    },
}

/// The variables of one policy.
struct Variables<'a, 'input> {
    nodes: Vec<(&'a str, Node<'a, 'input>)>,
    by_id: HashMap<&'a str, usize>,
    read: Vec<Variable>,
    /// The deepest level that was reached since this was last set.
    deepest: usize,
}

/// The parts that rules, policies and sets have in common.
#[derive(Default)]
struct Parts<'a, 'input> {
    target: Option<Node<'a, 'input>>,
    condition: Option<Node<'a, 'input>>,
    obligations: Option<Node<'a, 'input>>,
    advice: Option<Node<'a, 'input>>,
    /// Everything else that was named as possible, in order.
    others: Vec<(&'a str, Node<'a, 'input>)>,
}

const XPATH: &str = "it needs XPath, which this engine does not have";
const HIERARCHY: &str = "it belongs to the hierarchical resource profile, which this engine does not have";

/// The attributes of the hierarchical resource profile (version 3.0, §4), which a decision point would have to know.
pub(crate) const HIERARCHICAL: [&str; 3] = [
    "urn:oasis:names:tc:xacml:2.0:resource:resource-parent",
    "urn:oasis:names:tc:xacml:2.0:resource:resource-ancestor",
    "urn:oasis:names:tc:xacml:2.0:resource:resource-ancestor-or-self",
];

impl Loader<'_> {
    pub(crate) fn error(&self, node: Node<'_, '_>, kind: LoadErrorKind) -> LoadError {
        LoadError { position: self.positions.of(node), kind }
    }

    fn unknown(&self, node: Node<'_, '_>, what: &'static str, value: &str) -> LoadError {
        self.error(node, LoadErrorKind::Unknown { what, value: value.to_owned() })
    }

    fn unsupported(&self, node: Node<'_, '_>, what: &str, reason: &'static str) -> LoadError {
        self.error(node, LoadErrorKind::Unsupported { what: what.to_owned(), reason })
    }

    /// The element's children, all of our namespace, after a look at its attributes.
    pub(crate) fn children<'a, 'input>(
        &self,
        node: Node<'a, 'input>,
        attributes: &[&str],
    ) -> Loaded<Vec<(&'a str, Node<'a, 'input>)>> {
        let unknown = |attribute: &roxmltree::Attribute<'_, '_>| {
            attribute.namespace().is_none() && !attributes.contains(&attribute.name())
        };
        if let Some(attribute) = node.attributes().find(unknown) {
            return Err(self.error(node, LoadErrorKind::Unexpected(attribute.name().to_owned())));
        }
        let mut children = Vec::new();
        for child in node.children() {
            if child.is_element() && is_ours(child) {
                children.push((child.tag_name().name(), child));
            } else if child.is_element() {
                return Err(self.error(child, LoadErrorKind::Unexpected(child.tag_name().name().to_owned())));
            } else if child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty()) {
                return Err(self.error(node, LoadErrorKind::Unexpected("text".to_owned())));
            }
        }
        Ok(children)
    }

    pub(crate) fn required<'a>(&self, node: Node<'a, '_>, name: &'static str) -> Loaded<&'a str> {
        node.attribute(name).ok_or_else(|| self.error(node, LoadErrorKind::MissingAttribute(name)))
    }

    pub(crate) fn boolean(&self, node: Node<'_, '_>, name: &'static str) -> Loaded<bool> {
        match self.required(node, name)?.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            other => Err(self.unknown(node, "truth value", other)),
        }
    }

    pub(crate) fn unexpected(&self, name: &str, node: Node<'_, '_>) -> LoadError {
        self.error(node, LoadErrorKind::Unexpected(name.to_owned()))
    }

    fn parts<'a, 'input>(
        &self,
        node: Node<'a, 'input>,
        attributes: &[&str],
        others: &[&str],
    ) -> Loaded<Parts<'a, 'input>> {
        let mut parts = Parts::default();
        let mut described = None;
        for (name, child) in self.children(node, attributes)? {
            let once = match name {
                "Description" => &mut described,
                "Target" => &mut parts.target,
                "Condition" if others.contains(&"Condition") => &mut parts.condition,
                "ObligationExpressions" => &mut parts.obligations,
                "AdviceExpressions" => &mut parts.advice,
                "PolicyIssuer" => {
                    return Err(self.unsupported(
                        child,
                        name,
                        "it belongs to the administration and delegation profile",
                    ));
                }
                // Standard algorithms take no parameters, and what defaults there are concern XPath.
                "PolicyDefaults"
                | "PolicySetDefaults"
                | "CombinerParameters"
                | "RuleCombinerParameters"
                | "PolicyCombinerParameters"
                | "PolicySetCombinerParameters"
                    if !others.contains(&"Condition") =>
                {
                    continue;
                }
                _ if others.contains(&name) => {
                    parts.others.push((name, child));
                    continue;
                }
                _ => return Err(self.unexpected(name, child)),
            };
            if once.replace(child).is_some() {
                return Err(self.unexpected(name, child));
            }
        }
        Ok(parts)
    }

    fn version(&self, node: Node<'_, '_>) -> Loaded<Version> {
        // The schema wants one; documents in use leave it out.
        let text = node.attribute("Version").unwrap_or("1.0").trim();
        Version::parse(text).ok_or_else(|| self.unknown(node, "version", text))
    }

    fn policy_set(&self, node: Node<'_, '_>, depth: usize) -> Loaded<PolicySet> {
        let position = self.positions.of(node);
        if depth >= MAX_DEPTH {
            return Err(LoadError { position, kind: LoadErrorKind::TooDeep });
        }
        let id = self.required(node, "PolicySetId")?;
        let algorithm = self.required(node, "PolicyCombiningAlgId")?;
        let combining = CombiningAlgorithm::for_policies(algorithm)
            .ok_or_else(|| self.unknown(node, "policy-combining algorithm", algorithm))?;
        let members = ["Policy", "PolicySet", "PolicyIdReference", "PolicySetIdReference"];
        let attributes = ["PolicySetId", "Version", "PolicyCombiningAlgId", "MaxDelegationDepth"];
        let parts = self.parts(node, &attributes, &members)?;
        let mut none = Variables::none();
        let target = parts.target.ok_or_else(|| self.error(node, LoadErrorKind::MissingElement("Target")))?;
        let target = self.target(target)?;
        let member = |(name, child): (&str, Node<'_, '_>)| match name {
            "Policy" => self.policy(child).map(Arc::new).map(Member::Policy),
            "PolicySet" => self.policy_set(child, depth + 1).map(Arc::new).map(Member::PolicySet),
            "PolicyIdReference" => self.reference(child).map(Member::PolicyReference),
            _ => self.reference(child).map(Member::PolicySetReference),
        };
        Ok(PolicySet {
            id: id.to_owned(),
            version: self.version(node)?,
            combining,
            target,
            members: parts.others.into_iter().map(member).collect::<Loaded<_>>()?,
            obligations: self.obligations(parts.obligations, &OBLIGATION, &mut none)?,
            advice: self.obligations(parts.advice, &ADVICE, &mut none)?,
            position,
        })
    }

    fn reference(&self, node: Node<'_, '_>) -> Loaded<Reference> {
        let pattern = |name: &'static str| {
            let text = node.attribute(name).map(str::trim);
            text.map(|text| VersionMatch::parse(text).ok_or_else(|| self.unknown(node, "version pattern", text)))
                .transpose()
        };
        Ok(Reference {
            id: self.text(node, &["Version", "EarliestVersion", "LatestVersion"])?.trim().to_owned(),
            version: pattern("Version")?,
            earliest: pattern("EarliestVersion")?,
            latest: pattern("LatestVersion")?,
            position: self.positions.of(node),
        })
    }

    fn policy(&self, node: Node<'_, '_>) -> Loaded<Policy> {
        let position = self.positions.of(node);
        let id = self.required(node, "PolicyId")?;
        let algorithm = self.required(node, "RuleCombiningAlgId")?;
        let combining = CombiningAlgorithm::for_rules(algorithm)
            .ok_or_else(|| self.unknown(node, "rule-combining algorithm", algorithm))?;
        let attributes = ["PolicyId", "Version", "RuleCombiningAlgId", "MaxDelegationDepth"];
        let parts = self.parts(node, &attributes, &["Rule", "VariableDefinition"])?;
        let target = parts.target.ok_or_else(|| self.error(node, LoadErrorKind::MissingElement("Target")))?;
        let target = self.target(target)?;
        let mut variables = self.variables(&parts.others)?;
        for index in 0..variables.nodes.len() {
            self.variable(index, &mut variables, 0)?;
        }
        let mut ids = HashSet::new();
        let mut rules = Vec::new();
        for (_, child) in parts.others.iter().filter(|(name, _)| *name == "Rule") {
            let rule = self.rule(*child, &mut variables)?;
            if !ids.insert(rule.id.clone()) {
                return Err(self.error(*child, LoadErrorKind::Duplicate { what: "rule id", id: rule.id }));
            }
            rules.push(rule);
        }
        let obligations = self.obligations(parts.obligations, &OBLIGATION, &mut variables)?;
        let advice = self.obligations(parts.advice, &ADVICE, &mut variables)?;
        let variables = variables.into_definitions();
        let version = self.version(node)?;
        Ok(Policy { id: id.to_owned(), version, combining, target, variables, rules, obligations, advice, position })
    }

    fn rule<'a>(&self, node: Node<'a, '_>, variables: &mut Variables<'a, '_>) -> Loaded<Rule> {
        let position = self.positions.of(node);
        let id = self.required(node, "RuleId")?;
        let parts = self.parts(node, &["RuleId", "Effect"], &["Condition"])?;
        let effect = self.effect(node, "Effect")?;
        let target = parts.target.map(|target| self.target(target)).transpose()?.unwrap_or_default();
        let condition = parts.condition.map(|condition| self.condition(condition, variables)).transpose()?;
        let obligations = self.obligations(parts.obligations, &OBLIGATION, variables)?;
        let advice = self.obligations(parts.advice, &ADVICE, variables)?;
        Ok(Rule { id: id.to_owned(), effect, target, condition, obligations, advice, position })
    }

    fn effect(&self, node: Node<'_, '_>, name: &'static str) -> Loaded<Effect> {
        match self.required(node, name)? {
            "Permit" => Ok(Effect::Permit),
            "Deny" => Ok(Effect::Deny),
            other => Err(self.unknown(node, "effect", other)),
        }
    }

    /// At least one child of the given name, and no others.
    fn some<T>(
        &self,
        node: Node<'_, '_>,
        name: &'static str,
        read: impl Fn(Node<'_, '_>) -> Loaded<T>,
    ) -> Loaded<Vec<T>> {
        let mut items = Vec::new();
        for (found, child) in self.children(node, &[])? {
            if found != name {
                return Err(self.unexpected(found, child));
            }
            items.push(read(child)?);
        }
        if items.is_empty() { Err(self.error(node, LoadErrorKind::MissingElement(name))) } else { Ok(items) }
    }

    fn target(&self, node: Node<'_, '_>) -> Loaded<Target> {
        if self.children(node, &[])?.is_empty() {
            return Ok(Target::default());
        }
        let all_of = |node: Node<'_, '_>| {
            self.some(node, "Match", |node| self.single_match(node)).map(|matches| AllOf { matches })
        };
        let any_of = |node: Node<'_, '_>| self.some(node, "AllOf", all_of).map(|all_of| AnyOf { all_of });
        Ok(Target { any_of: self.some(node, "AnyOf", any_of)? })
    }

    fn single_match(&self, node: Node<'_, '_>) -> Loaded<Match> {
        let function = self.function(node, "MatchId")?;
        let (mut literal, mut designator) = (None, None);
        for (name, child) in self.children(node, &["MatchId"])? {
            let again = match name {
                "AttributeValue" => literal.replace((child, self.value(child)?)).is_some(),
                "AttributeDesignator" => designator.replace((child, self.designator(child)?)).is_some(),
                "AttributeSelector" => return Err(self.unsupported(child, name, XPATH)),
                _ => true,
            };
            if again {
                return Err(self.unexpected(name, child));
            }
        }
        let missing = |name| self.error(node, LoadErrorKind::MissingElement(name));
        let (literal_node, literal) = literal.ok_or_else(|| missing("AttributeValue"))?;
        let (designator_node, designator) = designator.ok_or_else(|| missing("AttributeDesignator"))?;
        let arguments =
            [(literal_node, Type::one(literal.data_type())), (designator_node, Type::one(designator.data_type))];
        let result = self.check_call(node, function, &arguments)?;
        if result != Type::BOOLEAN {
            return Err(self.unknown(node, "match function", function.uri()));
        }
        let pattern = self.pattern(literal_node, function, Some(&literal))?;
        Ok(Match { function, literal, designator, pattern })
    }

    fn function(&self, node: Node<'_, '_>, attribute: &'static str) -> Loaded<Function> {
        let uri = self.required(node, attribute)?.trim();
        Function::from_uri(uri).ok_or_else(|| {
            if uri.contains(":function:xpath-") {
                self.unsupported(node, uri, XPATH)
            } else if uri.ends_with(":function:access-permitted") {
                self.unsupported(node, uri, "it asks for another decision while one is made")
            } else {
                self.unknown(node, "function", uri)
            }
        })
    }

    fn data_type(&self, node: Node<'_, '_>) -> Loaded<DataType> {
        let uri = self.required(node, "DataType")?.trim();
        DataType::from_uri(uri).ok_or_else(|| {
            if uri.ends_with(":data-type:xpathExpression") {
                self.unsupported(node, uri, XPATH)
            } else {
                self.unknown(node, "data type", uri)
            }
        })
    }

    /// The text of an element that has nothing else in it.
    fn text(&self, node: Node<'_, '_>, attributes: &[&str]) -> Loaded<String> {
        let unknown = |attribute: &roxmltree::Attribute<'_, '_>| {
            attribute.namespace().is_none() && !attributes.contains(&attribute.name())
        };
        if let Some(attribute) = node.attributes().find(unknown) {
            return Err(self.error(node, LoadErrorKind::Unexpected(attribute.name().to_owned())));
        }
        if let Some(child) = node.children().find(Node::is_element) {
            return Err(self.unexpected(child.tag_name().name(), child));
        }
        Ok(node.children().filter(Node::is_text).filter_map(|child| child.text()).collect())
    }

    pub(crate) fn value(&self, node: Node<'_, '_>) -> Loaded<Value> {
        let data_type = self.data_type(node)?;
        let text = self.text(node, &["DataType"])?;
        data_type.parse(&text).map_err(|wrong| self.error(node, LoadErrorKind::Value(wrong.data_type.uri())))
    }

    fn designator(&self, node: Node<'_, '_>) -> Loaded<Designator> {
        let attributes = ["Category", "AttributeId", "DataType", "MustBePresent", "Issuer"];
        if let Some((name, child)) = self.children(node, &attributes)?.first() {
            return Err(self.unexpected(name, *child));
        }
        let id = self.required(node, "AttributeId")?;
        if HIERARCHICAL.contains(&id) {
            return Err(self.unsupported(node, id, HIERARCHY));
        }
        Ok(Designator {
            category: self.required(node, "Category")?.to_owned(),
            id: id.to_owned(),
            data_type: self.data_type(node)?,
            issuer: node.attribute("Issuer").map(Into::into),
            must_be_present: self.boolean(node, "MustBePresent")?,
        })
    }

    /// The regular expression that a function is given, compiled.
    fn pattern(&self, node: Node<'_, '_>, function: Function, first: Option<&Value>) -> Loaded<Option<Pattern>> {
        let (Function::RegexpMatch(_), Some(Value::String(source))) = (function, first) else { return Ok(None) };
        Pattern::compile(source)
            .map(Some)
            .map_err(|reason| self.error(node, LoadErrorKind::AlwaysFails { function: function.uri(), reason }))
    }
}

impl Variables<'_, '_> {
    fn none() -> Self {
        Self { nodes: vec![], by_id: HashMap::new(), read: vec![], deepest: 0 }
    }

    fn into_definitions(self) -> Vec<VariableDefinition> {
        let definition = |((id, _), read): ((&str, _), Variable)| match read {
            Variable::Read { expression, .. } => Some(VariableDefinition { id: id.to_owned(), expression }),
            Variable::Unread | Variable::BeingRead => None,
        };
        self.nodes.into_iter().zip(self.read).filter_map(definition).collect()
    }
}

/// Expressions.
impl Loader<'_> {
    fn variables<'a, 'input>(&self, others: &[(&'a str, Node<'a, 'input>)]) -> Loaded<Variables<'a, 'input>> {
        let mut variables = Variables::none();
        for (_, node) in others.iter().filter(|(name, _)| *name == "VariableDefinition") {
            let id = self.required(*node, "VariableId")?;
            if variables.by_id.insert(id, variables.nodes.len()).is_some() {
                return Err(self.error(*node, LoadErrorKind::Duplicate { what: "variable id", id: id.to_owned() }));
            }
            variables.nodes.push((id, *node));
            variables.read.push(Variable::Unread);
        }
        Ok(variables)
    }

    /// Reads a variable's definition, unless that has been done, for its type.
    fn variable(&self, index: usize, variables: &mut Variables<'_, '_>, depth: usize) -> Loaded<Type> {
        let Some(((id, node), read)) = variables.nodes.get(index).copied().zip(variables.read.get_mut(index)) else {
            return Ok(Type::BOOLEAN);
        };
        match read {
            Variable::Read { of, height, .. } => {
                let (of, reached) = (*of, depth + *height);
                if reached >= MAX_DEPTH {
                    return Err(self.error(node, LoadErrorKind::TooDeep));
                }
                variables.deepest = variables.deepest.max(reached);
                return Ok(of);
            }
            Variable::BeingRead => return Err(self.error(node, LoadErrorKind::CircularVariable(id.to_owned()))),
            Variable::Unread => *read = Variable::BeingRead,
        }
        let before = std::mem::replace(&mut variables.deepest, depth);
        let (expression, of) = self.only_expression(node, &["VariableId"], variables, depth)?;
        let height = variables.deepest - depth;
        variables.deepest = variables.deepest.max(before);
        if let Some(read) = variables.read.get_mut(index) {
            *read = Variable::Read { expression, of, height };
        }
        Ok(of)
    }

    fn condition<'a>(&self, node: Node<'a, '_>, variables: &mut Variables<'a, '_>) -> Loaded<Expression> {
        let (expression, of) = self.only_expression(node, &[], variables, 0)?;
        if of == Type::BOOLEAN {
            Ok(expression)
        } else {
            Err(self.error(node, LoadErrorKind::Condition(of.to_string())))
        }
    }

    fn only_expression<'a>(
        &self,
        node: Node<'a, '_>,
        attributes: &[&str],
        variables: &mut Variables<'a, '_>,
        depth: usize,
    ) -> Loaded<(Expression, Type)> {
        let children = self.children(node, attributes)?;
        match children.as_slice() {
            [(name, child)] => self.expression(name, *child, variables, depth),
            [] => Err(self.error(node, LoadErrorKind::MissingElement("Expression"))),
            [_, (name, child), ..] => Err(self.unexpected(name, *child)),
        }
    }

    fn expression<'a>(
        &self,
        name: &str,
        node: Node<'a, '_>,
        variables: &mut Variables<'a, '_>,
        depth: usize,
    ) -> Loaded<(Expression, Type)> {
        if depth >= MAX_DEPTH {
            return Err(self.error(node, LoadErrorKind::TooDeep));
        }
        variables.deepest = variables.deepest.max(depth);
        match name {
            "AttributeValue" => {
                let value = self.value(node)?;
                let of = Type::one(value.data_type());
                Ok((Expression::Value(value), of))
            }
            "AttributeDesignator" => {
                let designator = self.designator(node)?;
                let of = Type::bag(designator.data_type);
                Ok((Expression::Designator(designator), of))
            }
            "VariableReference" => {
                if let Some((name, child)) = self.children(node, &["VariableId"])?.first() {
                    return Err(self.unexpected(name, *child));
                }
                let id = self.required(node, "VariableId")?;
                let unknown = || self.error(node, LoadErrorKind::UnknownVariable(id.to_owned()));
                let index = *variables.by_id.get(id).ok_or_else(unknown)?;
                let of = self.variable(index, variables, depth + 1)?;
                Ok((Expression::Variable(index), of))
            }
            "Apply" => self.apply(node, variables, depth),
            "AttributeSelector" => Err(self.unsupported(node, name, XPATH)),
            _ => Err(self.unexpected(name, node)),
        }
    }

    fn apply<'a>(
        &self,
        node: Node<'a, '_>,
        variables: &mut Variables<'a, '_>,
        depth: usize,
    ) -> Loaded<(Expression, Type)> {
        let function = self.function(node, "FunctionId")?;
        let mut children = self.children(node, &["FunctionId"])?;
        if children.first().is_some_and(|(name, _)| *name == "Description") {
            children.remove(0);
        }
        let passed = match (function, children.first().copied()) {
            (Function::HigherOrder(_), Some(("Function", child))) => {
                children.remove(0);
                if let Some((name, grandchild)) = self.children(child, &["FunctionId"])?.first() {
                    return Err(self.unexpected(name, *grandchild));
                }
                Some((child, self.function(child, "FunctionId")?))
            }
            (Function::HigherOrder(_), _) => {
                return Err(self.error(node, LoadErrorKind::MissingElement("Function")));
            }
            _ => None,
        };
        let mut arguments = Vec::with_capacity(children.len());
        let mut types = Vec::with_capacity(children.len());
        for (name, child) in children {
            let (expression, of) = self.expression(name, child, variables, depth + 1)?;
            arguments.push(expression);
            types.push((child, of));
        }
        let of = match passed {
            None => self.check_call(node, function, &types)?,
            Some((child, passed)) => self.check_higher_order(node, function, child, passed, &types)?,
        };
        let first = arguments.first().and_then(|first| match first {
            Expression::Value(value) => Some(value),
            _ => None,
        });
        let called = passed.map_or(function, |(_, passed)| passed);
        let pattern = self.pattern(node, called, first)?;
        if passed.is_none() {
            self.check_constant(node, function, &arguments, pattern.as_ref())?;
        }
        let passed = passed.map(|(_, passed)| passed);
        Ok((Expression::Apply(Box::new(Apply { function, passed, arguments, pattern })), of))
    }

    /// A call with literals only is the same for every request; let it not fail for every request.
    fn check_constant(
        &self,
        node: Node<'_, '_>,
        function: Function,
        arguments: &[Expression],
        pattern: Option<&Pattern>,
    ) -> Loaded<()> {
        let literals = arguments.iter().map(|argument| match argument {
            Expression::Value(value) => Some(Operand::from(value.clone())),
            _ => None,
        });
        let literals = literals.collect::<Option<Vec<_>>>().filter(|literals| !literals.is_empty());
        match (function, literals) {
            (Function::Or | Function::And | Function::NOf, _) | (_, None) => Ok(()),
            (_, Some(literals)) => apply::apply(function, &literals, pattern)
                .map(|_| ())
                .map_err(|reason| self.error(node, LoadErrorKind::AlwaysFails { function: function.uri(), reason })),
        }
    }

    /// Checks the arguments of a function; returns the type of its result.
    fn check_call(&self, node: Node<'_, '_>, function: Function, arguments: &[(Node<'_, '_>, Type)]) -> Loaded<Type> {
        let Some(signature) = function.signature() else {
            return Err(self.unknown(node, "function that takes values only", function.uri()));
        };
        let least = signature.parameters.len();
        let count_fits = if signature.further.is_some() { arguments.len() >= least } else { arguments.len() == least };
        if !count_fits {
            let or_more = if signature.further.is_some() { " or more" } else { "" };
            let plural = if least == 1 && or_more.is_empty() { "" } else { "s" };
            let expected = format!("{least}{or_more} argument{plural}");
            let kind = LoadErrorKind::ArgumentCount { function: function.uri(), expected, found: arguments.len() };
            return Err(self.error(node, kind));
        }
        let expected = signature.parameters.iter().chain(signature.further.iter().cycle());
        for (expected, (child, found)) in expected.zip(arguments) {
            if expected != found {
                return Err(self.wrong_type(*child, function, *expected, *found));
            }
        }
        Ok(signature.result)
    }

    fn wrong_type(&self, node: Node<'_, '_>, function: Function, expected: Type, found: Type) -> LoadError {
        let (expected, found) = (expected.to_string(), found.to_string());
        self.error(node, LoadErrorKind::ArgumentType { function: function.uri(), expected, found })
    }

    /// Checks a function that takes a function: which arguments are bags, and that the function takes their elements.
    fn check_higher_order(
        &self,
        node: Node<'_, '_>,
        function: Function,
        passed_node: Node<'_, '_>,
        passed: Function,
        arguments: &[(Node<'_, '_>, Type)],
    ) -> Loaded<Type> {
        let Function::HigherOrder(order) = function else { return Ok(Type::BOOLEAN) };
        let elements: Vec<_> = arguments.iter().map(|(node, of)| (*node, Type::one(of.data_type))).collect();
        let result = self.check_call(passed_node, passed, &elements)?;
        let bags = arguments.iter().filter(|(_, of)| of.is_bag).count();
        let (bags_fit, expected) = match order {
            HigherOrder::AnyOf | HigherOrder::AllOf | HigherOrder::Map => (bags == 1, "exactly one bag"),
            HigherOrder::AnyOfAny => (bags >= 1, "a bag"),
            HigherOrder::AllOfAny | HigherOrder::AnyOfAll | HigherOrder::AllOfAll => {
                (bags == 2 && arguments.len() == 2, "two bags")
            }
        };
        if !bags_fit {
            let (function, found) = (function.uri(), arguments.len());
            let expected = format!("a function and {expected}");
            return Err(self.error(node, LoadErrorKind::ArgumentCount { function, expected, found }));
        }
        match order {
            HigherOrder::Map if !result.is_bag => Ok(Type::bag(result.data_type)),
            HigherOrder::Map => Err(self.wrong_type(passed_node, function, Type::one(result.data_type), result)),
            _ if result == Type::BOOLEAN => Ok(Type::BOOLEAN),
            _ => Err(self.wrong_type(passed_node, function, Type::BOOLEAN, result)),
        }
    }

    fn obligations<'a>(
        &self,
        node: Option<Node<'a, '_>>,
        names: &ObligationNames,
        variables: &mut Variables<'a, '_>,
    ) -> Loaded<Vec<ObligationExpression>> {
        let Some(node) = node else { return Ok(vec![]) };
        let mut obligations = Vec::new();
        for (name, child) in self.children(node, &[])? {
            if name != names.expression {
                return Err(self.unexpected(name, child));
            }
            let id = self.required(child, names.id)?.to_owned();
            let effect = self.effect(child, names.effect)?;
            let mut assignments = Vec::new();
            for (name, assignment) in self.children(child, &[names.id, names.effect])? {
                if name != "AttributeAssignmentExpression" {
                    return Err(self.unexpected(name, assignment));
                }
                assignments.push(self.assignment(assignment, variables)?);
            }
            obligations.push(ObligationExpression { id, effect, assignments });
        }
        if obligations.is_empty() {
            return Err(self.error(node, LoadErrorKind::MissingElement(names.expression)));
        }
        Ok(obligations)
    }

    fn assignment<'a>(&self, node: Node<'a, '_>, variables: &mut Variables<'a, '_>) -> Loaded<AssignmentExpression> {
        let id = self.required(node, "AttributeId")?.to_owned();
        let (expression, _) = self.only_expression(node, &["AttributeId", "Category", "Issuer"], variables, 0)?;
        Ok(AssignmentExpression {
            id,
            category: node.attribute("Category").map(Into::into),
            issuer: node.attribute("Issuer").map(Into::into),
            expression,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ACTION_ID, category};

    const STRING: &str = "http://www.w3.org/2001/XMLSchema#string";
    const EQUAL: &str = "urn:oasis:names:tc:xacml:1.0:function:string-equal";

    fn policy(inside: &str) -> String {
        format!(
            "<Policy xmlns=\"{NAMESPACE}\" PolicyId=\"p\" Version=\"1.0\" RuleCombiningAlgId=\"urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides\">\n<Target/>\n{inside}</Policy>"
        )
    }

    fn conditional(condition: &str) -> String {
        policy(&format!("<Rule RuleId=\"r\" Effect=\"Permit\"><Condition>{condition}</Condition></Rule>"))
    }

    fn target(inside: &str) -> String {
        policy(&format!("<Rule RuleId=\"r\" Effect=\"Permit\"><Target>{inside}</Target></Rule>"))
    }

    fn apply(function: &str, arguments: &[&str]) -> String {
        format!("<Apply FunctionId=\"urn:oasis:names:tc:xacml:{function}\">{}</Apply>", arguments.concat())
    }

    fn value(data_type: &str, text: &str) -> String {
        format!("<AttributeValue DataType=\"http://www.w3.org/2001/XMLSchema#{data_type}\">{text}</AttributeValue>")
    }

    fn attribute() -> String {
        format!(
            "<AttributeDesignator Category=\"{}\" AttributeId=\"{ACTION_ID}\" DataType=\"{STRING}\" MustBePresent=\"false\"/>",
            category::ACTION
        )
    }

    fn error(text: &str) -> String {
        Document::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_shape_of_documents_is_checked() {
        for (text, expected) in [
            ("<Policy/>".to_owned(), "line 1 column 1: the root is not `Policy` or `PolicySet` of XACML 3.0"),
            (policy("<Rule/>"), "line 3 column 1: the attribute `RuleId` is missing"),
            (policy("\n  <Rule RuleId=\"r\" Effect=\"Maybe\"/>"), "line 4 column 3: `Maybe` is not a known effect"),
            (policy("<Rule RuleId=\"r\" Effect=\"Deny\" Efect=\"Permit\"/>"), "`Efect` does not belong here"),
            (policy("text"), "line 1 column 1: `text` does not belong here"),
            (policy("<Target/>"), "line 3 column 1: `Target` does not belong here"),
            (policy("<PolicyIssuer/>"), "`PolicyIssuer` is not supported: it belongs to the administration"),
            (policy("").replace("<Target/>", ""), "`Target` is missing"),
            (policy("").replace("deny-overrides", "only-one-applicable"), "is not a known rule-combining algorithm"),
            (policy("").replace("1.0\" Rule", "one\" Rule"), "`one` is not a known version"),
            (
                policy("<Rule RuleId=\"r\" Effect=\"Deny\"/><Rule RuleId=\"r\" Effect=\"Deny\"/>"),
                "the rule id `r` is used more than once",
            ),
            (target("<AnyOf/>"), "`AllOf` is missing"),
            (
                target(&format!("<AnyOf><AllOf><Match MatchId=\"{EQUAL}\">{}</Match></AllOf></AnyOf>", attribute())),
                "`AttributeValue` is missing",
            ),
            (policy("<ObligationExpressions/>"), "`ObligationExpression` is missing"),
            (policy("<x xmlns=\"\"/>"), "`x` does not belong here"),
            (format!("{}<", policy("")), "the document is not acceptable XML"),
            (" ".repeat(MAX_DOCUMENT + 1), "line 1 column 1: the document is larger than"),
            ("<a>".repeat(100_000), "the document is not acceptable XML"),
        ] {
            let found = error(&text);
            assert!(found.contains(expected), "{found}\ninstead of {expected}");
        }
    }

    #[test]
    fn calls_are_checked() {
        let equal = "1.0:function:string-equal";
        let string = value("string", "a");
        let one = apply("1.0:function:string-one-and-only", &[&attribute()]);
        for (condition, expected) in [
            (String::new(), "`Expression` is missing"),
            (string.clone(), "a condition is a boolean, this is string"),
            (apply("1.0:function:string-resembles", &[]), "is not a known function"),
            (apply("3.0:function:xpath-node-count", &[]), "is not supported: it needs XPath"),
            ("<AttributeSelector/>".to_owned(), "`AttributeSelector` is not supported: it needs XPath"),
            (apply(equal, &[&string]), "takes 2 arguments, this has 1"),
            (apply(equal, &[&string, &attribute()]), "takes string here, this is a bag of string"),
            (apply(equal, &[&string, &value("integer", "1")]), "takes string here, this is integer"),
            (
                apply(equal, &[&string, &value("integer", "1.5")]),
                "the value is not of type http://www.w3.org/2001/XMLSchema#integer",
            ),
            (apply("1.0:function:not", &[]), "takes 1 argument, this has 0"),
            (
                apply("1.0:function:string-regexp-match", &[&value("string", "("), &one]),
                "fails for every request: the pattern",
            ),
            (
                apply(
                    "1.0:function:integer-equal",
                    &[
                        &value("integer", "1"),
                        &apply("1.0:function:integer-divide", &[&value("integer", "1"), &value("integer", "0")]),
                    ],
                ),
                "fails for every request: division by zero",
            ),
            (apply("3.0:function:any-of", &[&string, &attribute()]), "`Function` is missing"),
            (
                apply("3.0:function:any-of", &[&format!("<Function FunctionId=\"{EQUAL}\"/>"), &string, &string]),
                "takes a function and exactly one bag, this has 2",
            ),
            (
                apply(
                    "3.0:function:any-of",
                    &[
                        "<Function FunctionId=\"urn:oasis:names:tc:xacml:2.0:function:string-concatenate\"/>",
                        &string,
                        &attribute(),
                    ],
                ),
                "takes boolean here, this is string",
            ),
            ("<VariableReference VariableId=\"v\"/>".to_owned(), "the variable `v` is not defined in this policy"),
        ] {
            let found = error(&conditional(&condition));
            assert!(found.contains(expected), "{found}\ninstead of {expected}");
        }
        assert!(Document::parse(&conditional(&apply(equal, &[&string, &one]))).is_ok());
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth: usize| {
            let open = "<Apply FunctionId=\"urn:oasis:names:tc:xacml:1.0:function:not\">".repeat(depth);
            conditional(&format!("{open}{}{}", value("boolean", "true"), "</Apply>".repeat(depth)))
        };
        assert!(Document::parse(&nested(MAX_DEPTH - 1)).is_ok());
        assert!(error(&nested(MAX_DEPTH)).contains("nested deeper than 50 levels"));
        let variables: Vec<String> = (0..=MAX_DEPTH)
            .map(|at| format!("<VariableDefinition VariableId=\"{at}\"><VariableReference VariableId=\"{}\"/></VariableDefinition>", at + 1))
            .collect();
        assert!(error(&policy(&variables.concat())).contains("nested deeper than 50 levels"));
        // The other way round, each leads only to what has been read.
        let first = format!(
            "<VariableDefinition VariableId=\"{}\">{}</VariableDefinition>",
            MAX_DEPTH + 1,
            value("boolean", "true")
        );
        let reversed: String = std::iter::once(first).chain(variables.into_iter().rev()).collect();
        assert!(error(&policy(&reversed)).contains("nested deeper than 50 levels"));
        let set = |id: usize, inside: &str| {
            format!(
                "<PolicySet xmlns=\"{NAMESPACE}\" PolicySetId=\"{id}\" Version=\"1\" PolicyCombiningAlgId=\"urn:oasis:names:tc:xacml:3.0:policy-combining-algorithm:deny-overrides\"><Target/>{inside}</PolicySet>"
            )
        };
        let sets = (0..=MAX_DEPTH).fold(String::new(), |inside, id| set(id, &inside));
        assert!(error(&sets).contains("nested deeper than 50 levels"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,300}") {
            let _ = Document::parse(&text);
            let _ = Document::parse(&policy(&text));
        }

        /// Cutting a document anywhere gives an error, not a smaller policy.
        #[test]
        fn half_a_document_is_no_policy(cut in 0usize..600) {
            let good = conditional(&apply("1.0:function:not", &[&value("boolean", "true")]));
            if let Some(half) = good.get(..cut).filter(|half| half.len() < good.len()) {
                prop_assert!(Document::parse(half).is_err());
            }
        }
    }
}
