//! Deciding a request (core specification §7).

use std::borrow::Cow;
use std::sync::Arc;

use crate::bind::{Bound, BoundValue, Clock, View};
use crate::combine::CombiningAlgorithm;
use crate::compile::{
    AnyOfTest, Assignment, Call, Content, DecisionPoint, EqualTest, Id, Index, Instruction, MatchTest, Node, Place,
    RuleNode, Sameness, Source, Term,
};
use crate::decision::{
    Decision, Evaluation, Indeterminate, MissingAttribute, Obligation, ObligationAttribute, Obligations,
    PolicyIdentifier, Status,
};
use crate::function::apply::{self, Bag, Operand, Reason};
use crate::function::{Function, HigherOrder, Pattern};
use crate::policy::Effect;
use crate::request::{AttributeCategory, Request, RequestDocument};
use crate::trace::{Observer, Recorder, Silent, Trace};
use crate::value::{DateTime, Value};

/// The most steps that one decision takes: policies, rules and values looked at, functions called. Far more than any
/// policy in use needs; it bounds what policies that multiply work can cost.
pub const MAX_STEPS: u32 = 1_000_000;

/// What the host knows and requests need not say.
#[derive(Debug, Clone)]
pub struct Environment {
    /// When the decision is made: `current-time`, `current-date` and `current-dateTime` where the request lacks them.
    pub now: DateTime,
    /// Attributes that count where the request says nothing of them.
    pub attributes: Vec<AttributeCategory>,
}

impl Environment {
    /// Nothing but the time.
    pub fn at(now: jiff::Timestamp) -> Self {
        Self { now: DateTime::utc(now), attributes: vec![] }
    }
}

/// Why an expression or target has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// An attribute that must be there is not.
    Missing(Id),
    /// A function has no result.
    Function(Function, Reason),
    /// More than one policy applies where one may.
    SeveralApply,
    /// The limit of steps is reached.
    TooMuch,
}

impl Failure {
    pub(crate) fn status(self, point: &DecisionPoint) -> Status {
        match self {
            Self::Missing(slot) => match point.slots.get(slot as usize) {
                Some(slot) => Status::MissingAttribute(Box::new(MissingAttribute {
                    category: slot.category.to_string(),
                    id: slot.id.to_string(),
                    data_type: slot.data_type,
                    issuer: slot.issuer.clone(),
                })),
                None => Status::ProcessingError(String::new()),
            },
            Self::Function(function, reason) => Status::ProcessingError(format!("{function}: {reason}")),
            Self::SeveralApply => Status::ProcessingError("more than one policy applies, where only one may".into()),
            Self::TooMuch => Status::ProcessingError(format!("the decision takes more than {MAX_STEPS} steps")),
        }
    }
}

/// Whether a target, or a part of it, is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Yes,
    No,
    Failed(Failure),
}

impl DecisionPoint {
    /// Decides a request.
    pub fn decide(&self, request: &Request, environment: &Environment) -> Evaluation {
        self.run(request, environment, Silent).0
    }

    /// Decides a request and tells how. Looks at every policy, also at those that [`Self::decide`] can leave out.
    pub fn explain(&self, request: &Request, environment: &Environment) -> (Evaluation, Trace) {
        let (evaluation, recorder) = self.run(request, environment, Recorder::new(self));
        (evaluation, recorder.finish())
    }

    /// Decides all that a document asks for: a result for each decision, or one if it wants them combined. A document
    /// that asks for what is not there has one result, which says so.
    pub fn decide_all(&self, document: &RequestDocument, environment: &Environment) -> Vec<Evaluation> {
        match document.individual() {
            Err(error) => vec![Evaluation::indeterminate(Status::SyntaxError(error.to_string()))],
            Ok(requests) => {
                let results = requests.iter().map(|request| self.decide(request, environment));
                if document.combined_decision { vec![combined(results)] } else { results.collect() }
            }
        }
    }

    /// Decides a request; where the policies say nothing of it, the host may have another ground for an effect. What the
    /// root demands of those it gives that effect itself, it demands of them too: its obligations and advice come along.
    pub fn decide_or_else(
        &self,
        request: &Request,
        environment: &Environment,
        ground: impl FnOnce() -> Option<Effect>,
    ) -> Evaluation {
        self.run_or_else(request, environment, Silent, ground).0
    }

