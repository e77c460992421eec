//! A policy document that was read: typed, and otherwise as it was written.
//!
//! This is the form to look into: which attributes does a policy ask for, which actions do its rules name. What is put
//! together by hand has not been checked as what is read has; read a document instead. To decide requests, make a
//! [`crate::DecisionPoint`] of it.

use std::sync::Arc;

use crate::combine::CombiningAlgorithm;
use crate::function::{Function, Pattern};
use crate::load::{self, LoadError};
use crate::value::{DataType, Value};

/// A place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// What a rule or policy leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Access.
    Permit,
    /// No access.
    Deny,
}

/// What a document holds: a policy, or a set of them.
#[derive(Debug, Clone)]
pub enum Document {
    /// A policy.
    Policy(Arc<Policy>),
    /// A policy set.
    PolicySet(Arc<PolicySet>),
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// A document that is too large, is not XML, or is not a policy whose every part is understood.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        load::document(text)
    }

    /// `PolicyId` or `PolicySetId`
    pub fn id(&self) -> &str {
        match self {
            Self::Policy(policy) => &policy.id,
            Self::PolicySet(set) => &set.id,
        }
    }

    /// `Version`
    pub fn version(&self) -> &Version {
        match self {
            Self::Policy(policy) => &policy.version,
            Self::PolicySet(set) => &set.version,
        }
    }

    /// Where it begins.
    pub fn position(&self) -> Position {
        match self {
            Self::Policy(policy) => policy.position,
            Self::PolicySet(set) => set.position,
        }
    }
}

/// The version of a policy: numbers between points.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u32>);

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
        text.split('.').map(number).collect::<Option<Vec<_>>>().map(Self)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        formatter.write_str(&parts.join("."))
    }
}

/// One part of a [`VersionMatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VersionPart {
    Number(u32),
    /// `*`: any one number
    One,
    /// `+`: any numbers from here on
    Rest,
}

/// A pattern for versions (core specification §5.13): `1.*`, `2.+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionMatch(Vec<VersionPart>);

impl VersionMatch {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts = text
            .split('.')
            .map(|part| match part {
                "*" => Some(VersionPart::One),
                "+" => Some(VersionPart::Rest),
                digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    digits.parse().ok().map(VersionPart::Number)
                }
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        let rest_is_last = parts.iter().rev().skip(1).all(|part| *part != VersionPart::Rest);
        rest_is_last.then_some(Self(parts))
    }

    fn compare(&self, version: &Version) -> std::cmp::Ordering {
        use std::cmp::Ordering;
        for (at, part) in self.0.iter().enumerate() {
            let number = version.0.get(at);
            match (part, number) {
                (VersionPart::Rest, _) => return Ordering::Equal,
                (VersionPart::One, Some(_)) => {}
                (VersionPart::Number(own), Some(number)) if own == number => {}
                (VersionPart::Number(own), Some(number)) => return number.cmp(own),
                (_, None) => return Ordering::Less,
            }
        }
        version.0.len().cmp(&self.0.len())
    }

    /// Whether the version fits the pattern.
    pub fn fits(&self, version: &Version) -> bool {
        self.compare(version).is_eq()
    }

    /// Whether the version fits the pattern or is later than all that do.
    pub fn is_at_most(&self, version: &Version) -> bool {
        self.compare(version).is_ge()
    }

    /// Whether the version fits the pattern or is earlier than all that do.
    pub fn is_at_least(&self, version: &Version) -> bool {
        self.compare(version).is_le()
    }
}

/// A policy set (core specification §5.2).
#[derive(Debug, Clone)]
pub struct PolicySet {
    /// `PolicySetId`
    pub id: String,
    /// `Version`
    pub version: Version,
    /// How the members' decisions become one.
    pub combining: CombiningAlgorithm,
    /// What requests the set is about.
    pub target: Target,
    /// The policies and sets, in document order.
    pub members: Vec<Member>,
    /// What must be done along with a decision.
    pub obligations: Vec<ObligationExpression>,
    /// What may be done along with a decision.
    pub advice: Vec<ObligationExpression>,
    /// Where it begins.
    pub position: Position,
}

