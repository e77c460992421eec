//! What a policy says, rule by rule: who may do what with which resource.
//!
//! A rule's target is a conjunction of alternatives. Written out, it is a list of [`Combination`]s, each with the
//! attributes of a subject, of a resource, and an action. From these come the policy's subjects, its rules, and its
//! rights: what can be done with a resource, and who can. A right is known by a key, a hash over resource and action,
//! of which there are two forms.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use model::RESOURCE_ATTRIBUTE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use xacml::{ACTION_ID, Effect, Match, Policy, Rule, category};

use crate::authorization::attributes::{APP, ORG};

/// An instance of a resource; a right to it is one to the resource.
const INSTANCE_OF_RESOURCE: &str = "urn:altinn:resource:instance-id";
/// The most combinations that the rules of a policy may have, written out. A policy with more is not accepted.
pub const MAX_COMBINATIONS: usize = 10_000;

/// An attribute with a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct TypedValue {
    /// The attribute's id.
    #[serde(rename = "type")]
    pub id: String,
    /// The value.
    pub value: String,
}

impl TypedValue {
    /// What a match demands, if it is a text.
    fn of(single: &Match) -> Option<Self> {
        let value = single.literal.as_str()?.to_owned();
        Some(Self { id: single.designator.id.clone(), value })
    }

    /// Whether it names a resource as such, and not a part of it.
    fn is_whole_resource(&self) -> bool {
        [RESOURCE_ATTRIBUTE, ORG, APP].contains(&&*self.id)
    }

    /// Both as one name; in small letters, since roles and packages are the same in any case.
    pub fn urn(&self) -> String {
        format!("{}:{}", self.id, self.value).to_lowercase()
    }
}

/// One way to fulfil the target of a rule that permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    /// What the subject must be, all of it.
    pub subject: Vec<TypedValue>,
    /// What the resource must be, all of it.
    pub resource: Vec<TypedValue>,
    /// The action.
    pub action: TypedValue,
}

/// An action on a resource, and who may do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The resource, in order of attribute id.
    pub resource: Vec<TypedValue>,
    /// The action.
    pub action: TypedValue,
    /// Each is a subject that may do it, with all that it must be.
    pub subjects: Vec<Vec<TypedValue>>,
}

impl Right {
    /// Whether it is one to a whole resource, and not to a part of it: a task of an app, an instance.
    pub fn is_to_whole(&self) -> bool {
        self.resource.iter().all(TypedValue::is_whole_resource)
    }
}

/// How many combinations the rules of a policy have.
pub fn count_combinations(policy: &Policy) -> usize {
    let of_rule = |rule: &Rule| {
        rule.target.any_of.iter().fold(1_usize, |product, block| product.saturating_mul(block.all_of.len().max(1)))
    };
    policy.rules.iter().map(of_rule).fold(0, usize::saturating_add)
}

/// The combinations of the policy's permitting rules, in order.
pub fn combinations(policy: &Policy) -> Vec<Combination> {
    policy.rules.iter().filter(|rule| rule.effect == Effect::Permit).flat_map(of_rule).collect()
}

fn of_rule(rule: &Rule) -> Vec<Combination> {
    let mut written: Vec<Vec<&Match>> = vec![vec![]];
    for block in &rule.target.any_of {
        let mut longer = Vec::with_capacity(written.len() * block.all_of.len());
        for so_far in &written {
            for all_of in &block.all_of {
                longer.push(so_far.iter().copied().chain(&all_of.matches).collect());
            }
        }
        written = longer;
    }
    written.into_iter().filter_map(|matches| combination(&matches)).collect()
}

/// What the matches demand, if exactly one action is among it.
fn combination(matches: &[&Match]) -> Option<Combination> {
    let of = |category: &str| -> Vec<TypedValue> {
        let own = matches.iter().filter(|single| single.designator.category == category);
        own.filter_map(|single| TypedValue::of(single)).collect()
    };
    let mut resource = of(category::RESOURCE);
    resource.sort();
    let [action] = <[TypedValue; 1]>::try_from(of(category::ACTION)).ok()?;
    Some(Combination { subject: of(category::ACCESS_SUBJECT), resource, action })
}

/// What the policy names of subjects, each once.
pub fn subjects(policy: &Policy) -> BTreeSet<TypedValue> {
    subjects_of(policy.rules.iter())
}

