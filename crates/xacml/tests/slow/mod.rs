//! A second engine: slow, and plain enough to be checked against the core specification line by line.
//!
//! It goes over the documents as they were read, looks up every attribute anew each time, leaves nothing out but what
//! the combining algorithms leave out, and shares no code with the engine that it is compared with beyond the types of
//! documents, requests and values.
//!
//! Where the standard leaves room it does as the engine says it does: a call of `and`, `or` or `n-of` that other
//! arguments decide does not fail, in whatever order they stand; of several errors the first in document order counts.

use xacml::{
    AllOf, AnyOf, Apply, Arithmetic, AssignmentExpression, CombiningAlgorithm, Comparison, DataType, Decision,
    Designator, Document, Effect, Environment, Expression, Function, HigherOrder, Indeterminate, Match, Member,
    MissingAttribute, Obligation, ObligationAttribute, ObligationExpression, Policy, PolicyIdentifier, PolicySet,
    Reference, Request, Rule, SetOperation, Target, TraceKind, Value, VariableDefinition,
};

/// Why something could not be found out.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// An attribute that must be there is not.
    Missing(MissingAttribute),
    /// A function has no result, or several policies apply where one may.
    Processing,
}

type Computed<T> = Result<T, Problem>;

/// What an expression comes to.
#[derive(Debug, Clone)]
enum Operand {
    One(Value),
    Bag(Vec<Value>),
}

/// What a rule, policy or set comes to, and what those in it came to that were looked at.
#[derive(Debug)]
pub struct Outcome {
    pub kind: TraceKind,
    pub id: String,
    pub version: String,
    pub decision: Decision,
    /// Why it is Indeterminate, if it is.
    pub problem: Option<Problem>,
    pub obligations: Vec<Obligation>,
    pub advice: Vec<Obligation>,
    pub members: Vec<Outcome>,
}

impl Outcome {
    /// The policies and sets that are not NotApplicable, in sets that are not either.
    pub fn applicable(&self) -> Vec<PolicyIdentifier> {
        if self.kind == TraceKind::Rule || self.decision == Decision::NotApplicable {
            return vec![];
        }
        let own = PolicyIdentifier {
            is_set: self.kind == TraceKind::PolicySet,
            id: self.id.clone(),
            version: self.version.clone(),
        };
        std::iter::once(own).chain(self.members.iter().flat_map(Self::applicable)).collect()
    }
}

/// One request, and what is known when it is decided.
pub struct Slow<'a> {
    /// The first decides; the others can be referred to.
    pub documents: &'a [Document],
    pub request: &'a Request,
    pub environment: &'a Environment,
}

/// What policies and rules need for the decision that they came to.
struct Instructions<'a> {
    obligations: &'a [ObligationExpression],
    advice: &'a [ObligationExpression],
    variables: &'a [VariableDefinition],
}

