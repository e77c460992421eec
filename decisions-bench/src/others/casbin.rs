//! Casbin: an enforcer for each service, and a line of its policy for each rule.
//!
//! A line cannot hold a set, so that a rule's subjects and actions are words in a text, which functions of our own look
//! through. A line for each subject and action, compared by the matcher itself, would be nine times as many lines to go
//! through.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use casbin::function_map::OperatorFunction;
use casbin::rhai::{Dynamic, ImmutableString};
use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};

use crate::world::{ACTIONS, Question, Service, World, subject_label};

const MODEL: &str = r"
[request_definition]
r = subs, act

[policy_definition]
p = subs, acts

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = sharesWord(p.acts, r.act) && sharesWord(p.subs, r.subs)
";

/// An enforcer for each service.
pub fn enforcers(world: &World) -> anyhow::Result<Vec<Enforcer>> {
    world.services.iter().map(|service| at_once(enforcer(service))).collect()
}

async fn enforcer(service: &Service) -> anyhow::Result<Enforcer> {
    let model = DefaultModel::from_str(MODEL).await?;
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
    enforcer.add_function("sharesWord", OperatorFunction::Arg2(shares_word));
    let lines = service.rules.iter().map(|rule| {
        let words = |texts: Vec<String>| texts.join(" ");
        vec![
            words(rule.subjects.iter().map(|subject| subject_label(*subject)).collect()),
            words(rule.actions.iter().map(|action| ACTIONS[*action].to_owned()).collect()),
        ]
    });
    enforcer.add_policies(lines.collect()).await?;
    Ok(enforcer)
}

/// Whether a word of the one text is a word of the other.
fn shares_word(one: Dynamic, other: Dynamic) -> Dynamic {
    let text = |value: Dynamic| value.try_cast::<ImmutableString>().unwrap_or_default();
    let (one, other) = (text(one), text(other));
    one.split(' ').any(|word| other.split(' ').any(|known| known == word)).into()
}

/// What an enforcer is asked.
pub fn arguments(question: &Question) -> Vec<Dynamic> {
    let subjects: Vec<String> = question.subjects.iter().map(|subject| subject_label(*subject)).collect();
    vec![subjects.join(" ").into(), ACTIONS[question.action].into()]
}

/// Asks an enforcer.
pub fn ask(enforcer: &Enforcer, arguments: &[Dynamic]) -> anyhow::Result<bool> {
    Ok(enforcer.enforce(arguments.to_vec())?)
}

/// The result of what never waits: everything is in memory.
fn at_once<T>(task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    match pin!(task).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => anyhow::bail!("it waits, though everything is in memory"),
    }
}
