//! A decision engine for XACML 3.0 (OASIS *eXtensible Access Control Markup Language*, core specification).
//!
//! A policy document is read by [`Policy::parse`], which checks everything that can be checked before a request is
//! there: a document that loads cannot fail later for being malformed. [`Policy::evaluate`] answers a [`Request`] with
//! a [`Decision`] and the obligations that come with it. [`json`] reads requests in the JSON profile.
//!
//! This is the part of the standard that rule-based policies with literal targets use: `Policy` with rules, targets
//! over string, URI, integer and boolean attributes, all rule-combining algorithms of 3.0 and first-applicable,
//! obligations and advice with literal values. What is not there yet (policy sets, conditions, variables, selectors) is
//! refused when the document is loaded, with line and column, so that no policy is ever half understood.
//!
//! Limits stand from the start: documents have at most [`MAX_DOCUMENT`] bytes and [`MAX_NODES`] nodes, document type
//! declarations and entities are refused, and evaluation takes time in proportion to policy and request.

mod combine;
mod evaluate;
pub mod json;
mod load;
mod policy;
mod request;

pub use combine::CombiningAlgorithm;
pub use evaluate::{Decision, Evaluation, Indeterminate, Obligation, ObligationAttribute, Status};
pub use load::{LoadError, LoadErrorKind, MAX_DOCUMENT, MAX_NODES};
pub use policy::{AllOf, AnyOf, Designator, Effect, Function, Match, Policy, Rule, Target};
pub use request::{Attribute, DataType, Request, Value, ValueError};

/// The categories of attributes that every request may have (core specification, appendix B.2).
pub mod category {
    /// Who asks.
    pub const ACCESS_SUBJECT: &str = "urn:oasis:names:tc:xacml:1.0:subject-category:access-subject";
    /// What is asked for.
    pub const RESOURCE: &str = "urn:oasis:names:tc:xacml:3.0:attribute-category:resource";
    /// What shall be done with it.
    pub const ACTION: &str = "urn:oasis:names:tc:xacml:3.0:attribute-category:action";
    /// When and where.
    pub const ENVIRONMENT: &str = "urn:oasis:names:tc:xacml:3.0:attribute-category:environment";
}

/// The attribute that names an action (core specification, appendix B.6).
pub const ACTION_ID: &str = "urn:oasis:names:tc:xacml:1.0:action:action-id";