    fn run<O: Observer>(&self, request: &Request, environment: &Environment, observer: O) -> (Evaluation, O) {
        self.run_or_else(request, environment, observer, || None)
    }

    fn run_or_else<O: Observer>(
        &self,
        request: &Request,
        environment: &Environment,
        observer: O,
        ground: impl FnOnce() -> Option<Effect>,
    ) -> (Evaluation, O) {
        let clock = Clock::at(environment.now);
        let mut bound = Bound::default();
        bound.fill(self, request, environment, &clock);
        let mut run = Run::new(self, bound.view(), observer);
        run.keep_policies = request.return_policy_ids;
        let mut decision = run.node(self.root);
        // Whatever was not looked at might have decided otherwise.
        if run.steps == 0 {
            decision = Decision::Indeterminate(Indeterminate::Both);
            run.failure = Some(Failure::TooMuch);
            run.keep_effect(None, 0, 0);
        }
        if decision == Decision::NotApplicable
            && let Some(effect) = ground()
        {
            decision = run.on_other_ground(self.root, effect);
        }
        let status = match (decision, run.failure) {
            (Decision::Indeterminate(_), Some(failure)) => failure.status(self),
            (Decision::Indeterminate(_), None) => Status::ProcessingError(String::new()),
            _ => Status::Ok,
        };
        let evaluation = Evaluation {
            decision,
            status,
            obligations: without_effects(run.obligations),
            advice: without_effects(run.advice),
            policies: run.policies,
            attributes: request.to_repeat(),
        };
        (evaluation, run.observer)
    }
}

fn without_effects(items: Vec<(Effect, Arc<Obligation>)>) -> Obligations {
    items.into_iter().map(|(_, item)| item).collect()
}

/// One result for several decisions (multiple decision profile §2.4.1): theirs if it is the same, and nothing has to be
/// done along with any.
fn combined(results: impl Iterator<Item = Evaluation>) -> Evaluation {
    let fail = |message: &str| Evaluation::indeterminate(Status::ProcessingError(message.into()));
    let mut common: Option<Evaluation> = None;
    for result in results {
        if matches!(result.decision, Decision::Indeterminate(_)) {
            return Evaluation::indeterminate(result.status);
        }
        if !result.obligations.is_empty() || !result.advice.is_empty() {
            return fail("decisions with obligations or advice cannot be combined");
        }
        match &mut common {
            None => common = Some(Evaluation { attributes: vec![], ..result }),
            Some(common) if common.decision != result.decision => return fail("the decisions differ"),
            Some(common) => {
                for policy in result.policies {
                    if !common.policies.contains(&policy) {
                        common.policies.push(policy);
                    }
                }
            }
        }
    }
    common.unwrap_or_else(|| fail("no decision was asked for"))
}

/// The members of a policy or set that can apply.
enum Candidates<'a> {
    All,
    /// By its position.
    One(Id),
    /// By their positions.
    Several(Cow<'a, [Id]>),
}

/// A decision in the making.
struct Run<'a, 'r, O> {
    point: &'a DecisionPoint,
    bound: View<'a, 'r>,
    steps: u32,
    /// Why the last Indeterminate that still counts is one; of several, the first.
    failure: Option<Failure>,
    obligations: Vec<(Effect, Arc<Obligation>)>,
    advice: Vec<(Effect, Arc<Obligation>)>,
    policies: Vec<PolicyIdentifier>,
    keep_policies: bool,
    /// The values of the variables of the policy at hand that were computed.
    variables: Vec<Option<Result<Operand<'a>, Failure>>>,
    first_variable: usize,
    observer: O,
}

