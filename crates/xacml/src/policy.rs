//! A loaded policy. It cannot be changed; read another document instead.

use crate::combine::CombiningAlgorithm;
use crate::evaluate::Obligation;
use crate::request::{DataType, Value};

/// What a rule or policy leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Access.
    Permit,
    /// No access.
    Deny,
}

/// A policy (core specification §5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `PolicyId`
    pub id: String,
    /// `Version`
    pub version: String,
    /// How the rules' decisions become one.
    pub combining: CombiningAlgorithm,
    /// What requests the policy is about.
    pub target: Target,
    /// The rules, in document order.
    pub rules: Vec<Rule>,
    /// What must be done along with a decision.
    pub obligations: Vec<(Effect, Obligation)>,
    /// What may be done along with a decision.
    pub advice: Vec<(Effect, Obligation)>,
}

/// A rule (core specification §5.21).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `RuleId`
    pub id: String,
    /// What the rule leads to when it applies.
    pub effect: Effect,
    /// What requests the rule is about.
    pub target: Target,
    /// What must be done along with the rule's effect.
    pub obligations: Vec<(Effect, Obligation)>,
    /// What may be done along with the rule's effect.
    pub advice: Vec<(Effect, Obligation)>,
}

/// A conjunction of disjunctions of conjunctions; an empty one is met by every request (core specification §5.6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// All must be met.
    pub any_of: Vec<AnyOf>,
}

/// Met if one of its parts is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyOf {
    /// One must be met.
    pub all_of: Vec<AllOf>,
}

/// Met if all its parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllOf {
    /// All must be met.
    pub matches: Vec<Match>,
}

/// Compares a literal with the values of an attribute; met if one of them fits (core specification §5.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// How to compare.
    pub function: Function,
    /// What to compare with.
    pub literal: Value,
    /// Which attribute.
    pub designator: Designator,
}

/// Points out an attribute of the request (core specification §5.29).
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The comparisons that a target can make (core specification, appendix A.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `urn:oasis:names:tc:xacml:1.0:function:string-equal`
    StringEqual,
    /// `urn:oasis:names:tc:xacml:3.0:function:string-equal-ignore-case`
    StringEqualIgnoreCase,
    /// `urn:oasis:names:tc:xacml:1.0:function:anyURI-equal`
    AnyUriEqual,
    /// `urn:oasis:names:tc:xacml:1.0:function:integer-equal`
    IntegerEqual,
    /// `urn:oasis:names:tc:xacml:1.0:function:boolean-equal`
    BooleanEqual,
}

impl Function {
    const ALL: [Self; 5] =
        [Self::StringEqual, Self::StringEqualIgnoreCase, Self::AnyUriEqual, Self::IntegerEqual, Self::BooleanEqual];

    /// The identifier in documents.
    pub fn uri(self) -> &'static str {
        match self {
            Self::StringEqual => "urn:oasis:names:tc:xacml:1.0:function:string-equal",
            Self::StringEqualIgnoreCase => "urn:oasis:names:tc:xacml:3.0:function:string-equal-ignore-case",
            Self::AnyUriEqual => "urn:oasis:names:tc:xacml:1.0:function:anyURI-equal",
            Self::IntegerEqual => "urn:oasis:names:tc:xacml:1.0:function:integer-equal",
            Self::BooleanEqual => "urn:oasis:names:tc:xacml:1.0:function:boolean-equal",
        }
    }

    /// The function with this identifier.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.uri() == uri)
    }

    /// The type of both arguments.
    pub fn argument_type(self) -> DataType {
        match self {
            Self::StringEqual | Self::StringEqualIgnoreCase => DataType::String,
            Self::AnyUriEqual => DataType::AnyUri,
            Self::IntegerEqual => DataType::Integer,
            Self::BooleanEqual => DataType::Boolean,
        }
    }

    pub(crate) fn holds(self, literal: &Value, value: &Value) -> bool {
        match (self, literal, value) {
            (Self::StringEqualIgnoreCase, Value::String(literal), Value::String(value)) => {
                // Upper and lower case of all letters, as the standard's conversion to lower case has it.
                literal.eq_ignore_ascii_case(value) || literal.to_lowercase() == value.to_lowercase()
            }
            _ => literal == value,
        }
    }
}