impl PolicySet {
    /// A set made by the host, without a target: what it holds as one, for [`crate::DecisionPoint::new`].
    pub fn of(id: &str, combining: CombiningAlgorithm, members: Vec<Member>) -> Self {
        Self {
            id: id.to_owned(),
            version: Version(vec![1, 0]),
            combining,
            target: Target::default(),
            members,
            obligations: vec![],
            advice: vec![],
            position: Position { line: 1, column: 1 },
        }
    }
}

/// What a policy set holds.
#[derive(Debug, Clone)]
pub enum Member {
    /// A policy written there.
    Policy(Arc<Policy>),
    /// A set written there.
    PolicySet(Arc<PolicySet>),
    /// A policy of another document.
    PolicyReference(Reference),
    /// A set of another document.
    PolicySetReference(Reference),
}

/// Names a policy or set of another document (core specification §5.10, §5.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The id.
    pub id: String,
    /// `Version`: the versions it may have.
    pub version: Option<VersionMatch>,
    /// `EarliestVersion`
    pub earliest: Option<VersionMatch>,
    /// `LatestVersion`
    pub latest: Option<VersionMatch>,
    /// Where it stands.
    pub position: Position,
}

impl Reference {
    /// Whether a version is one of those meant.
    pub fn fits(&self, version: &Version) -> bool {
        self.version.as_ref().is_none_or(|pattern| pattern.fits(version))
            && self.earliest.as_ref().is_none_or(|pattern| pattern.is_at_most(version))
            && self.latest.as_ref().is_none_or(|pattern| pattern.is_at_least(version))
    }
}

/// A policy (core specification §5.14).
#[derive(Debug, Clone)]
pub struct Policy {
    /// `PolicyId`
    pub id: String,
    /// `Version`
    pub version: Version,
    /// How the rules' decisions become one.
    pub combining: CombiningAlgorithm,
    /// What requests the policy is about.
    pub target: Target,
    /// Expressions with a name, which [`Expression::Variable`] points to by their place.
    pub variables: Vec<VariableDefinition>,
    /// The rules, in document order.
    pub rules: Vec<Rule>,
    /// What must be done along with a decision.
    pub obligations: Vec<ObligationExpression>,
    /// What may be done along with a decision.
    pub advice: Vec<ObligationExpression>,
    /// Where it begins.
    pub position: Position,
}

impl Policy {
    /// Reads a document that holds a policy.
    ///
    /// # Errors
    /// As [`Document::parse`], and a document that holds a set.
    pub fn parse(text: &str) -> Result<Arc<Self>, LoadError> {
        match Document::parse(text)? {
            Document::Policy(policy) => Ok(policy),
            Document::PolicySet(set) => {
                Err(LoadError { position: set.position, kind: load::LoadErrorKind::NotASinglePolicy })
            }
        }
    }
}

/// An expression with a name (core specification §5.24).
#[derive(Debug, Clone)]
pub struct VariableDefinition {
    /// `VariableId`
    pub id: String,
    /// What it stands for.
    pub expression: Expression,
}

/// A rule (core specification §5.21).
#[derive(Debug, Clone)]
pub struct Rule {
    /// `RuleId`
    pub id: String,
    /// What the rule leads to when it applies.
    pub effect: Effect,
    /// What requests the rule is about.
    pub target: Target,
    /// What must hold besides.
    pub condition: Option<Expression>,
    /// What must be done along with the rule's effect.
    pub obligations: Vec<ObligationExpression>,
    /// What may be done along with the rule's effect.
    pub advice: Vec<ObligationExpression>,
    /// Where it begins.
    pub position: Position,
}

/// A conjunction of disjunctions of conjunctions; an empty one is met by every request (core specification §5.6).
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// All must be met.
    pub any_of: Vec<AnyOf>,
}

