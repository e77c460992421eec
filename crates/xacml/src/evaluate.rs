//! Deciding a request (core specification §7).

use crate::policy::{AllOf, AnyOf, Effect, Match, Policy, Rule, Target};
use crate::request::{DataType, Request, Value};

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

/// Whether the decision could be made, and if not, why (core specification §5.57, appendix B.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It could.
    Ok,
    /// An attribute that must be there is not.
    MissingAttribute {
        /// Its category.
        category: String,
        /// Its id.
        id: String,
    },
    /// The request is malformed.
    SyntaxError(String),
    /// Something failed.
    ProcessingError(String),
}

impl Status {
    /// The status code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ok => "urn:oasis:names:tc:xacml:1.0:status:ok",
            Self::MissingAttribute { .. } => "urn:oasis:names:tc:xacml:1.0:status:missing-attribute",
            Self::SyntaxError(_) => "urn:oasis:names:tc:xacml:1.0:status:syntax-error",
            Self::ProcessingError(_) => "urn:oasis:names:tc:xacml:1.0:status:processing-error",
        }
    }

    /// What is wrong, for a person to read.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Ok => None,
            Self::MissingAttribute { category, id } => {
                Some(format!("the attribute {id} of category {category} is missing"))
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

/// A decision with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The answer.
    pub decision: Decision,
    /// Why there is no answer, if there is none.
    pub status: Status,
    /// What must be done along with it.
    pub obligations: Vec<Obligation>,
    /// What may be done along with it.
    pub advice: Vec<Obligation>,
}

impl Evaluation {
    /// No answer, for a reason.
    pub fn indeterminate(status: Status) -> Self {
        Self { decision: Decision::Indeterminate(Indeterminate::Both), status, obligations: vec![], advice: vec![] }
    }
}

/// Whether a target is met; an error says which attribute was missing.
enum Met {
    Yes,
    No,
    Missing(Status),
}

impl Policy {
    /// Decides `request`.
    pub fn evaluate(&self, request: &Request) -> Evaluation {
        let mut status = Status::Ok;
        let target = self.target.met(request);
        if matches!(target, Met::No) {
            let (obligations, advice) = (vec![], vec![]);
            return Evaluation { decision: Decision::NotApplicable, status, obligations, advice };
        }
        let mut obligations = Vec::new();
        let mut advice = Vec::new();
        let decisions = self.rules.iter().map(|rule| {
            let decision = rule.evaluate(request, &mut status);
            if let Some(effect) = effect_of(decision) {
                obligations.extend(of_effect(&rule.obligations, effect));
                advice.extend(of_effect(&rule.advice, effect));
            }
            decision
        });
        let mut decision = self.combining.combine(decisions);
        if let Met::Missing(missing) = target {
            // §7.14: an error in the target makes the decision uncertain, not something else.
            status = missing;
            decision = match decision {
                Decision::Permit => Decision::Indeterminate(Indeterminate::Permit),
                Decision::Deny => Decision::Indeterminate(Indeterminate::Deny),
                other => other,
            };
        }
        let effect = effect_of(decision);
        if !matches!(decision, Decision::Indeterminate(_)) {
            status = Status::Ok;
        }
        // §7.18: only what comes with the final effect, from the rules that had a part in it and from the policy.
        let keep = |from_rules: Vec<(Effect, Obligation)>, own: &[(Effect, Obligation)]| {
            let rules = from_rules.into_iter().filter(|(of, _)| Some(*of) == effect).map(|(_, obligation)| obligation);
            let own = own.iter().filter(|(of, _)| Some(*of) == effect).map(|(_, obligation)| obligation.clone());
            rules.chain(own).collect()
        };
        Evaluation {
            decision,
            status,
            obligations: keep(obligations, &self.obligations),
            advice: keep(advice, &self.advice),
        }
    }
}

fn effect_of(decision: Decision) -> Option<Effect> {
    match decision {
        Decision::Permit => Some(Effect::Permit),
        Decision::Deny => Some(Effect::Deny),
        Decision::NotApplicable | Decision::Indeterminate(_) => None,
    }
}

fn of_effect(items: &[(Effect, Obligation)], effect: Effect) -> impl Iterator<Item = (Effect, Obligation)> {
    items.iter().filter(move |(of, _)| *of == effect).cloned()
}

impl Rule {
    fn evaluate(&self, request: &Request, status: &mut Status) -> Decision {
        match (self.target.met(request), self.effect) {
            (Met::Yes, Effect::Permit) => Decision::Permit,
            (Met::Yes, Effect::Deny) => Decision::Deny,
            (Met::No, _) => Decision::NotApplicable,
            (Met::Missing(missing), effect) => {
                *status = missing;
                Decision::Indeterminate(match effect {
                    Effect::Permit => Indeterminate::Permit,
                    Effect::Deny => Indeterminate::Deny,
                })
            }
        }
    }
}

impl Target {
    fn met(&self, request: &Request) -> Met {
        all(self.any_of.iter().map(|any_of| any_of.met(request)))
    }
}

impl AnyOf {
    fn met(&self, request: &Request) -> Met {
        let mut missing = None;
        for all_of in &self.all_of {
            match all_of.met(request) {
                Met::Yes => return Met::Yes,
                Met::No => {}
                Met::Missing(status) => missing = missing.or(Some(status)),
            }
        }
        missing.map_or(Met::No, Met::Missing)
    }
}

impl AllOf {
    fn met(&self, request: &Request) -> Met {
        all(self.matches.iter().map(|single| single.met(request)))
    }
}

/// A conjunction: one `No` decides, an error only if nothing else does (core specification §7.7).
fn all(parts: impl Iterator<Item = Met>) -> Met {
    let mut missing = None;
    for part in parts {
        match part {
            Met::Yes => {}
            Met::No => return Met::No,
            Met::Missing(status) => missing = missing.or(Some(status)),
        }
    }
    missing.map_or(Met::Yes, Met::Missing)
}

impl Match {
    fn met(&self, request: &Request) -> Met {
        let designator = &self.designator;
        let mut values = request
            .attributes
            .iter()
            .filter(|attribute| {
                attribute.id == designator.id
                    && attribute.category == designator.category
                    && (designator.issuer.is_none() || attribute.issuer == designator.issuer)
            })
            .map(|attribute| &attribute.value)
            .filter(|value| of_type(value, designator.data_type))
            .peekable();
        if values.peek().is_none() && designator.must_be_present {
            let (category, id) = (designator.category.clone(), designator.id.clone());
            return Met::Missing(Status::MissingAttribute { category, id });
        }
        if values.any(|value| self.function.holds(&self.literal, value)) { Met::Yes } else { Met::No }
    }
}

fn of_type(value: &Value, data_type: DataType) -> bool {
    value.data_type() == data_type
}