/// Policies, policy sets and rules (§7.11 to §7.14, §7.18).
impl Slow<'_> {
    /// The decision of the first document.
    pub fn decide(&self) -> Outcome {
        match &self.documents[0] {
            Document::Policy(policy) => self.policy(policy),
            Document::PolicySet(set) => self.policy_set(set),
        }
    }

    /// Table 4.
    fn rule(&self, rule: &Rule, variables: &[VariableDefinition]) -> Outcome {
        let target = self.target(&rule.target);
        let condition = || match &rule.condition {
            None => Ok(true),
            Some(condition) => self.expression(condition, variables).map(|result| truth(&result)),
        };
        let holds = match target {
            Ok(true) => condition(),
            other => other,
        };
        let mut outcome = outcome(TraceKind::Rule, &rule.id, String::new());
        match holds {
            Ok(false) => {}
            Err(problem) => {
                outcome.decision = Decision::Indeterminate(rule.effect.into());
                outcome.problem = Some(problem);
            }
            Ok(true) => {
                outcome.decision = rule.effect.into();
                let own = Instructions { obligations: &rule.obligations, advice: &rule.advice, variables };
                self.add_instructions(&mut outcome, rule.effect, &own);
            }
        }
        outcome
    }

    /// Table 5.
    fn policy(&self, policy: &Policy) -> Outcome {
        let mut outcome = outcome(TraceKind::Policy, &policy.id, policy.version.to_string());
        let target = self.target(&policy.target);
        if target == Ok(false) {
            return outcome;
        }
        for rule in &policy.rules {
            outcome.members.push(self.rule(rule, &policy.variables));
            if ends(policy.combining, outcome.members.last().unwrap().decision) {
                break;
            }
        }
        combine(policy.combining, &mut outcome);
        let own =
            Instructions { obligations: &policy.obligations, advice: &policy.advice, variables: &policy.variables };
        self.finish(outcome, target, &own)
    }

    /// Table 6.
    fn policy_set(&self, set: &PolicySet) -> Outcome {
        let mut outcome = outcome(TraceKind::PolicySet, &set.id, set.version.to_string());
        let target = self.target(&set.target);
        if target == Ok(false) {
            return outcome;
        }
        if set.combining == CombiningAlgorithm::OnlyOneApplicable {
            self.only_one_applicable(set, &mut outcome);
        } else {
            for member in &set.members {
                outcome.members.push(self.member(member));
                if ends(set.combining, outcome.members.last().unwrap().decision) {
                    break;
                }
            }
            combine(set.combining, &mut outcome);
        }
        let own = Instructions { obligations: &set.obligations, advice: &set.advice, variables: &[] };
        self.finish(outcome, target, &own)
    }

    /// C.9
    fn only_one_applicable(&self, set: &PolicySet, outcome: &mut Outcome) {
        let mut selected = None;
        let mut problem = None;
        for member in &set.members {
            match self.target(self.target_of(member)) {
                Ok(false) => {}
                Ok(true) if selected.is_none() => selected = Some(member),
                Ok(true) => problem = Some(Problem::Processing),
                Err(found) => problem = Some(found),
            }
            if problem.is_some() {
                break;
            }
        }
        if problem.is_some() {
            outcome.decision = Decision::Indeterminate(Indeterminate::Both);
            outcome.problem = problem;
        } else if let Some(selected) = selected {
            let member = self.member(selected);
            // C.1 holds for this algorithm too.
            outcome.decision = match member.decision {
                Decision::Indeterminate(_) => Decision::Indeterminate(Indeterminate::Both),
                decision => decision,
            };
            outcome.problem.clone_from(&member.problem);
            outcome.members.push(member);
        }
    }

    fn member(&self, member: &Member) -> Outcome {
        match member {
            Member::Policy(policy) => self.policy(policy),
            Member::PolicySet(set) => self.policy_set(set),
            Member::PolicyReference(reference) => self.policy(self.referenced_policy(reference)),
            Member::PolicySetReference(reference) => self.policy_set(self.referenced_set(reference)),
        }
    }

    fn target_of<'a>(&'a self, member: &'a Member) -> &'a Target {
        match member {
            Member::Policy(policy) => &policy.target,
            Member::PolicySet(set) => &set.target,
            Member::PolicyReference(reference) => &self.referenced_policy(reference).target,
            Member::PolicySetReference(reference) => &self.referenced_set(reference).target,
        }
    }

    /// §5.10: of the versions that fit the latest.
    fn referenced_policy(&self, reference: &Reference) -> &Policy {
        let fitting = self.documents.iter().filter_map(|document| match document {
            Document::Policy(policy) if policy.id == reference.id && reference.fits(&policy.version) => Some(policy),
            _ => None,
        });
        fitting.max_by(|one, other| one.version.cmp(&other.version)).expect("what is referred to")
    }

    /// §5.11, likewise.
    fn referenced_set(&self, reference: &Reference) -> &PolicySet {
        let fitting = self.documents.iter().filter_map(|document| match document {
            Document::PolicySet(set) if set.id == reference.id && reference.fits(&set.version) => Some(set),
            _ => None,
        });
        fitting.max_by(|one, other| one.version.cmp(&other.version)).expect("what is referred to")
    }

    /// Table 7 for a target that fails; else the obligations and advice of the members whose decision this is, and
    /// one's own.
    fn finish(&self, mut outcome: Outcome, target: Computed<bool>, own: &Instructions<'_>) -> Outcome {
        if let Err(problem) = target {
            outcome.decision = match outcome.decision {
                Decision::NotApplicable => Decision::NotApplicable,
                Decision::Permit => Decision::Indeterminate(Indeterminate::Permit),
                Decision::Deny => Decision::Indeterminate(Indeterminate::Deny),
                Decision::Indeterminate(of) => Decision::Indeterminate(of),
            };
            outcome.problem = (outcome.decision != Decision::NotApplicable).then_some(problem);
            return outcome;
        }
        if let Some(effect) = outcome.decision.effect() {
            for member in outcome.members.iter().filter(|member| member.decision == outcome.decision) {
                outcome.obligations.extend(member.obligations.iter().cloned());
                outcome.advice.extend(member.advice.iter().cloned());
            }
            self.add_instructions(&mut outcome, effect, own);
        }
        outcome
    }

    /// §7.18: where one of them fails, the rule, policy or set is Indeterminate.
    fn add_instructions(&self, outcome: &mut Outcome, effect: Effect, own: &Instructions<'_>) {
        let fulfil = |expressions: &[ObligationExpression]| -> Computed<Vec<Obligation>> {
            let belonging = expressions.iter().filter(|expression| expression.effect == effect);
            belonging.map(|expression| self.obligation(expression, own.variables)).collect()
        };
        match fulfil(own.obligations).and_then(|obligations| Ok((obligations, fulfil(own.advice)?))) {
            Ok((obligations, advice)) => {
                outcome.obligations.extend(obligations);
                outcome.advice.extend(advice);
            }
            Err(problem) => {
                outcome.decision = Decision::Indeterminate(effect.into());
                outcome.problem = Some(problem);
                outcome.obligations.clear();
                outcome.advice.clear();
            }
        }
    }

    fn obligation(&self, expression: &ObligationExpression, variables: &[VariableDefinition]) -> Computed<Obligation> {
        let mut attributes = Vec::new();
        for AssignmentExpression { id, category, issuer, expression } in &expression.assignments {
            let values = match self.expression(expression, variables)? {
                Operand::One(value) => vec![value],
                Operand::Bag(values) => values,
            };
            attributes.extend(values.into_iter().map(|value| ObligationAttribute {
                id: id.clone(),
                category: category.clone(),
                issuer: issuer.clone(),
                value,
            }));
        }
        Ok(Obligation { id: expression.id.clone(), attributes })
    }
}