impl<'a, 'r: 'a, O: Observer> Run<'a, 'r, O> {
    fn new(point: &'a DecisionPoint, bound: View<'a, 'r>, observer: O) -> Self {
        Self {
            point,
            bound,
            steps: MAX_STEPS,
            failure: None,
            obligations: vec![],
            advice: vec![],
            policies: vec![],
            keep_policies: false,
            variables: vec![],
            first_variable: 0,
            observer,
        }
    }

    /// Forgets the variables of another policy.
    fn begin_variables(&mut self, node: &Node) {
        let variables = node.variables.range();
        self.variables.clear();
        self.variables.resize_with(variables.len(), || None);
        self.first_variable = variables.start;
    }

    fn step(&mut self, cost: usize) -> Result<(), Failure> {
        match u32::try_from(cost).ok().and_then(|cost| self.steps.checked_sub(cost)) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(Failure::TooMuch)
            }
        }
    }

    /// Notes why there is no answer, unless an earlier reason stands.
    fn fail(&mut self, failure: Failure) {
        self.failure = self.failure.or(Some(failure));
    }

    /// An effect that the host has found a ground for, with what the root says for it.
    fn on_other_ground(&mut self, root: Id, effect: Effect) -> Decision {
        let Some(node) = self.point.nodes.get(root as usize) else { return effect.into() };
        self.begin_variables(node);
        match self.instruct(node.instructions, effect) {
            Ok(()) => effect.into(),
            Err(failure) => {
                self.fail(failure);
                Decision::Indeterminate(effect.into())
            }
        }
    }

    /// A policy or policy set.
    fn node(&mut self, id: Id) -> Decision {
        let Some(node) = self.point.nodes.get(id as usize) else { return Decision::NotApplicable };
        self.observer.enter_node(id);
        let decision = self.decide_node(id, node);
        self.observer.leave(decision, self.failure);
        decision
    }

    fn decide_node(&mut self, id: Id, node: &'a Node) -> Decision {
        let earlier = self.failure.take();
        if let Err(failure) = self.step(1) {
            self.failure = earlier.or(Some(failure));
            return Decision::Indeterminate(Indeterminate::Both);
        }
        let target = self.target(node.target.of(&self.point.any_of));
        if target == Met::No {
            self.failure = earlier;
            return Decision::NotApplicable;
        }
        let (obligations, advice, policies) = (self.obligations.len(), self.advice.len(), self.policies.len());
        if self.keep_policies {
            self.policies.extend(self.point.node_names.get(id as usize).map(|(name, _)| name.clone()));
        }
        let mut decision = self.members(node);
        // §7.14: an error in the target makes the decision uncertain, not another one.
        if let Met::Failed(failure) = target {
            decision = match decision {
                Decision::Permit => Decision::Indeterminate(Indeterminate::Permit),
                Decision::Deny => Decision::Indeterminate(Indeterminate::Deny),
                Decision::NotApplicable | Decision::Indeterminate(_) => decision,
            };
            self.failure = Some(failure);
        }
        // §7.18: only what comes with the decision made here goes up.
        self.keep_effect(decision.effect(), obligations, advice);
        if let Some(effect) = decision.effect()
            && let Err(failure) = self.instruct(node.instructions, effect)
        {
            decision = Decision::Indeterminate(effect.into());
            self.obligations.truncate(obligations);
            self.advice.truncate(advice);
            self.failure = Some(failure);
        }
        if decision == Decision::NotApplicable {
            self.policies.truncate(policies);
        }
        let own = self.failure.take().filter(|_| matches!(decision, Decision::Indeterminate(_)));
        self.failure = earlier.or(own);
        decision
    }

    fn keep_effect(&mut self, effect: Option<Effect>, obligations: usize, advice: usize) {
        for (items, from) in [(&mut self.obligations, obligations), (&mut self.advice, advice)] {
            if items.len() > from {
                let tail: Vec<_> = items.drain(from..).filter(|(of, _)| Some(*of) == effect).collect();
                items.extend(tail);
            }
        }
    }

    /// The members of a policy or set, combined.
    fn members(&mut self, node: &'a Node) -> Decision {
        let candidates = self.candidates(node);
        if node.is_set { self.set(node, candidates) } else { self.policy(node, candidates) }
    }

    fn set(&mut self, node: &'a Node, candidates: Candidates<'a>) -> Decision {
        let members = node.members.of(&self.point.members);
        let member = |at: &Id| members.get(*at as usize).copied();
        if node.combining == CombiningAlgorithm::OnlyOneApplicable {
            return match candidates {
                Candidates::All => self.only_one(members.iter().copied()),
                Candidates::One(at) => self.only_one(member(&at).into_iter()),
                Candidates::Several(positions) => self.only_one(positions.iter().filter_map(member)),
            };
        }
        match candidates {
            Candidates::All => node.combining.combine(members.iter().map(|id| self.node(*id))),
            Candidates::One(at) => node.combining.combine(member(&at).into_iter().map(|id| self.node(id))),
            Candidates::Several(positions) => {
                node.combining.combine(positions.iter().filter_map(member).map(|id| self.node(id)))
            }
        }
    }

    fn policy(&mut self, node: &'a Node, candidates: Candidates<'a>) -> Decision {
        self.begin_variables(node);
        let rules = node.members.of(&self.point.rules);
        let first = node.members.range().start;
        let asked = node.shared.of(&self.point.any_of);
        // Whoever watches wants to see what each rule asks for.
        let shared = if O::WATCHES { asked } else { &[] };
        if !O::WATCHES && self.target(asked) == Met::No {
            return Decision::NotApplicable;
        }
        match candidates {
            Candidates::All => {
                let rules = rules.iter().enumerate();
                node.combining.combine(rules.map(|(at, rule)| self.rule(first + at, rule, shared)))
            }
            Candidates::One(at) => {
                let rule = rules.get(at as usize);
                node.combining.combine(rule.into_iter().map(|rule| self.rule(first + at as usize, rule, shared)))
            }
            Candidates::Several(positions) => {
                let chosen = positions.iter().filter_map(|at| rules.get(*at as usize).map(|rule| (*at as usize, rule)));
                node.combining.combine(chosen.map(|(at, rule)| self.rule(first + at, rule, shared)))
            }
        }
    }

    /// The members that can apply, in order. Whoever watches wants to see all.
    fn candidates(&self, node: &Node) -> Candidates<'a> {
        let Some(at) = node.index.filter(|_| !O::WATCHES) else { return Candidates::All };
        let Some(index): Option<&'a Index> = self.point.indexes.get(at as usize) else { return Candidates::All };
        let values = self.bound.values(index.slot);
        let symbol = |value: &BoundValue<'_>| value.symbol(index.sameness);
        let always = index.always.of(&index.positions);
        if always.is_empty() {
            match values {
                [] => return Candidates::Several(Cow::Borrowed(index.when_missing.of(&index.positions))),
                [only] => {
                    return match index.postings.of(symbol(only)) {
                        Place::None => Candidates::Several(Cow::Borrowed(&[])),
                        Place::One(at) => Candidates::One(at),
                        Place::Several(span) => Candidates::Several(Cow::Borrowed(span.of(&index.positions))),
                    };
                }
                _ => {}
            }
        }
        let mut all = always.to_vec();
        if values.is_empty() {
            all.extend(index.when_missing.of(&index.positions));
        }
        for value in values {
            match index.postings.of(symbol(value)) {
                Place::None => {}
                Place::One(at) => all.push(at),
                Place::Several(span) => all.extend(span.of(&index.positions)),
            }
        }
        all.sort_unstable();
        all.dedup();
        Candidates::Several(Cow::Owned(all))
    }

    /// C.9: the one whose target is met decides.
    fn only_one(&mut self, members: impl Iterator<Item = Id>) -> Decision {
        let mut only = None;
        for id in members {
            let Some(node) = self.point.nodes.get(id as usize) else { continue };
            let met = match self.step(1) {
                Ok(()) => self.quietly(|run| run.target(node.target.of(&run.point.any_of))),
                Err(failure) => Met::Failed(failure),
            };
            match met {
                Met::No => {}
                Met::Failed(failure) => {
                    self.fail(failure);
                    return Decision::Indeterminate(Indeterminate::Both);
                }
                Met::Yes if only.is_some() => {
                    self.fail(Failure::SeveralApply);
                    return Decision::Indeterminate(Indeterminate::Both);
                }
                Met::Yes => only = Some(id),
            }
        }
        // C.1: the algorithm does not keep track of what an error might have hidden.
        match only.map_or(Decision::NotApplicable, |id| self.node(id)) {
            Decision::Indeterminate(_) => Decision::Indeterminate(Indeterminate::Both),
            decision => decision,
        }
    }

    /// Looks at a target that will be looked at again if it matters.
    fn quietly<T>(&mut self, look: impl FnOnce(&mut Run<'a, 'r, Silent>) -> T) -> T {
        let mut quiet = Run::new(self.point, self.bound, Silent);
        quiet.steps = self.steps;
        let result = look(&mut quiet);
        self.steps = quiet.steps;
        result
    }

    /// A rule, with what it shares with others, if that has not been looked at.
    fn rule(&mut self, id: usize, rule: &'a RuleNode, shared: &[AnyOfTest]) -> Decision {
        self.observer.enter_rule(id);
        let outcome = self.decide_rule(rule, shared);
        let decision = outcome.unwrap_or_else(|failure| {
            self.fail(failure);
            Decision::Indeterminate(rule.effect.into())
        });
        self.observer.leave(decision, outcome.err());
        decision
    }

    fn decide_rule(&mut self, rule: &'a RuleNode, shared: &[AnyOfTest]) -> Result<Decision, Failure> {
        self.step(1)?;
        // What is shared cannot fail.
        if self.target(shared) == Met::No {
            return Ok(Decision::NotApplicable);
        }
        match self.target(rule.target.of(&self.point.any_of)) {
            Met::Yes => {}
            Met::No => return Ok(Decision::NotApplicable),
            Met::Failed(failure) => return Err(failure),
        }
        if let Some(term) = self.point.conditions.get(rule.condition as usize) {
            let outcome = self.term(term).map(|value| value.is_true());
            self.observer.condition(term, outcome, self.bound);
            if !outcome? {
                return Ok(Decision::NotApplicable);
            }
        }
        self.instruct(rule.instructions, rule.effect)?;
        Ok(rule.effect.into())
    }

    /// Adds the obligations and advice that come with an effect; all of them, or none where one fails.
    fn instruct(&mut self, instructions: Id, effect: Effect) -> Result<(), Failure> {
        let Some(instructions) = self.point.instructions.get(instructions as usize) else { return Ok(()) };
        let before = (self.obligations.len(), self.advice.len());
        let result = (|| {
            for instruction in instructions.obligations.iter().filter(|instruction| instruction.effect == effect) {
                let obligation = self.obligation(instruction)?;
                self.obligations.push((effect, obligation));
            }
            for instruction in instructions.advice.iter().filter(|instruction| instruction.effect == effect) {
                let advice = self.obligation(instruction)?;
                self.advice.push((effect, advice));
            }
            Ok(())
        })();
        if result.is_err() {
            self.obligations.truncate(before.0);
            self.advice.truncate(before.1);
        }
        result
    }

    fn obligation(&mut self, instruction: &'a Instruction) -> Result<Arc<Obligation>, Failure> {
        let (id, assignments) = match &instruction.content {
            Content::Fixed(obligation) => return Ok(Arc::clone(obligation)),
            Content::Computed { id, assignments } => (id, assignments),
        };
        let mut attributes = Vec::new();
        for Assignment { id, category, issuer, term } in assignments {
            let assigned = self.term(term)?;
            let attribute = |value: &Value| ObligationAttribute {
                id: id.clone(),
                category: category.clone(),
                issuer: issuer.clone(),
                value: value.clone(),
            };
            match &assigned {
                Operand::One(value) => attributes.push(attribute(value)),
                Operand::Bag(bag) => attributes.extend(bag.iter().map(attribute)),
            }
        }
        self.step(attributes.len())?;
        Ok(Arc::new(Obligation { id: id.clone(), attributes }))
    }

    /// §7.7: one part that is not met decides; an error only if nothing else does.
    fn target(&mut self, target: &[AnyOfTest]) -> Met {
        let mut failed = None;
        for test in target {
            let met = self.any_of(test);
            self.observer.target(test, met, self.bound);
            match met {
                Met::Yes => {}
                Met::No => return Met::No,
                Met::Failed(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or(Met::Yes, Met::Failed)
    }

    fn any_of(&mut self, test: &AnyOfTest) -> Met {
        match test {
            AnyOfTest::Equal(equal) => self.equal(equal),
            AnyOfTest::Equals(equals) => one_met(equals.of(&self.point.equals).iter().map(|equal| self.equal(equal))),
            AnyOfTest::General(alternatives) => {
                let alternatives = alternatives.of(&self.point.all_of).iter();
                one_met(alternatives.map(|matches| self.all_of(matches.of(&self.point.matches))))
            }
        }
    }

    fn all_of(&mut self, matches: &[MatchTest]) -> Met {
        let mut failed = None;
        for test in matches {
            let met = match *test {
                MatchTest::Equal { source, sameness, symbol } => self.equals(source, sameness, symbol),
                MatchTest::Call { source, call } => self.calls(source, call),
            };
            match met {
                Met::Yes => {}
                Met::No => return Met::No,
                Met::Failed(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or(Met::Yes, Met::Failed)
    }

    /// Whether one of an attribute's values is one of some literals.
    fn equal(&mut self, test: &EqualTest) -> Met {
        // Few literals are looked through faster than they are searched.
        const FEW: usize = 16;
        if !self.bound.may_have_one_of(test.slot, test.sameness, test.signs) {
            let is_missing = test.must_be_present && self.bound.values(test.slot).is_empty();
            return if is_missing { Met::Failed(Failure::Missing(test.slot)) } else { Met::No };
        }
        let values = self.bound.values(test.slot);
        if let Err(failure) = self.step(values.len()) {
            return Met::Failed(failure);
        }
        let literals = test.literals(self.point);
        let mut symbols = values.iter().map(|value| value.symbol(test.sameness));
        let is_met = if literals.len() <= FEW {
            symbols.any(|symbol| literals.contains(&symbol))
        } else {
            symbols.any(|symbol| literals.binary_search(&symbol).is_ok())
        };
        if is_met { Met::Yes } else { Met::No }
    }

    /// Whether one of an attribute's values is a literal.
    fn equals(&mut self, source: Source, sameness: Sameness, literal: Id) -> Met {
        let values = self.bound.values(source.slot);
        if values.is_empty() && source.must_be_present {
            return Met::Failed(Failure::Missing(source.slot));
        }
        if let Err(failure) = self.step(values.len()) {
            return Met::Failed(failure);
        }
        if values.iter().any(|value| value.symbol(sameness) == literal) { Met::Yes } else { Met::No }
    }

    /// Whether a function holds for one of an attribute's values (§7.6).
    fn calls(&mut self, source: Source, call: Id) -> Met {
        let values = self.bound.values(source.slot);
        if values.is_empty() && source.must_be_present {
            return Met::Failed(Failure::Missing(source.slot));
        }
        let Some(call) = self.point.calls.get(call as usize) else { return Met::No };
        let mut failed = None;
        for value in values {
            match self.scalar(call.function, &[&call.literal, value.value], call.pattern.as_ref()) {
                Ok(Value::Boolean(true)) => return Met::Yes,
                Ok(_) => {}
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or(Met::No, Met::Failed)
    }

    fn scalar(
        &mut self,
        function: Function,
        arguments: &[&Value],
        pattern: Option<&Pattern>,
    ) -> Result<Value, Failure> {
        self.step(cost(function, pattern, arguments.iter().copied()))?;
        apply::scalar(function, arguments, pattern).map_err(|reason| Failure::Function(function, reason))
    }

    /// An expression.
    fn term(&mut self, term: &'a Term) -> Result<Operand<'a>, Failure> {
        match term {
            Term::Value(value) => Ok(Operand::One(Cow::Borrowed(value))),
            Term::Attribute(source) => {
                let values = self.bound.values(source.slot);
                if values.is_empty() && source.must_be_present {
                    return Err(Failure::Missing(source.slot));
                }
                self.step(1)?;
                Ok(Operand::Bag(Bag::Request(values)))
            }
            Term::Variable(id) => self.variable(*id),
            Term::Call(call) => self.call(call),
        }
    }

    /// A variable is computed once for each policy that is looked at, however often it is named.
    fn variable(&mut self, id: Id) -> Result<Operand<'a>, Failure> {
        let at = (id as usize).saturating_sub(self.first_variable);
        if let Some(Some(known)) = self.variables.get(at) {
            let known = known.clone();
            self.step(known.as_ref().map_or(1, |value| match value {
                Operand::One(_) => 1,
                Operand::Bag(bag) => 1 + bag.len(),
            }))?;
            return known;
        }
        let Some(term) = self.point.variables.get(id as usize) else {
            return Err(Failure::Function(Function::And, "the variable is not there"));
        };
        let value = self.term(term);
        if let Some(known) = self.variables.get_mut(at) {
            *known = Some(value.clone());
        }
        value
    }

    fn call(&mut self, call: &'a Call) -> Result<Operand<'a>, Failure> {
        match call.function {
            Function::Or => self.some_of(&call.arguments, 1),
            Function::And => self.and(&call.arguments),
            Function::NOf => self.n_of(&call.arguments),
            Function::HigherOrder(order) => self.higher_order(order, call),
            function => {
                let arguments = self.terms(&call.arguments)?;
                let values = arguments.iter().flat_map(|argument| -> Box<dyn Iterator<Item = &Value>> {
                    match argument {
                        Operand::One(value) => Box::new(std::iter::once(&**value)),
                        Operand::Bag(bag) => bag.iter(),
                    }
                });
                let cost = cost(function, call.pattern.as_ref(), values);
                self.step(cost)?;
                apply::apply(function, &arguments, call.pattern.as_ref())
                    .map_err(|reason| Failure::Function(function, reason))
            }
        }
    }

    fn terms(&mut self, terms: &'a [Term]) -> Result<Vec<Operand<'a>>, Failure> {
        terms.iter().map(|term| self.term(term)).collect()
    }

    /// §A.3.5: stops at the first false; an error counts only if there is none.
    fn and(&mut self, terms: &'a [Term]) -> Result<Operand<'a>, Failure> {
        let mut failed = None;
        for term in terms {
            match self.term(term) {
                Ok(value) if value.is_true() => {}
                Ok(_) => return Ok(Value::Boolean(false).into()),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or_else(|| Ok(Value::Boolean(true).into()), Err)
    }

    fn n_of(&mut self, terms: &'a [Term]) -> Result<Operand<'a>, Failure> {
        const WRONG: Failure = Failure::Function(Function::NOf, "there are not as many arguments as shall be true");
        let (first, rest) = terms.split_first().ok_or(WRONG)?;
        let wanted = match self.term(first)? {
            Operand::One(value) => match *value {
                Value::Integer(wanted) => usize::try_from(wanted).ok(),
                _ => None,
            },
            Operand::Bag(_) => None,
        };
        match wanted {
            Some(wanted) if wanted <= rest.len() => self.some_of(rest, wanted),
            _ => Err(WRONG),
        }
    }

    /// Whether so many of the terms are true. Stops as soon as that is certain.
    fn some_of(&mut self, terms: &'a [Term], wanted: usize) -> Result<Operand<'a>, Failure> {
        let (mut missing, mut failures, mut failed) = (wanted, 0, None);
        for (at, term) in terms.iter().enumerate() {
            if missing == 0 || missing > terms.len() - at + failures {
                break;
            }
            match self.term(term) {
                Ok(value) if value.is_true() => missing -= 1,
                Ok(_) => {}
                Err(failure) => {
                    failures += 1;
                    failed = failed.or(Some(failure));
                }
            }
        }
        match failed {
            // What failed might have been true, and have been enough.
            Some(failure) if missing > 0 && missing <= failures => Err(failure),
            _ => Ok(Value::Boolean(missing == 0).into()),
        }
    }

    fn higher_order(&mut self, order: HigherOrder, call: &'a Call) -> Result<Operand<'a>, Failure> {
        let Some(function) = call.passed else {
            return Err(Failure::Function(call.function, "there is no function to apply"));
        };
        let arguments = self.terms(&call.arguments)?;
        let pattern = call.pattern.as_ref();
        let bags: Vec<(usize, Vec<&Value>)> = arguments
            .iter()
            .enumerate()
            .filter_map(|(at, argument)| match argument {
                Operand::Bag(bag) => Some((at, bag.iter().collect())),
                Operand::One(_) => None,
            })
            .collect();
        // The arguments, with the elements of bags still to be put in.
        let mut slots: Vec<&Value> = Vec::with_capacity(arguments.len());
        for argument in &arguments {
            match argument {
                Operand::One(value) => slots.push(value),
                Operand::Bag(bag) => slots.push(bag.iter().next().unwrap_or(&NOTHING)),
            }
        }
        match (order, bags.as_slice()) {
            (HigherOrder::Map, [(at, elements)]) => {
                let mut results = Vec::with_capacity(elements.len());
                for element in elements {
                    put(&mut slots, *at, element);
                    results.push(self.scalar(function, &slots, pattern)?);
                }
                Ok(Operand::Bag(Bag::Computed(results)))
            }
            (HigherOrder::AnyOfAny | HigherOrder::AnyOf, bags) => self.any(function, pattern, &mut slots, bags),
            (HigherOrder::AllOf, [(at, elements)]) => {
                let mut holds = |run: &mut Self, element| {
                    put(&mut slots, *at, element);
                    run.scalar(function, &slots, pattern).map(is_true)
                };
                self.every(elements, &mut holds)
            }
            (_, [(_, first), (_, second)]) => self.pairs(order, function, pattern, first, second),
            _ => Err(Failure::Function(call.function, "the arguments are not those it takes")),
        }
    }

    /// Whether the function holds for one combination of the elements of all bags.
    fn any<'v>(
        &mut self,
        function: Function,
        pattern: Option<&Pattern>,
        slots: &mut Vec<&'v Value>,
        bags: &[(usize, Vec<&'v Value>)],
    ) -> Result<Operand<'a>, Failure> {
        let Some(((at, elements), rest)) = bags.split_first() else {
            return self.scalar(function, slots, pattern).map(Operand::from);
        };
        let mut failed = None;
        for element in elements {
            put(slots, *at, element);
            match self.any(function, pattern, slots, rest) {
                Ok(value) if value.is_true() => return Ok(value),
                Ok(_) => {}
                Err(failure) => failed = failed.or(Some(failure)),
            }
            self.step(1)?;
        }
        failed.map_or_else(|| Ok(Value::Boolean(false).into()), Err)
    }

    /// Whether something holds for every element. An error counts only where nothing is false.
    fn every<T: Copy>(
        &mut self,
        elements: &[T],
        holds: &mut dyn FnMut(&mut Self, T) -> Result<bool, Failure>,
    ) -> Result<Operand<'a>, Failure> {
        let mut failed = None;
        for element in elements {
            match holds(self, *element) {
                Ok(true) => {}
                Ok(false) => return Ok(Value::Boolean(false).into()),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or_else(|| Ok(Value::Boolean(true).into()), Err)
    }

    /// `all-of-any`, `any-of-all` and `all-of-all`: each element of one bag holds with some or with every element of the
    /// other. In `any-of-all`, it is each element of the second bag that needs a partner in the first (§A.3.12).
    fn pairs(
        &mut self,
        order: HigherOrder,
        function: Function,
        pattern: Option<&Pattern>,
        first: &[&Value],
        second: &[&Value],
    ) -> Result<Operand<'a>, Failure> {
        let is_turned = order == HigherOrder::AnyOfAll;
        let (outer, inner) = if is_turned { (second, first) } else { (first, second) };
        let needs_every = order == HigherOrder::AllOfAll;
        let mut holds = |run: &mut Self, one: &Value| {
            let mut pair = |run: &mut Self, other: &Value| {
                let arguments = if is_turned { [other, one] } else { [one, other] };
                run.scalar(function, &arguments, pattern).map(is_true).map(|holds| holds == needs_every)
            };
            // "Some" is "not every … not".
            run.every(inner, &mut pair).map(|all| all.is_true() == needs_every)
        };
        self.every(outer, &mut holds)
    }
}

/// §7.7: one alternative that is met decides; an error only if none is.
fn one_met(alternatives: impl Iterator<Item = Met>) -> Met {
    let mut failed = None;
    for met in alternatives {
        match met {
            Met::Yes => return Met::Yes,
            Met::No => {}
            Met::Failed(failure) => failed = failed.or(Some(failure)),
        }
    }
    failed.map_or(Met::No, Met::Failed)
}

/// What stands where a bag is empty, and is never looked at.
static NOTHING: Value = Value::Boolean(false);

fn is_true(value: Value) -> bool {
    value == Value::Boolean(true)
}

fn put<'v>(slots: &mut [&'v Value], at: usize, element: &'v Value) {
    if let Some(slot) = slots.get_mut(at) {
        *slot = element;
    }
}

/// What a call costs: more for long texts, and for a pattern that has to be compiled.
fn cost<'v>(function: Function, pattern: Option<&Pattern>, values: impl Iterator<Item = &'v Value>) -> usize {
    const CHARACTERS_A_STEP: usize = 32;
    const PATTERN: usize = 2_000;
    let length = |value: &Value| 1 + value.as_str().map_or(0, str::len) / CHARACTERS_A_STEP;
    let compiling = if matches!(function, Function::RegexpMatch(_)) && pattern.is_none() { PATTERN } else { 0 };
    1 + values.map(length).sum::<usize>() + compiling
}
