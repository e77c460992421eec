//! What a decision point answers (core specification §5.48 and on).

use std::sync::Arc;

use crate::policy::Effect;
use crate::request::AttributeCategory;
use crate::value::{DataType, Value};

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Access.
    Permit,
    /// No access.
    Deny,
    /// The policy says nothing about it.
    NotApplicable,
    /// No answer could be found.
    Indeterminate(Indeterminate),
}

impl Decision {
    /// The word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Permit => "Permit",
            Self::Deny => "Deny",
            Self::NotApplicable => "NotApplicable",
            Self::Indeterminate(_) => "Indeterminate",
        }
    }

    /// The effect that it is, if it is one.
    pub fn effect(self) -> Option<Effect> {
        match self {
            Self::Permit => Some(Effect::Permit),
            Self::Deny => Some(Effect::Deny),
            Self::NotApplicable | Self::Indeterminate(_) => None,
        }
    }
}

impl From<Effect> for Decision {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Permit => Self::Permit,
            Effect::Deny => Self::Deny,
        }
    }
}

/// What an indeterminate answer might have been (core specification §7.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indeterminate {
    /// Permit or nothing.
    Permit,
    /// Deny or nothing.
    Deny,
    /// Either.
    Both,
}

impl From<Effect> for Indeterminate {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Permit => Self::Permit,
            Effect::Deny => Self::Deny,
        }
    }
}

/// Whether the decision could be made, and if not, why (core specification §5.54, appendix B.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It could.
    Ok,
    /// An attribute that must be there is not.
    MissingAttribute(Box<MissingAttribute>),
    /// The request is malformed.
    SyntaxError(String),
    /// Something failed.
    ProcessingError(String),
}

/// The attribute that was missing (core specification §5.58).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MissingAttribute {
    /// Its category.
    pub category: String,
    /// Its id.
    pub id: String,
    /// The type that its values must have.
    pub data_type: DataType,
    /// Who must vouch for it, if that matters.
    pub issuer: Option<String>,
}

impl Status {
    /// The status code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ok => "urn:oasis:names:tc:xacml:1.0:status:ok",
            Self::MissingAttribute(_) => "urn:oasis:names:tc:xacml:1.0:status:missing-attribute",
            Self::SyntaxError(_) => "urn:oasis:names:tc:xacml:1.0:status:syntax-error",
            Self::ProcessingError(_) => "urn:oasis:names:tc:xacml:1.0:status:processing-error",
        }
    }

    /// What is wrong, for a person to read.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Ok => None,
            Self::MissingAttribute(missing) => {
                Some(format!("the attribute {} of category {} is missing", missing.id, missing.category))
            }
            Self::SyntaxError(message) | Self::ProcessingError(message) => Some(message.clone()),
        }
    }
}

/// Something to be done along with a decision: an obligation must be, an advice may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    /// Says what.
    pub id: String,
    /// With what.
    pub attributes: Vec<ObligationAttribute>,
}

/// Several of them. Those that do not depend on the request are shared with the policy.
pub type Obligations = Vec<Arc<Obligation>>;

/// A value that comes with an obligation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObligationAttribute {
    /// Names it.
    pub id: String,
    /// The category it is in, if any.
    pub category: Option<String>,
    /// Who vouches for it.
    pub issuer: Option<String>,
    /// The value.
    pub value: Value,
}

/// A policy or policy set that applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PolicyIdentifier {
    /// Whether it is a set.
    pub is_set: bool,
    /// `PolicyId` or `PolicySetId`
    pub id: String,
    /// `Version`
    pub version: String,
}

/// A decision with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The answer.
    pub decision: Decision,
    /// Why there is no answer, if there is none.
    pub status: Status,
    /// What must be done along with it.
    pub obligations: Obligations,
    /// What may be done along with it.
    pub advice: Obligations,
    /// The policies and sets that applied, if the request asks for them: those that are not NotApplicable, inside sets
    /// that are not either, in the order they were looked at.
    pub policies: Vec<PolicyIdentifier>,
    /// The attributes that the request wants to see again.
    pub attributes: Vec<AttributeCategory>,
}

impl Evaluation {
    pub(crate) fn new(decision: Decision, status: Status) -> Self {
        Self { decision, status, obligations: vec![], advice: vec![], policies: vec![], attributes: vec![] }
    }

    /// No answer, for a reason.
    pub fn indeterminate(status: Status) -> Self {
        Self::new(Decision::Indeterminate(Indeterminate::Both), status)
    }
}