fn outcome(kind: TraceKind, id: &str, version: String) -> Outcome {
    Outcome {
        kind,
        id: id.to_owned(),
        version,
        decision: Decision::NotApplicable,
        problem: None,
        obligations: vec![],
        advice: vec![],
        members: vec![],
    }
}

/// Whether the pseudo-code of appendix C returns at once when a member comes to this.
fn ends(algorithm: CombiningAlgorithm, decision: Decision) -> bool {
    use CombiningAlgorithm as A;
    match algorithm {
        A::DenyOverrides | A::PermitUnlessDeny | A::LegacyRuleDenyOverrides => decision == Decision::Deny,
        A::PermitOverrides | A::DenyUnlessPermit | A::LegacyRulePermitOverrides | A::LegacyPolicyPermitOverrides => {
            decision == Decision::Permit
        }
        A::FirstApplicable => decision != Decision::NotApplicable,
        A::LegacyPolicyDenyOverrides => matches!(decision, Decision::Deny | Decision::Indeterminate(_)),
        A::OnlyOneApplicable => unreachable!("it looks at targets first"),
    }
}

/// Appendix C, for members that were looked at in order until one ended it.
#[expect(clippy::match_same_arms, reason = "one arm for each sentence of the standard")]
fn combine(algorithm: CombiningAlgorithm, outcome: &mut Outcome) {
    use CombiningAlgorithm as A;
    use Decision::{Deny, NotApplicable, Permit};
    let has = |decision: Decision| outcome.members.iter().any(|member| member.decision == decision);
    let (permit, deny) = (has(Permit), has(Deny));
    let error_permit = has(Decision::Indeterminate(Indeterminate::Permit));
    let error_deny = has(Decision::Indeterminate(Indeterminate::Deny));
    let error_both = has(Decision::Indeterminate(Indeterminate::Both));
    let error = error_permit || error_deny || error_both;
    let indeterminate = |might_permit: bool, might_deny: bool| {
        Decision::Indeterminate(match (might_permit, might_deny) {
            (true, false) => Indeterminate::Permit,
            (false, true) => Indeterminate::Deny,
            _ => Indeterminate::Both,
        })
    };
    let decision = match algorithm {
        A::DenyOverrides if deny => Deny,
        A::DenyOverrides if error_both => indeterminate(true, true),
        A::DenyOverrides if error_deny && (error_permit || permit) => indeterminate(true, true),
        A::DenyOverrides if error_deny => indeterminate(false, true),
        A::DenyOverrides if permit => Permit,
        A::DenyOverrides if error_permit => indeterminate(true, false),

        A::PermitOverrides if permit => Permit,
        A::PermitOverrides if error_both => indeterminate(true, true),
        A::PermitOverrides if error_permit && (error_deny || deny) => indeterminate(true, true),
        A::PermitOverrides if error_permit => indeterminate(true, false),
        A::PermitOverrides if deny => Deny,
        A::PermitOverrides if error_deny => indeterminate(false, true),

        A::DenyUnlessPermit if permit => Permit,
        A::DenyUnlessPermit => Deny,

        A::PermitUnlessDeny if deny => Deny,
        A::PermitUnlessDeny => Permit,

        // C.1: the algorithms from here on do not keep track of which effect an error might have hidden. It may be
        // either: what would have followed the first that applies can be of the other effect.
        A::FirstApplicable if error => indeterminate(true, true),
        A::FirstApplicable => outcome.members.last().map_or(NotApplicable, |last| last.decision),

        // An error in a rule is one of what the rule would have led to.
        A::LegacyRuleDenyOverrides if deny => Deny,
        A::LegacyRuleDenyOverrides if error_deny => indeterminate(true, true),
        A::LegacyRuleDenyOverrides if permit => Permit,
        A::LegacyRuleDenyOverrides if error => indeterminate(true, true),

        A::LegacyRulePermitOverrides if permit => Permit,
        A::LegacyRulePermitOverrides if error_permit => indeterminate(true, true),
        A::LegacyRulePermitOverrides if deny => Deny,
        A::LegacyRulePermitOverrides if error => indeterminate(true, true),

        A::LegacyPolicyDenyOverrides if deny || error => Deny,
        A::LegacyPolicyDenyOverrides if permit => Permit,

        A::LegacyPolicyPermitOverrides if permit => Permit,
        A::LegacyPolicyPermitOverrides if deny => Deny,
        A::LegacyPolicyPermitOverrides if error => indeterminate(true, true),

        _ => NotApplicable,
    };
    // C.1: of an algorithm that does not keep track of what an error might have hidden, it may be either effect.
    let keeps_track =
        matches!(algorithm, A::DenyOverrides | A::PermitOverrides | A::DenyUnlessPermit | A::PermitUnlessDeny);
    let is_error = matches!(decision, Decision::Indeterminate(_));
    outcome.decision = if is_error && !keeps_track { indeterminate(true, true) } else { decision };
    if is_error {
        outcome.problem = outcome.members.iter().find_map(|member| member.problem.clone());
    }
}

