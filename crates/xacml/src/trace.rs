//! How a decision came about: which policies and rules were looked at, what their targets and conditions asked for,
//! and what the request had.
//!
//! The engine tells an [`Observer`] what it does. The [`Silent`] one costs nothing; the [`Recorder`] makes a [`Trace`].

use std::fmt;

use serde::Serialize;

use crate::bind::{BoundValue, View};
use crate::compile::{AnyOfTest, Call, DecisionPoint, EqualTest, Id, MatchTest, Sameness, Source, Term};
use crate::decision::Decision;
use crate::evaluate::{Failure, Met};
use crate::function::apply;
use crate::policy::Position;
use crate::value::{DataType, Value};

/// The most policies, sets and rules that a trace holds. Of more, their number is told.
pub const MAX_TRACE: usize = 10_000;

/// What is told of one policy, policy set or rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// What it is.
    pub kind: TraceKind,
    /// `PolicySetId`, `PolicyId` or `RuleId`
    pub id: String,
    /// Where it begins in its document.
    pub line: u32,
    /// Where it begins in that line.
    pub column: u32,
    /// What it came to: `Permit`, `Deny`, `NotApplicable` or `Indeterminate`, the last with what it might have been.
    pub decision: String,
    /// Why it is Indeterminate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What its target asked for, as far as that was looked at: each must be met.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<TargetTrace>,
    /// What its condition asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionTrace>,
    /// What it holds, as far as that was looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Trace>,
    /// How many more it holds, of which nothing is told for want of space.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What a [`Trace`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum TraceKind {
    /// A policy set.
    PolicySet,
    /// A policy.
    Policy,
    /// A rule.
    Rule,
}

/// Whether something held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It did.
    Met,
    /// It did not.
    NotMet,
    /// That could not be found out, for this reason.
    Failed(String),
}

/// What one `AnyOf` of a target asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetTrace {
    /// Whether it was met.
    pub outcome: Outcome,
    /// The alternatives, of which one must hold; in each, all comparisons.
    pub alternatives: Vec<Vec<Comparison>>,
}

/// A comparison of an attribute with literals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The attribute.
    pub attribute: AttributeName,
    /// How it is compared, by the function's short name.
    pub function: String,
    /// One of these would have done.
    pub wanted: Vec<String>,
    /// What the request has.
    pub found: Vec<String>,
    /// Whether it held.
    pub outcome: Outcome,
}

/// An attribute of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeName {
    /// Its category.
    pub category: String,
    /// Its id.
    pub id: String,
    /// The type asked for, by its short name.
    pub data_type: &'static str,
    /// The issuer asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whether its lack is an error.
    pub must_be_present: bool,
}

/// What a condition asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionTrace {
    /// Whether it held.
    pub outcome: Outcome,
    /// The condition as a formula.
    pub expression: String,
    /// The attributes in it, with what the request has.
    pub attributes: Vec<(AttributeName, Vec<String>)>,
}

/// Whoever watches a decision being made.
pub(crate) trait Observer {
    /// Whether to look at what can be left out.
    const WATCHES: bool;
    fn enter_node(&mut self, id: Id);
    fn enter_rule(&mut self, id: usize);
    fn target(&mut self, test: &AnyOfTest, met: Met, bound: View<'_, '_>);
    fn condition(&mut self, term: &Term, outcome: Result<bool, Failure>, bound: View<'_, '_>);
    fn leave(&mut self, decision: Decision, failure: Option<Failure>);
}

/// Looks away.
pub(crate) struct Silent;

impl Observer for Silent {
    const WATCHES: bool = false;
    fn enter_node(&mut self, _: Id) {}
    fn enter_rule(&mut self, _: usize) {}
    fn target(&mut self, _: &AnyOfTest, _: Met, _: View<'_, '_>) {}
    fn condition(&mut self, _: &Term, _: Result<bool, Failure>, _: View<'_, '_>) {}
    fn leave(&mut self, _: Decision, _: Option<Failure>) {}
}

