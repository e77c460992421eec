//! Rego, by `regorus`: one policy, and the rules as data by service, either compiled to its virtual machine or in its
//! interpreter.

use std::collections::BTreeMap;

use anyhow::Context as _;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{CompiledPolicy, Engine, Rc, Value};

use crate::world::{ACTIONS, Question, Rule, World, subject_label};

const ENTRY: &str = "data.bench.allow";

/// The rules as they are: for each service a list, each with the actions and subjects that it names.
const BY_RULE: &str = r"
package bench

import rego.v1

default allow := false

allow if {
    some rule in data.services[input.resource]
    rule.actions[input.action]
    some subject in input.subjects
    rule.subjects[subject]
}
";

/// The rules turned about: for each service and action the subjects that may.
const BY_ACTION: &str = r"
package bench

import rego.v1

default allow := false

allow if {
    subjects := data.services[input.resource][input.action]
    some subject in input.subjects
    subjects[subject]
}
";

/// How the rules lie in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As a list of rules.
    ByRule,
    /// As the subjects for each action.
    ByAction,
}

/// A compiled policy with its data.
pub fn compiled(world: &World, layout: Layout) -> anyhow::Result<(CompiledPolicy, Value)> {
    let services = world.services.iter().map(|service| {
        let rules = match layout {
            Layout::ByRule => service.rules.iter().map(by_rule).collect::<Vec<_>>().into(),
            Layout::ByAction => by_action(&service.rules),
        };
        (service.name.as_str(), rules)
    });
    let data = object([("services", object(services))]);
    let mut engine = Engine::new();
    let policy = if layout == Layout::ByRule { BY_RULE } else { BY_ACTION };
    engine.add_policy("bench.rego".into(), policy.into())?;
    engine.add_data(data.clone())?;
    let entry: Rc<str> = ENTRY.into();
    Ok((engine.compile_with_entrypoint(&entry)?, data))
}

fn by_rule(rule: &Rule) -> Value {
    object([
        ("actions", set(rule.actions.iter().map(|action| ACTIONS[*action].to_owned()))),
        ("subjects", set(rule.subjects.iter().map(|subject| subject_label(*subject)))),
    ])
}

fn by_action(rules: &[Rule]) -> Value {
    let mut actions: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for rule in rules {
        for action in &rule.actions {
            actions.entry(*action).or_default().extend(&rule.subjects);
        }
    }
    let sets =
        actions.into_iter().map(|(action, subjects)| (ACTIONS[action], set(subjects.into_iter().map(subject_label))));
    object(sets)
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    members.into_iter().map(|(name, value)| (Value::from(name), value)).collect::<BTreeMap<_, _>>().into()
}

fn set(items: impl Iterator<Item = String>) -> Value {
    items.map(Value::from).collect::<std::collections::BTreeSet<_>>().into()
}

/// A question as input.
pub fn input(world: &World, question: &Question) -> Value {
    let subjects: Vec<Value> = question.subjects.iter().map(|subject| subject_label(*subject).into()).collect();
    object([
        ("action", ACTIONS[question.action].into()),
        ("resource", world.services[question.service].name.as_str().into()),
        ("subjects", subjects.into()),
    ])
}

/// The virtual machine with a policy and its data.
pub fn machine(policy: &CompiledPolicy, data: Value) -> anyhow::Result<RegoVM> {
    let mut machine = RegoVM::new();
    machine.load_program(Compiler::compile_from_policy(policy, &[ENTRY])?);
    machine.set_data(data)?;
    Ok(machine)
}

/// Asks the virtual machine.
pub fn ask_machine(machine: &mut RegoVM, input: &Value) -> anyhow::Result<bool> {
    machine.set_input(input.clone());
    let answer = machine.execute_entry_point_by_index(0)?;
    answer.as_bool().copied().context("the policy answers with true or false")
}

/// Asks the interpreter.
pub fn ask_interpreter(policy: &CompiledPolicy, input: &Value) -> anyhow::Result<bool> {
    policy.eval_with_input(input.clone())?.as_bool().copied().context("the policy answers with true or false")
}