/// Targets (§7.6 to §7.7).
impl Slow<'_> {
    fn target(&self, target: &Target) -> Computed<bool> {
        all(target.any_of.iter().map(|any_of| self.any_of(any_of)).collect())
    }

    fn any_of(&self, any_of: &AnyOf) -> Computed<bool> {
        any(any_of.all_of.iter().map(|all_of| self.all_of(all_of)).collect())
    }

    fn all_of(&self, all_of: &AllOf) -> Computed<bool> {
        all(all_of.matches.iter().map(|single| self.single_match(single)).collect())
    }

    fn single_match(&self, single: &Match) -> Computed<bool> {
        let values = self.designator(&single.designator)?;
        let literal = || Operand::One(single.literal.clone());
        any(values.into_iter().map(|value| holds(single.function, vec![literal(), Operand::One(value)])).collect())
    }

    /// §7.3.5
    fn designator(&self, designator: &Designator) -> Computed<Vec<Value>> {
        let mut values = Vec::new();
        for category in self.request.categories.iter().filter(|category| *category.category == *designator.category) {
            for attribute in category.attributes.iter().filter(|attribute| *attribute.id == *designator.id) {
                if designator.issuer.is_none() || designator.issuer == attribute.issuer {
                    values.extend(attribute.values.iter().cloned());
                }
            }
        }
        let asked = self.request.attributes(&designator.category).any(|attribute| *attribute.id == *designator.id);
        for category in &self.environment.attributes {
            for attribute in &category.attributes {
                let is_named = *category.category == *designator.category && *attribute.id == *designator.id;
                let is_issued = designator.issuer.is_none() || designator.issuer == attribute.issuer;
                if !asked && is_named && is_issued {
                    values.extend(attribute.values.iter().cloned());
                }
            }
        }
        values.retain(|value| value.data_type() == designator.data_type);
        if values.is_empty() && designator.must_be_present {
            return Err(Problem::Missing(MissingAttribute {
                category: designator.category.clone(),
                id: designator.id.clone(),
                data_type: designator.data_type,
                issuer: designator.issuer.clone(),
            }));
        }
        Ok(values)
    }
}