/// Writes it down.
pub(crate) struct Recorder<'a> {
    point: &'a DecisionPoint,
    /// From the root to what is looked at.
    open: Vec<Trace>,
    finished: Option<Trace>,
    count: usize,
    /// The texts of symbols, by their number.
    exact: Vec<&'a str>,
    lower_case: Vec<&'a str>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(point: &'a DecisionPoint) -> Self {
        let (exact, lower_case) = point.symbols.texts();
        Self { point, open: vec![], finished: None, count: 0, exact, lower_case }
    }

    pub(crate) fn finish(self) -> Trace {
        self.finished.unwrap_or_else(|| Trace::begin(TraceKind::Policy, "", Position { line: 0, column: 0 }))
    }

    fn name(&self, source: Source) -> AttributeName {
        let slot = self.point.slots.get(source.slot as usize);
        AttributeName {
            category: slot.map(|slot| slot.category.to_string()).unwrap_or_default(),
            id: slot.map(|slot| slot.id.to_string()).unwrap_or_default(),
            data_type: slot.map_or(DataType::String, |slot| slot.data_type).shorthand(),
            issuer: slot.and_then(|slot| slot.issuer.clone()),
            must_be_present: source.must_be_present,
        }
    }

    fn equal(&self, test: EqualTest, bound: View<'_, '_>) -> Comparison {
        self.equal_to_one_of(test.source(), test.sameness, test.literals(self.point), bound)
    }

    fn equal_to_one_of(&self, source: Source, sameness: Sameness, wanted: &[Id], bound: View<'_, '_>) -> Comparison {
        let (texts, function) = match sameness {
            Sameness::Exact => (&self.exact, "equal"),
            Sameness::IgnoreCase => (&self.lower_case, "equal-ignore-case"),
        };
        let values = bound.values(source.slot);
        let is_met = values.iter().any(|value| wanted.contains(&value.symbol(sameness)));
        Comparison {
            attribute: self.name(source),
            function: function.to_owned(),
            wanted: wanted.iter().filter_map(|symbol| texts.get(*symbol as usize)).map(ToString::to_string).collect(),
            found: found(source, bound),
            outcome: self.outcome(source, values.is_empty(), is_met, None),
        }
    }

    fn comparison(&self, test: MatchTest, bound: View<'_, '_>) -> Comparison {
        match test {
            MatchTest::Equal { source, sameness, symbol } => self.equal_to_one_of(source, sameness, &[symbol], bound),
            MatchTest::Call { source, call } => {
                let values = bound.values(source.slot);
                let call = self.point.calls.get(call as usize);
                let mut reason = None;
                let mut holds = |bound: &BoundValue<'_>| {
                    let result = call
                        .map(|call| apply::scalar(call.function, &[&call.literal, bound.value], call.pattern.as_ref()));
                    match result {
                        Some(Ok(result)) => result == Value::Boolean(true),
                        Some(Err(error)) => {
                            reason = Some(error);
                            false
                        }
                        None => false,
                    }
                };
                let is_met = values.iter().any(&mut holds);
                Comparison {
                    attribute: self.name(source),
                    function: call.map(|call| call.function.to_string()).unwrap_or_default(),
                    wanted: call.map(|call| call.literal.to_string()).into_iter().collect(),
                    found: found(source, bound),
                    outcome: self.outcome(source, values.is_empty(), is_met, reason),
                }
            }
        }
    }

    fn outcome(&self, source: Source, is_empty: bool, is_met: bool, reason: Option<&str>) -> Outcome {
        match reason {
            _ if is_met => Outcome::Met,
            Some(reason) => Outcome::Failed(reason.to_owned()),
            None if is_empty && source.must_be_present => self.failed(Failure::Missing(source.slot)),
            None => Outcome::NotMet,
        }
    }

    fn failed(&self, failure: Failure) -> Outcome {
        Outcome::Failed(failure.status(self.point).message().unwrap_or_default())
    }

    /// An expression as a formula, and the attributes in it.
    fn formula(&self, term: &Term, attributes: &mut Vec<Source>) -> String {
        match term {
            Term::Value(value) => match value {
                Value::Integer(_) | Value::Boolean(_) | Value::Double(_) => value.to_string(),
                other => format!("{:?}", other.to_string()),
            },
            Term::Attribute(source) => {
                if !attributes.contains(source) {
                    attributes.push(*source);
                }
                self.name(*source).id
            }
            Term::Variable(id) => {
                self.point.variable_names.get(*id as usize).map(|name| format!("${name}")).unwrap_or_default()
            }
            Term::Call(call) => {
                let Call { function, passed, arguments, .. } = &**call;
                let passed = passed.map(|passed| passed.to_string());
                let arguments = arguments.iter().map(|argument| self.formula(argument, attributes));
                format!("{function}({})", passed.into_iter().chain(arguments).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// The attributes of the variables that a term names, too.
    fn attributes_of_variables(&self, term: &Term, attributes: &mut Vec<Source>, seen: &mut Vec<Id>) {
        match term {
            Term::Variable(id) if !seen.contains(id) => {
                seen.push(*id);
                if let Some(term) = self.point.variables.get(*id as usize) {
                    self.formula(term, attributes);
                    self.attributes_of_variables(term, attributes, seen);
                }
            }
            Term::Call(call) => {
                for argument in &call.arguments {
                    self.attributes_of_variables(argument, attributes, seen);
                }
            }
            _ => {}
        }
    }
}

impl Observer for Recorder<'_> {
    const WATCHES: bool = true;

    fn enter_node(&mut self, id: Id) {
        self.count += 1;
        let Some((name, position)) = self.point.node_names.get(id as usize) else { return };
        let kind = if name.is_set { TraceKind::PolicySet } else { TraceKind::Policy };
        self.open.push(Trace::begin(kind, &name.id, *position));
    }

    fn enter_rule(&mut self, id: usize) {
        self.count += 1;
        let Some((name, position)) = self.point.rule_names.get(id) else { return };
        self.open.push(Trace::begin(TraceKind::Rule, name, *position));
    }

    fn target(&mut self, test: &AnyOfTest, met: Met, bound: View<'_, '_>) {
        if self.count > MAX_TRACE {
            return;
        }
        let outcome = match met {
            Met::Yes => Outcome::Met,
            Met::No => Outcome::NotMet,
            Met::Failed(failure) => self.failed(failure),
        };
        let alternatives = match *test {
            AnyOfTest::Equal(equal) => vec![vec![self.equal(equal, bound)]],
            AnyOfTest::Equals(equals) => {
                equals.of(&self.point.equals).iter().map(|equal| vec![self.equal(*equal, bound)]).collect()
            }
            AnyOfTest::General(alternatives) => alternatives
                .of(&self.point.all_of)
                .iter()
                .map(|span| span.of(&self.point.matches).iter().map(|single| self.comparison(*single, bound)).collect())
                .collect(),
        };
        if let Some(open) = self.open.last_mut() {
            open.target.push(TargetTrace { outcome, alternatives });
        }
    }

    fn condition(&mut self, term: &Term, outcome: Result<bool, Failure>, bound: View<'_, '_>) {
        if self.count > MAX_TRACE {
            return;
        }
        let outcome = match outcome {
            Ok(true) => Outcome::Met,
            Ok(false) => Outcome::NotMet,
            Err(failure) => self.failed(failure),
        };
        let mut sources = Vec::new();
        let expression = self.formula(term, &mut sources);
        self.attributes_of_variables(term, &mut sources, &mut vec![]);
        let attributes = sources.into_iter().map(|source| (self.name(source), found(source, bound))).collect();
        if let Some(open) = self.open.last_mut() {
            open.condition = Some(ConditionTrace { outcome, expression, attributes });
        }
    }

    fn leave(&mut self, decision: Decision, failure: Option<Failure>) {
        let Some(mut closed) = self.open.pop() else { return };
        closed.decision = match decision {
            Decision::Indeterminate(of) => format!("Indeterminate ({of:?})"),
            decision => decision.name().to_owned(),
        };
        closed.reason = failure
            .filter(|_| matches!(decision, Decision::Indeterminate(_)))
            .and_then(|failure| failure.status(self.point).message());
        match self.open.last_mut() {
            Some(_) if self.count > MAX_TRACE && closed.members.is_empty() => {
                if let Some(parent) = self.open.last_mut() {
                    parent.omitted += 1 + closed.omitted;
                }
            }
            Some(parent) => parent.members.push(closed),
            None => self.finished = Some(closed),
        }
    }
}

fn found(source: Source, bound: View<'_, '_>) -> Vec<String> {
    bound.values(source.slot).iter().map(|bound| bound.value.to_string()).collect()
}

impl Trace {
    fn begin(kind: TraceKind, id: &str, position: Position) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            line: position.line,
            column: position.column,
            decision: String::new(),
            reason: None,
            target: vec![],
            condition: None,
            members: vec![],
            omitted: 0,
        }
    }

    fn write(&self, formatter: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        let Self { kind, id, line, decision, .. } = self;
        write!(formatter, "{indent}{kind:?} {id} (line {line}): {decision}")?;
        match &self.reason {
            Some(reason) => writeln!(formatter, ", because {reason}")?,
            None => writeln!(formatter)?,
        }
        for part in &self.target {
            part.write(formatter, &indent)?;
        }
        if let Some(condition) = &self.condition {
            condition.write(formatter, &indent)?;
        }
        for member in &self.members {
            member.write(formatter, depth + 1)?;
        }
        if self.omitted > 0 {
            writeln!(formatter, "{indent}  … and {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(formatter, 0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Met => formatter.write_str("met"),
            Self::NotMet => formatter.write_str("not met"),
            Self::Failed(reason) => write!(formatter, "failed ({reason})"),
        }
    }
}

impl TargetTrace {
    fn write(&self, formatter: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        for (at, alternative) in self.alternatives.iter().enumerate() {
            let label = if at == 0 { "target" } else { "    or" };
            for (at, comparison) in alternative.iter().enumerate() {
                let label = if at == 0 { label } else { "   and" };
                writeln!(formatter, "{indent}  {label} {comparison}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attribute, function, outcome, .. } = self;
        write!(formatter, "{outcome}: {} {function} {}; ", attribute.id, quoted(&self.wanted, " or "))?;
        write!(formatter, "the request has {}", quoted(&self.found, ", "))
    }
}

fn quoted(values: &[String], between: &str) -> String {
    if values.is_empty() {
        return "nothing".to_owned();
    }
    values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(between)
}

impl ConditionTrace {
    fn write(&self, formatter: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        writeln!(formatter, "{indent}  condition {}: {}", self.outcome, self.expression)?;
        for (attribute, found) in &self.attributes {
            writeln!(formatter, "{indent}    {}: the request has {}", attribute.id, quoted(found, ", "))?;
        }
        Ok(())
    }
}