impl Target {
    /// All its matches, wherever they stand.
    pub fn matches(&self) -> impl Iterator<Item = &Match> {
        self.any_of.iter().flat_map(|any_of| &any_of.all_of).flat_map(|all_of| &all_of.matches)
    }
}

/// Met if one of its parts is.
#[derive(Debug, Clone)]
pub struct AnyOf {
    /// One must be met.
    pub all_of: Vec<AllOf>,
}

/// Met if all its parts are.
#[derive(Debug, Clone)]
pub struct AllOf {
    /// All must be met.
    pub matches: Vec<Match>,
}

/// Compares a literal with the values of an attribute; met if one of them fits (core specification §5.9).
#[derive(Debug, Clone)]
pub struct Match {
    /// How to compare.
    pub function: Function,
    /// What to compare with.
    pub literal: Value,
    /// Which attribute.
    pub designator: Designator,
    /// The literal as a compiled regular expression, where it is one.
    pub(crate) pattern: Option<Pattern>,
}

/// Points out an attribute of the request (core specification §5.29).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Designator {
    /// The category.
    pub category: String,
    /// The attribute.
    pub id: String,
    /// Only values of this type count.
    pub data_type: DataType,
    /// Only values of this issuer count, where given.
    pub issuer: Option<String>,
    /// Whether the lack of a value is an error.
    pub must_be_present: bool,
}

/// Something that has a value for each request (core specification §5.25).
#[derive(Debug, Clone)]
pub enum Expression {
    /// A literal.
    Value(Value),
    /// The values of an attribute.
    Designator(Designator),
    /// A variable of the policy, by its place.
    Variable(usize),
    /// A function with its arguments.
    Apply(Box<Apply>),
}

/// The call of a function (core specification §5.27).
#[derive(Debug, Clone)]
pub struct Apply {
    /// Which.
    pub function: Function,
    /// The function that it takes, if it is of higher order.
    pub passed: Option<Function>,
    /// What it is given.
    pub arguments: Vec<Expression>,
    /// The first argument as a compiled regular expression, where it is one that does not change.
    pub(crate) pattern: Option<Pattern>,
}

/// Something to be done along with a decision, to be filled in when it is made (core specification §5.39, §5.40).
#[derive(Debug, Clone)]
pub struct ObligationExpression {
    /// `ObligationId` or `AdviceId`
    pub id: String,
    /// The decision that it belongs to.
    pub effect: Effect,
    /// What it says.
    pub assignments: Vec<AssignmentExpression>,
}

/// A value or values that come with an obligation (core specification §5.41).
#[derive(Debug, Clone)]
pub struct AssignmentExpression {
    /// Names it.
    pub id: String,
    /// The category it is in, if any.
    pub category: Option<String>,
    /// Who vouches for it.
    pub issuer: Option<String>,
    /// What it is.
    pub expression: Expression,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fit_patterns() {
        let version = |text: &str| Version::parse(text).unwrap();
        let pattern = |text: &str| VersionMatch::parse(text).unwrap();
        for (text, fitting, other) in
            [("1.0", "1.0", "1.0.0"), ("1.*", "1.7", "1.7.1"), ("1.+", "1.7.1", "2.0"), ("*.2", "9.2", "9.3")]
        {
            assert!(pattern(text).fits(&version(fitting)), "{text} {fitting}");
            assert!(!pattern(text).fits(&version(other)), "{text} {other}");
        }
        assert!(pattern("1.5").is_at_most(&version("1.10")) && !pattern("1.5").is_at_most(&version("1.4.9")));
        assert!(pattern("1.5").is_at_least(&version("1.4.9")) && !pattern("1.5").is_at_least(&version("1.10")));
        assert!(version("1.10") > version("1.9"));
        for wrong in ["", "1.", "a", "1.+.2", "1.-1", "+1"] {
            assert!(VersionMatch::parse(wrong).is_none(), "{wrong}");
        }
        assert!(Version::parse("1.*").is_none() && Version::parse("1..2").is_none());
    }
}