/// True if one is, else the first error, else False.
fn any(results: Vec<Computed<bool>>) -> Computed<bool> {
    if results.contains(&Ok(true)) {
        return Ok(true);
    }
    results.into_iter().find(Result::is_err).unwrap_or(Ok(false))
}

/// False if one is, else the first error, else True.
fn all(results: Vec<Computed<bool>>) -> Computed<bool> {
    if results.contains(&Ok(false)) {
        return Ok(false);
    }
    results.into_iter().find(Result::is_err).unwrap_or(Ok(true))
}

/// Expressions (§7.5 and appendix A).
impl Slow<'_> {
    fn expression(&self, expression: &Expression, variables: &[VariableDefinition]) -> Computed<Operand> {
        match expression {
            Expression::Value(value) => Ok(Operand::One(value.clone())),
            Expression::Designator(designator) => self.designator(designator).map(Operand::Bag),
            Expression::Variable(place) => self.expression(&variables[*place].expression, variables),
            Expression::Apply(apply) => {
                let Apply { function, passed, arguments, .. } = &**apply;
                let arguments = arguments.iter().map(|argument| self.expression(argument, variables)).collect();
                call(*function, *passed, arguments)
            }
        }
    }
}

fn truth(operand: &Operand) -> bool {
    match operand {
        Operand::One(Value::Boolean(truth)) => *truth,
        other => panic!("{other:?} is no boolean"),
    }
}

fn integer(operand: &Operand) -> i128 {
    match operand {
        Operand::One(Value::Integer(number)) => *number,
        other => panic!("{other:?} is no integer"),
    }
}

fn double(operand: &Operand) -> f64 {
    match operand {
        Operand::One(Value::Double(number)) => *number,
        other => panic!("{other:?} is no double"),
    }
}

/// The characters of a string or URI.
fn text(operand: &Operand) -> &str {
    match operand {
        Operand::One(Value::String(text) | Value::AnyUri(text)) => text,
        other => panic!("{other:?} is no string"),
    }
}

fn one(operand: &Operand) -> &Value {
    match operand {
        Operand::One(value) => value,
        Operand::Bag(values) => panic!("{values:?} is a bag"),
    }
}

fn bag(operand: &Operand) -> &[Value] {
    match operand {
        Operand::Bag(values) => values,
        Operand::One(value) => panic!("{value:?} is no bag"),
    }
}

