//! A decision engine for XACML 3.0 (OASIS *eXtensible Access Control Markup Language*, core specification).
//!
//! ```
//! use xacml::{DecisionPoint, Document, Environment, request};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = r#"<Policy xmlns="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" PolicyId="readers" Version="1.0"
//!     RuleCombiningAlgId="urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-unless-permit">
//!   <Target/>
//!   <Rule RuleId="reading" Effect="Permit">
//!     <Target><AnyOf><AllOf>
//!       <Match MatchId="urn:oasis:names:tc:xacml:1.0:function:string-equal">
//!         <AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string">read</AttributeValue>
//!         <AttributeDesignator Category="urn:oasis:names:tc:xacml:3.0:attribute-category:action"
//!             AttributeId="urn:oasis:names:tc:xacml:1.0:action:action-id"
//!             DataType="http://www.w3.org/2001/XMLSchema#string" MustBePresent="false"/>
//!       </Match>
//!     </AllOf></AnyOf></Target>
//!   </Rule>
//! </Policy>"#;
//! let point = DecisionPoint::new(Document::parse(policy)?, vec![])?;
//! let request = request::json::parse(
//!     r#"{"Request": {"Action": {"Attribute": {"AttributeId": "urn:oasis:names:tc:xacml:1.0:action:action-id", "Value": "read"}}}}"#,
//! )?;
//! let results = point.decide_all(&request, &Environment::at(jiff::Timestamp::now()));
//! assert_eq!(results[0].decision, xacml::Decision::Permit);
//! # Ok(())
//! # }
//! ```
//!
//! A document is read by [`Document::parse`], which checks everything that can be checked before a request is there,
//! and says where a mistake is. [`DecisionPoint::new`] puts documents together; [`DecisionPoint::decide`] answers a
//! [`Request`] with an [`Evaluation`], [`DecisionPoint::explain`] adds a [`Trace`] of how it came about. [`request`]
//! reads requests in XML and JSON, [`response`] writes answers, [`lint`] tells where other engines would answer
//! otherwise.
//!
//! # What is there
//!
//! The core specification: policies and policy sets with references by version, targets, conditions with all functions
//! and data types that do not need XPath, variables, every combining algorithm of version 3.0 and of version 1,
//! obligations and advice at every level, status details, the list of policies that applied. Of the profiles: JSON, and
//! multiple decisions by repeated categories and by references, combined if asked for. XPath, the hierarchical resource
//! profile and delegated administration are refused when a document is read, with the place.
//!
//! # How it works
//!
//! `load` reads a document into what `policy` describes: typed, otherwise as it was written, and open to look into.
//! `compile` follows references and lays everything out for deciding: each attribute that policies look at becomes a
//! numbered slot, each text that they compare with a numbered symbol, and where members are many, an index says which
//! of them can apply. `bind` looks up a request's attributes among the slots and symbols, once; `evaluate` then walks
//! policies and rules, `combine` makes one decision of several, `function` computes what conditions call. A watcher in
//! `trace` can see it all, and costs nothing where there is none.
//!
//! # Limits
//!
//! Documents have at most [`MAX_DOCUMENT`] bytes and [`MAX_NODES`] nodes, nest at most [`MAX_DEPTH`] deep, and have
//! neither document type declarations nor entities of their own. Integers have at most 127 bits, years at most four
//! digits. Regular expressions take time in proportion to the text. A decision takes at most [`MAX_STEPS`] steps and is
//! Indeterminate beyond.

mod bind;
mod combine;
mod compile;
mod decision;
mod evaluate;
mod function;
pub mod lint;
mod load;
mod policy;
pub mod request;
pub mod response;
mod trace;
mod value;

pub use combine::CombiningAlgorithm;
pub use compile::{DecisionPoint, LinkError};
pub use decision::{
    Decision, Evaluation, Indeterminate, MissingAttribute, Obligation, ObligationAttribute, Obligations,
    PolicyIdentifier, Status,
};
pub use evaluate::{Environment, MAX_STEPS};
pub use function::{Arithmetic, Comparison, Function, HigherOrder, SetOperation, Signature, Type};
pub use load::{LoadError, LoadErrorKind, MAX_DEPTH, MAX_DOCUMENT, MAX_NODES};
pub use policy::{
    AllOf, AnyOf, Apply, AssignmentExpression, Designator, Document, Effect, Expression, Match, Member,
    ObligationExpression, Policy, PolicySet, Position, Reference, Rule, Target, VariableDefinition, Version,
    VersionMatch,
};
pub use request::{Attribute, AttributeCategory, Request, RequestDocument};
pub use trace::{AttributeName, ConditionTrace, MAX_TRACE, Outcome, TargetTrace, Trace, TraceKind};
pub use value::{
    DataType, Date, DateTime, DayTimeDuration, DnsName, IpAddress, Rfc822Name, Text, Time, Value, ValueError, X500Name,
    YearMonthDuration,
};

/// The categories of attributes that the core specification names (appendix B.2), and what the host says in one.
pub mod category {
    /// Who asks.
    pub const ACCESS_SUBJECT: &str = "urn:oasis:names:tc:xacml:1.0:subject-category:access-subject";
    /// Who gets the answer.
    pub const RECIPIENT_SUBJECT: &str = "urn:oasis:names:tc:xacml:1.0:subject-category:recipient-subject";
    /// Whom the question came through.
    pub const INTERMEDIARY_SUBJECT: &str = "urn:oasis:names:tc:xacml:1.0:subject-category:intermediary-subject";
    /// The code that asks.
    pub const CODEBASE: &str = "urn:oasis:names:tc:xacml:1.0:subject-category:codebase";
    /// The machine that asks.
    pub const REQUESTING_MACHINE: &str = "urn:oasis:names:tc:xacml:1.0:subject-category:requesting-machine";
    /// What is asked for.
    pub const RESOURCE: &str = "urn:oasis:names:tc:xacml:3.0:attribute-category:resource";
    /// What shall be done with it.
    pub const ACTION: &str = "urn:oasis:names:tc:xacml:3.0:attribute-category:action";
    /// When and where.
    pub const ENVIRONMENT: &str = "urn:oasis:names:tc:xacml:3.0:attribute-category:environment";
    /// The time of day, in [`ENVIRONMENT`].
    pub const CURRENT_TIME: &str = "urn:oasis:names:tc:xacml:1.0:environment:current-time";
    /// The day, in [`ENVIRONMENT`].
    pub const CURRENT_DATE: &str = "urn:oasis:names:tc:xacml:1.0:environment:current-date";
    /// The day and time, in [`ENVIRONMENT`].
    pub const CURRENT_DATE_TIME: &str = "urn:oasis:names:tc:xacml:1.0:environment:current-dateTime";
}

/// The attribute that names an action (core specification, appendix B.6).
pub const ACTION_ID: &str = "urn:oasis:names:tc:xacml:1.0:action:action-id";