/// What the policy's permitting rules name of subjects, each once.
pub fn permitted_subjects(policy: &Policy) -> BTreeSet<TypedValue> {
    subjects_of(policy.rules.iter().filter(|rule| rule.effect == Effect::Permit))
}

fn subjects_of<'a>(rules: impl Iterator<Item = &'a Rule>) -> BTreeSet<TypedValue> {
    let named = rules.flat_map(|rule| rule.target.matches());
    let named = named.filter(|single| single.designator.category == category::ACCESS_SUBJECT);
    named.filter_map(TypedValue::of).collect()
}

/// The rights, in the order in which the policy names them first.
pub fn rights(policy: &Policy) -> Vec<Right> {
    let mut rights: Vec<Right> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen: BTreeSet<(usize, Vec<TypedValue>)> = BTreeSet::new();
    for Combination { subject, resource, action } in combinations(policy) {
        let place = *places.entry(key(&resource, &action)).or_insert(rights.len());
        if place == rights.len() {
            rights.push(Right { resource, action, subjects: vec![] });
        }
        if let Some(right) = rights.get_mut(place)
            && seen.insert((place, subject.clone()))
        {
            right.subjects.push(subject);
        }
    }
    rights
}

/// The key of a right: `01` and a SHA-256 in hexadecimal, 66 characters.
///
/// Hashed are the attributes of the resource in the order of their ids, and the action, all in small letters. An app,
/// which is a pair of owner and app, is named as the registry names it.
pub fn key(resource: &[TypedValue], action: &TypedValue) -> String {
    let value = |id: &str| resource.iter().find(|part| part.id == id).map(|part| &part.value);
    let mut parts: Vec<TypedValue> = resource.to_vec();
    if let (Some(org), Some(app)) = (value(ORG), value(APP)) {
        parts.retain(|part| part.id != ORG && part.id != APP);
        parts.push(TypedValue { id: RESOURCE_ATTRIBUTE.to_owned(), value: format!("app_{org}_{app}") });
    }
    parts.retain(|part| part.id != INSTANCE_OF_RESOURCE);
    parts.sort();
    let mut text: Vec<String> = parts.iter().map(|part| format!("{}:{}", part.id, part.value)).collect();
    text.push(format!("{ACTION_ID}:{}", action.value));
    let hash = digest::digest(&digest::SHA256, text.join(":").to_lowercase().as_bytes());
    hash.as_ref().iter().fold("01".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// The key of a right in its older form: the action, the values of the resource, and an MD5 over both in UTF-16.
pub fn key_v1(resource: &[TypedValue], action: &TypedValue) -> String {
    use md5::{Digest as _, Md5};
    let named = resource.iter().map(|part| format!("{}:{}", part.id, part.value));
    let named = std::iter::once(action.value.clone()).chain(named).collect::<Vec<_>>().join(";");
    let text: Vec<u8> = named.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hash = Md5::digest(&text).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let values = resource.iter().map(|part| &*part.value);
    let parts: Vec<&str> = std::iter::once(&*action.value).chain(values).chain([&*hash]).collect();
    parts.join(";")
}

/// How an action is called in a language, the first letter in capitals; by its own name where it is not a usual one.
pub fn action_name(action: &str, language: &str) -> String {
    let known = match (action, language) {
        ("read", "en") => "Read",
        ("read", _) => "Les",
        ("write", "en") => "Write",
        ("write", _) => "Skriv",
        ("complete", "en") => "Complete",
        ("complete", _) => "Fullfør",
        ("delete", "en") => "Delete",
        ("delete", _) => "Slett",
        ("confirm", "en") => "Confirm",
        ("confirm", "nn") => "Stadfest",
        ("confirm", _) => "Bekreft",
        ("instantiate", "en") => "Instantiate",
        ("instantiate", _) => "Opprett",
        ("sign", "en") => "Sign",
        ("sign", _) => "Signer",
        ("reject", "en") => "Reject",
        ("reject", _) => "Avvis",
        ("subscribe", "en") => "Subscribe",
        ("subscribe", _) => "Abonner",
        (other, _) => {
            let mut characters = other.chars();
            let first = characters.next().into_iter().flat_map(char::to_uppercase);
            return first.chain(characters).collect();
        }
    };
    known.to_owned()
}

/// How a right is called: its action and, in brackets, what of the resource is more than its id.
pub fn right_name(right: &Right, language: &str) -> String {
    let more = right.resource.iter().filter(|part| !part.is_whole_resource());
    let more: Vec<&str> = more.map(|part| &*part.value).rev().collect();
    let name = action_name(&right.action.value, language);
    if more.is_empty() { name } else { format!("{name} ({})", more.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(parts: &[(&str, &str)]) -> Vec<TypedValue> {
        parts.iter().map(|(id, value)| TypedValue { id: (*id).into(), value: (*value).into() }).collect()
    }

    fn action(value: &str) -> TypedValue {
        TypedValue { id: ACTION_ID.into(), value: value.into() }
    }

    #[test]
    fn keys_are_those_that_are_published() {
        for (id, name, expected) in [
            (
                "tilgangspakke_delegering_ressurs",
                "read",
                "0100085731d0ecf57ddd83c3a44a272d5453c5d43598ffd319b27fa9e30be11849",
            ),
            (
                "tilgangspakke_delegering_ressurs",
                "write",
                "01a27fba2a76332cdeceb5ec98b11809245d95f1e8e5a76227fc310a4980d15818",
            ),
            ("authz_bruno_gar_resource1", "read", "01dc6fefd5fb4b227cc3c3a2a54770552d8d70bbfd92904b64830605827c6ce7a7"),
            (
                "app_ttd_test-bruno-app-for-delegation",
                "read",
                "01e5e0b7aba56e68ebf0e78ca710170a3535cb13cd23e6d54bd361bef8d87611bc",
            ),
            (
                "app_ttd_instance-gui-test",
                "instantiate",
                "0159c58c191e76b3e6bbf8e74c81f0b1c1ec2ed6158e51843afb3f7bd9c37fb210",
            ),
            (
                "app_ttd_bruno-instans-delegering-app",
                "delete",
                "01decb78ed8b0db4c850c6535e3aa729b7a043f6fa18a5718bd0732ba6cd64d3bb",
            ),
            ("krav-og-betalinger", "read", "019823775b43d28047d3a27012902dc4d4d5fe04e641068f1a965910a89dfe08e5"),
            ("krav-og-betalinger", "write", "018b033cf2489632eb70290b5739a116b006dea8bfd5422974e65cc999fabf952f"),
        ] {
            assert_eq!(key(&resource(&[(RESOURCE_ATTRIBUTE, id)]), &action(name)), expected);
        }
        let pair = resource(&[(APP, "instance-gui-test"), (ORG, "ttd")]);
        let expected = "0159c58c191e76b3e6bbf8e74c81f0b1c1ec2ed6158e51843afb3f7bd9c37fb210";
        assert_eq!(key(&pair, &action("instantiate")), expected);
        for (id, expected) in [
            ("ske-krav-og-betalinger", "read;ske-krav-og-betalinger;5399f4ba0d56ad6ce316cae930495b73"),
            ("krav-og-betalinger", "read;krav-og-betalinger;a0a85fe8bfe85e5673d0d9e81c79d91b"),
        ] {
            assert_eq!(key_v1(&resource(&[(RESOURCE_ATTRIBUTE, id)]), &action("read")), expected);
        }
    }

    #[test]
    fn a_right_has_all_who_may() {
        let document =
            crate::resource_registry::builtin::policy_document("abcd", &["DAGL", "REGN"], &["read", "sign"], 3);
        let policy = Policy::parse(&document).unwrap();
        assert_eq!(combinations(&policy).len(), 4);
        let rights = rights(&policy);
        assert_eq!(rights.iter().map(|right| &*right.action.value).collect::<Vec<_>>(), ["read", "sign"]);
        assert!(rights.iter().all(|right| right.subjects.len() == 2));
        let subjects: Vec<_> = subjects(&policy).iter().map(TypedValue::urn).collect();
        assert_eq!(subjects, ["urn:altinn:rolecode:dagl", "urn:altinn:rolecode:regn"]);
        assert_eq!(right_name(&rights[1], "nn"), "Signer");
        assert_eq!(action_name("les-alt", "nb"), "Les-alt");
        let task =
            Right { resource: resource(&[(RESOURCE_ATTRIBUTE, "a"), ("urn:altinn:task", "t1")]), ..rights[0].clone() };
        assert_eq!(right_name(&task, "en"), "Read (t1)");
    }
}