fn boolean(truth: bool) -> Operand {
    Operand::One(Value::Boolean(truth))
}

fn string(text: &str) -> Operand {
    Operand::One(Value::String(text.into()))
}

/// Calls a function with what its arguments came to. All but three fail if one of their arguments did.
fn call(function: Function, passed: Option<Function>, arguments: Vec<Computed<Operand>>) -> Computed<Operand> {
    let truths = |arguments: Vec<Computed<Operand>>| {
        arguments.into_iter().map(|argument| argument.map(|argument| truth(&argument))).collect::<Vec<_>>()
    };
    match function {
        Function::Or => return any(truths(arguments)).map(boolean),
        Function::And => return all(truths(arguments)).map(boolean),
        Function::NOf => {
            let mut arguments = arguments;
            let least = integer(&arguments.remove(0)?);
            return n_of(least, truths(arguments)).map(boolean);
        }
        _ => {}
    }
    let arguments = arguments.into_iter().collect::<Computed<Vec<Operand>>>()?;
    match (function, passed) {
        (Function::HigherOrder(order), Some(passed)) => higher_order(order, passed, &arguments),
        _ => strict(function, &arguments),
    }
}

/// Calls a function that is true or false.
fn holds(function: Function, arguments: Vec<Operand>) -> Computed<bool> {
    call(function, None, arguments.into_iter().map(Ok).collect()).map(|result| truth(&result))
}

/// A.3.5. Less than nothing cannot be asked for; the standard is silent about it.
fn n_of(least: i128, results: Vec<Computed<bool>>) -> Computed<bool> {
    let count = |wanted: fn(&&Computed<bool>) -> bool| results.iter().filter(wanted).count() as i128;
    if least < 0 || least > results.len() as i128 {
        return Err(Problem::Processing);
    }
    let (met, failed) = (count(|result| **result == Ok(true)), count(|result| result.is_err()));
    if met >= least {
        return Ok(true);
    }
    if met + failed < least {
        return Ok(false);
    }
    results.into_iter().find(Result::is_err).unwrap()
}

/// A.3.12
fn higher_order(order: HigherOrder, passed: Function, arguments: &[Operand]) -> Computed<Operand> {
    let pair =
        |first: &Value, second: &Value| holds(passed, vec![Operand::One(first.clone()), Operand::One(second.clone())]);
    match order {
        HigherOrder::AnyOf | HigherOrder::AnyOfAny => {
            any(combinations(arguments).into_iter().map(|arguments| holds(passed, arguments)).collect()).map(boolean)
        }
        HigherOrder::AllOf => {
            all(combinations(arguments).into_iter().map(|arguments| holds(passed, arguments)).collect()).map(boolean)
        }
        HigherOrder::Map => {
            let results = combinations(arguments)
                .into_iter()
                .map(|arguments| call(passed, None, arguments.into_iter().map(Ok).collect()));
            let results = results.collect::<Computed<Vec<_>>>()?;
            Ok(Operand::Bag(results.iter().map(|result| one(result).clone()).collect()))
        }
        // `any-of` of each value of the first bag and the whole of the second, combined by `and`.
        HigherOrder::AllOfAny => {
            let (first, second) = (bag(&arguments[0]), bag(&arguments[1]));
            all(first.iter().map(|x| any(second.iter().map(|y| pair(x, y)).collect())).collect()).map(boolean)
        }
        // `any-of` of each value of the second bag and the whole of the first, combined by `and`.
        HigherOrder::AnyOfAll => {
            let (first, second) = (bag(&arguments[0]), bag(&arguments[1]));
            all(second.iter().map(|y| any(first.iter().map(|x| pair(x, y)).collect())).collect()).map(boolean)
        }
        HigherOrder::AllOfAll => {
            let (first, second) = (bag(&arguments[0]), bag(&arguments[1]));
            all(first.iter().map(|x| all(second.iter().map(|y| pair(x, y)).collect())).collect()).map(boolean)
        }
    }
}

/// The arguments with one value for each bag, in every way.
fn combinations(arguments: &[Operand]) -> Vec<Vec<Operand>> {
    let Some((first, rest)) = arguments.split_first() else { return vec![vec![]] };
    let choices = match first {
        Operand::One(value) => std::slice::from_ref(value),
        Operand::Bag(values) => values,
    };
    let rest = combinations(rest);
    let with = |choice: &Value| {
        let choice = Operand::One(choice.clone());
        rest.iter().map(move |rest| std::iter::once(choice.clone()).chain(rest.iter().cloned()).collect()).collect()
    };
    choices.iter().flat_map(|choice| -> Vec<Vec<Operand>> { with(choice) }).collect()
}

/// The functions that look at values only.
#[expect(clippy::cast_precision_loss, reason = "a double has less precision")]
fn strict(function: Function, arguments: &[Operand]) -> Computed<Operand> {
    let argument = |at: usize| &arguments[at];
    let number =
        |result: Option<i128>| result.map(|number| Operand::One(Value::Integer(number))).ok_or(Problem::Processing);
    Ok(match function {
        // A.3.1
        Function::Equal(_) => boolean(is_equal(one(argument(0)), one(argument(1)))),
        Function::EqualIgnoreCase => boolean(text(argument(0)).to_lowercase() == text(argument(1)).to_lowercase()),
        // A.3.6, A.3.8: strings by their code points
        Function::Compare(of, comparison) => {
            let order = match of {
                DataType::Integer => Some(integer(argument(0)).cmp(&integer(argument(1)))),
                DataType::Double => double(argument(0)).partial_cmp(&double(argument(1))),
                DataType::String => Some(text(argument(0)).chars().cmp(text(argument(1)).chars())),
                _ => panic!("{function:?} is not generated"),
            };
            boolean(order.is_some_and(|order| match comparison {
                Comparison::Greater => order.is_gt(),
                Comparison::GreaterOrEqual => order.is_ge(),
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
            }))
        }
        // A.3.2
        Function::Arithmetic(DataType::Integer, arithmetic) => {
            let operation = match arithmetic {
                Arithmetic::Add => i128::checked_add,
                Arithmetic::Subtract => i128::checked_sub,
                Arithmetic::Multiply => i128::checked_mul,
                Arithmetic::Divide => i128::checked_div,
            };
            let mut numbers = arguments.iter().map(integer);
            let first = numbers.next();
            number(numbers.fold(first, |result, next| operation(result?, next)))?
        }
        Function::Arithmetic(DataType::Double, arithmetic) => {
            let mut numbers = arguments.iter().map(double);
            let first = numbers.next().unwrap();
            if arithmetic == Arithmetic::Divide && double(argument(1)) == 0.0 {
                return Err(Problem::Processing);
            }
            Operand::One(Value::Double(numbers.fold(first, |result, next| match arithmetic {
                Arithmetic::Add => result + next,
                Arithmetic::Subtract => result - next,
                Arithmetic::Multiply => result * next,
                Arithmetic::Divide => result / next,
            })))
        }
        Function::Modulo => number(integer(argument(0)).checked_rem(integer(argument(1))))?,
        Function::Absolute(DataType::Integer) => number(integer(argument(0)).checked_abs())?,
        Function::IntegerToDouble => Operand::One(Value::Double(integer(argument(0)) as f64)),
        // A.3.3: white space is what XML has as such
        Function::NormalizeSpace => string(text(argument(0)).trim_matches([' ', '\t', '\n', '\r'])),
        Function::NormalizeToLowerCase => string(&text(argument(0)).to_lowercase()),
        Function::Not => boolean(!truth(argument(0))),
        // A.3.9
        Function::Concatenate => string(&arguments.iter().map(text).collect::<String>()),
        Function::FromString(of) => of.parse(text(argument(0))).map(Operand::One).map_err(|_| Problem::Processing)?,
        Function::ToString(_) => string(&one(argument(0)).to_string()),
        Function::StartsWith(_) => boolean(text(argument(1)).starts_with(text(argument(0)))),
        Function::EndsWith(_) => boolean(text(argument(1)).ends_with(text(argument(0)))),
        Function::Contains(_) => boolean(text(argument(1)).contains(text(argument(0)))),
        Function::Substring(_) => string(&substring(text(argument(0)), integer(argument(1)), integer(argument(2)))?),
        // A.3.10
        Function::OneAndOnly(_) => match bag(argument(0)) {
            [value] => Operand::One(value.clone()),
            _ => return Err(Problem::Processing),
        },
        Function::BagSize(_) => Operand::One(Value::Integer(bag(argument(0)).len() as i128)),
        Function::IsIn(_) => boolean(is_in(one(argument(0)), bag(argument(1)))),
        Function::Bag(_) => Operand::Bag(arguments.iter().map(|value| one(value).clone()).collect()),
        Function::Set(_, operation) => set(operation, arguments),
        // A.3.13
        Function::RegexpMatch(_) => boolean(is_match(text(argument(0)), text(argument(1)))?),
        other => panic!("{other:?} is not generated"),
    })
}

#[expect(clippy::float_cmp, reason = "equal is what is equal exactly")]
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) | (Value::AnyUri(one), Value::AnyUri(other)) => one == other,
        (Value::Integer(one), Value::Integer(other)) => one == other,
        (Value::Boolean(one), Value::Boolean(other)) => one == other,
        (Value::Double(one), Value::Double(other)) => one == other || one.is_nan() && other.is_nan(),
        _ => panic!("{one:?} and {other:?} are not compared"),
    }
}

fn is_in(value: &Value, values: &[Value]) -> bool {
    values.iter().any(|other| is_equal(value, other))
}

/// A.3.11
fn set(operation: SetOperation, arguments: &[Operand]) -> Operand {
    let (first, second) = (bag(&arguments[0]), bag(&arguments[1]));
    let is_subset = |one: &[Value], other: &[Value]| one.iter().all(|value| is_in(value, other));
    match operation {
        SetOperation::AtLeastOneMemberOf => boolean(first.iter().any(|value| is_in(value, second))),
        SetOperation::Subset => boolean(is_subset(first, second)),
        SetOperation::SetEquals => boolean(is_subset(first, second) && is_subset(second, first)),
        SetOperation::Union => Operand::Bag(once_each(arguments.iter().flat_map(|argument| bag(argument).to_vec()))),
        SetOperation::Intersection => {
            let in_all = |value: &Value| arguments.iter().all(|argument| is_in(value, bag(argument)));
            Operand::Bag(once_each(first.iter().filter(|value| in_all(value)).cloned()))
        }
    }
}

fn once_each(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut kept = Vec::new();
    for value in values {
        if !is_in(&value, &kept) {
            kept.push(value);
        }
    }
    kept
}

/// A.3.9: from one position to before another, counted in characters from 0; -1 is the end.
fn substring(text: &str, from: i128, to: i128) -> Computed<String> {
    let characters: Vec<char> = text.chars().collect();
    let to = if to == -1 { characters.len() as i128 } else { to };
    if from < 0 || from > to || to > characters.len() as i128 {
        return Err(Problem::Processing);
    }
    Ok(characters[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()].iter().collect())
}

/// Whether a pattern of letters, `.`, `*`, `^` and `$` is found in a text; the only other sign that is generated makes
/// it no pattern.
fn is_match(pattern: &str, text: &str) -> Computed<bool> {
    if pattern.contains('[') {
        return Err(Problem::Processing);
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    Ok(match pattern.split_first() {
        Some(('^', rest)) => is_match_here(rest, &text),
        _ => (0..=text.len()).any(|from| is_match_here(&pattern, &text[from..])),
    })
}

fn is_match_here(pattern: &[char], text: &[char]) -> bool {
    let is_next = |wanted: char| text.first().is_some_and(|next| wanted == '.' || wanted == *next);
    match pattern {
        [] => true,
        ['$'] => text.is_empty(),
        [wanted, '*', rest @ ..] => is_match_here(rest, text) || is_next(*wanted) && is_match_here(pattern, &text[1..]),
        [wanted, rest @ ..] => is_next(*wanted) && is_match_here(rest, &text[1..]),
    }
}
