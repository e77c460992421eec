//! Why a decision is as it is, and what would change it.
//!
//! What is told comes from the same steps as the decision: how the subject stands to the party, what it has been given,
//! which rules applied. What would change a refusal is tried out where a policy has to agree: a package or role is named
//! only if the policy permits once the subject has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AccessPackage, SystemUserKind};
use serde::Serialize;
use utoipa::ToSchema;
use xacml::{Decision, Environment, Evaluation, Trace, TraceKind};

use super::rules::{Inputs, Question, Subject, answer, has_right_to_it, is_listed};
use crate::access::delegation;
use crate::access::metadata::{ACCESS_PACKAGE, Purpose, ROLE_CODE, packages_of_subject};
use crate::access::relations::{Basis, SystemUserRelation};
use crate::read_model::{Party, SystemUserEntry};
use crate::resource_registry::rights;

/// A decision, explained.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Who wants to do it: `systemUser`, `person`, `organisation` or `other`.
    subject: &'static str,
    /// How the subject stands to the party, each on a way of its own. None: it has nothing to do with it.
    relations: Vec<RelationDto>,
    /// The single rights to the resource that the subject has for the party, by action.
    single_rights: Vec<String>,
    /// The rules of the policy that permitted or denied.
    rules: Vec<RuleDto>,
    /// Whether the party is on an access list for it, where the resource has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_access_list: Option<bool>,
    /// Why, in words.
    reasons: Vec<String>,
    /// What would change a refusal; any one of them.
    remedies: Vec<Remedy>,
}

/// How a subject stands to a party.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RelationDto {
    /// `owner`, `client`, `role` or `connection`.
    basis: &'static str,
    /// The organisation that it comes from: the party, its main unit or its owner's business.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The role, by its code in the register.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// The organisation in which the person has a key role, and which stands in the relation.
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<String>,
    /// The codes of the packages that it brings.
    packages: BTreeSet<String>,
}

/// A rule that applied.
#[derive(Debug, Serialize, ToSchema)]
struct RuleDto {
    /// The `RuleId`.
    id: String,
    /// What it came to.
    decision: String,
}

/// Something that would change a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Remedy {
    /// `accessPackage`, `singleRight`, `client`, `systemUser`, `role`, `accessList` or `policy`.
    kind: &'static str,
    /// What of that kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// What to do, in words.
    text: String,
}

impl Remedy {
    fn new(kind: &'static str, value: Option<String>, text: String) -> Self {
        Self { kind, value, text }
    }
}

/// Decides a question, and tells why.
pub fn explain(inputs: &Inputs<'_>, question: &Question<'_>) -> (Evaluation, Explanation) {
    let evaluation = answer(inputs, question);
    let rules = question.resource.policy.as_ref().map(|policy| {
        let (_, trace) = policy.point.explain(&question.request, &Environment::at(inputs.now));
        applied(&trace)
    });
    let rules = rules.unwrap_or_default();
    let listed = question.resource.resource.access_lists_only.then(|| is_listed(inputs.model, question));
    let standing = Standing::of(inputs, question);
    let reasons = reasons(question, &evaluation, &standing, &rules, listed);
    let remedies = if evaluation.decision == Decision::Permit {
        vec![]
    } else {
        remedies(inputs, question, &evaluation, &standing, listed)
    };
    let explanation = Explanation {
        subject: standing.subject,
        relations: standing.relations,
        single_rights: standing.single_rights,
        rules,
        on_access_list: listed,
        reasons,
        remedies,
    };
    (evaluation, explanation)
}

fn applied(trace: &Trace) -> Vec<RuleDto> {
    let mut found = Vec::new();
    if trace.kind == TraceKind::Rule && trace.decision != "NotApplicable" {
        found.push(RuleDto { id: trace.id.clone(), decision: trace.decision.clone() });
    }
    found.extend(trace.members.iter().flat_map(applied));
    found
}

/// How the subject stands to the party.
struct Standing {
    subject: &'static str,
    relations: Vec<RelationDto>,
    single_rights: Vec<String>,
}

impl Standing {
    fn of(inputs: &Inputs<'_>, question: &Question<'_>) -> Self {
        match &question.subject {
            Subject::SystemUser(user) => Self::of_system_user(inputs, question, user),
            Subject::Party(Party::Person(_)) => Self::of_party("person", inputs, question),
            Subject::Party(Party::Organisation(_)) => Self::of_party("organisation", inputs, question),
            Subject::Other => Self::new("other"),
        }
    }

    fn new(subject: &'static str) -> Self {
        Self { subject, relations: vec![], single_rights: vec![] }
    }

    fn of_system_user(inputs: &Inputs<'_>, question: &Question<'_>, user: &SystemUserEntry) -> Self {
        let resource = &question.resource.resource.identifier;
        let parties = inputs.model.parties();
        let number = |party| parties.organisation(party).map(|organisation| organisation.org_number.to_string());
        let mut standing = Self::new("systemUser");
        for relation in &question.system_user_relations {
            let (basis, from, packages) = match relation {
                SystemUserRelation::Owner => {
                    let rights = user.rights.iter().filter(|right| right.resource == *resource);
                    standing.single_rights.extend(rights.map(|right| right.action.clone()));
                    let packages = user.access_packages.iter().map(|package| package.code().to_owned()).collect();
                    ("owner", user.owner_party, packages)
                }
                SystemUserRelation::Client { client, .. } => {
                    let access = user.clients.get(client);
                    let given = access.into_iter().flat_map(|access| &*access.given);
                    ("client", *client, given.map(|given| given.package.code().to_owned()).collect())
                }
            };
            standing.relations.push(RelationDto { basis, from: number(from), role: None, via: None, packages });
        }
        standing
    }

    fn of_party(subject: &'static str, inputs: &Inputs<'_>, question: &Question<'_>) -> Self {
        let (resource, metadata) = (&question.resource.resource.identifier, inputs.model.metadata());
        let parties = inputs.model.parties();
        let number = |party| parties.organisation(party).map(|organisation| organisation.org_number.to_string());
        let mut standing = Self::new(subject);
        for relation in &question.relations {
            let (basis, role) = match &relation.basis {
                Basis::Role(role) => ("role", Some(role.clone())),
                Basis::Connection(connection) => {
                    let rights = connection.connection.rights.iter().filter(|right| right.resource == *resource);
                    standing.single_rights.extend(rights.map(|right| right.action.clone()));
                    ("connection", None)
                }
            };
            let urns = relation.packages(&metadata, Purpose::Use);
            standing.relations.push(RelationDto {
                basis,
                from: number(relation.from),
                role,
                via: relation.via.and_then(number),
                packages: urns.into_iter().map(|urn| AccessPackage { urn }.code().to_owned()).collect(),
            });
        }
        standing
    }
}

fn reasons(
    question: &Question<'_>,
    evaluation: &Evaluation,
    standing: &Standing,
    rules: &[RuleDto],
    listed: Option<bool>,
) -> Vec<String> {
    let mut reasons = Vec::new();
    let resource = &question.resource.resource.identifier;
    reasons.extend(evaluation.status.message());
    if let Subject::SystemUser(user) = &question.subject
        && user.is_deleted
    {
        reasons.push("The system user is deleted.".to_owned());
    }
    match (&question.subject, standing.relations.is_empty()) {
        (Subject::Other, _) => {
            reasons.push("The subject is not known here, or is named by nothing that is.".to_owned());
        }
        (_, true) if question.party.is_none() => reasons.push("The request names no party.".to_owned()),
        (_, true) => reasons.push("The subject has nothing to do with the party.".to_owned()),
        (_, false) => {}
    }
    for RuleDto { id, decision } in rules {
        reasons.push(format!("The rule {id} of the policy came to {decision}."));
    }
    if rules.is_empty() && !standing.relations.is_empty() {
        reasons.push("No rule of the policy applies to what the subject has.".to_owned());
        let given = if has_right_to_it(question) { "was" } else { "was not" };
        let action = question.action.unwrap_or("nothing");
        reasons.push(format!("It {given} given {action} on {resource} as a single right."));
    }
    if listed == Some(false) {
        reasons.push("The party is on no access list that opens the resource for this.".to_owned());
    }
    reasons
}

fn remedies(
    inputs: &Inputs<'_>,
    question: &Question<'_>,
    evaluation: &Evaluation,
    standing: &Standing,
    listed: Option<bool>,
) -> Vec<Remedy> {
    if evaluation.decision == Decision::Deny && listed == Some(false) {
        let lists = inputs.model.access_lists_for(&question.resource.resource.identifier);
        let names: Vec<_> = lists.iter().map(|list| list.identifier.clone()).collect();
        let text = "The owner of the resource puts the party on an access list of it.".to_owned();
        return vec![Remedy::new("accessList", Some(names.join(", ")).filter(|names| !names.is_empty()), text)];
    }
    if evaluation.decision == Decision::Deny {
        let text = "A rule of the policy forbids it; only the owner of the resource can change that.".to_owned();
        return vec![Remedy::new("policy", None, text)];
    }
    if let Some(remedy) = missing_relation(inputs, question, standing) {
        return vec![remedy];
    }
    if question.party.is_none() || matches!(question.subject, Subject::Other) {
        return vec![];
    }
    let mut remedies = packages_that_would_do(inputs, question);
    if listed == Some(false) {
        let text = "Besides, the owner of the resource puts the party on an access list of it.".to_owned();
        remedies.push(Remedy::new("accessList", None, text));
    }
    if let Subject::Party(_) = question.subject {
        remedies.extend(roles_that_would_do(inputs, question));
    }
    remedies.extend(single_right_that_would_do(question));
    remedies
}

/// What a system user lacks that has nothing to do with the party.
fn missing_relation(inputs: &Inputs<'_>, question: &Question<'_>, standing: &Standing) -> Option<Remedy> {
    let Subject::SystemUser(user) = &question.subject else { return None };
    let party = question.party.as_ref()?;
    if user.is_deleted {
        let text = "The customer approves a new request; a deleted system user does not come back.".to_owned();
        return Some(Remedy::new("systemUser", None, text));
    }
    if !standing.relations.is_empty() {
        return None;
    }
    Some(match user.kind {
        SystemUserKind::Standard => {
            let owner = inputs.model.parties().organisation(user.owner_party);
            let owner = owner.map_or_else(String::new, |owner| format!(", not {}", owner.org_number));
            let text = format!("It takes a system user that the party itself owns{owner}: ask the party for one.");
            Remedy::new("systemUser", None, text)
        }
        SystemUserKind::Agent => {
            let text = "The agent adds the party to the clients of the system user.".to_owned();
            let number = inputs.model.parties().organisation(party.uuid());
            let number = number.map(|organisation| organisation.org_number.to_string());
            Remedy::new("client", number, text)
        }
    })
}

/// The values of an attribute of the subject that the policy's rules about these actions name.
fn named(question: &Question<'_>, attribute: &str) -> BTreeSet<String> {
    let combinations = question.resource.policy.iter().flat_map(|policy| rights::combinations(&policy.policy));
    combinations
        .filter(|combination| question.action == Some(&*combination.action.value))
        .flat_map(|combination| combination.subject)
        .filter(|subject| subject.id == attribute)
        .map(|subject| subject.value)
        .collect()
}

/// Whether the policy would permit with these attributes more.
fn would_permit(inputs: &Inputs<'_>, question: &Question<'_>, more: Vec<Arc<xacml::AttributeCategory>>) -> bool {
    let mut request = question.request.clone().into_owned();
    request.categories.extend(more);
    let decide = |policy: &crate::read_model::ResourcePolicy| {
        policy.point.decide(&request, &Environment::at(inputs.now)).decision == Decision::Permit
    };
    question.resource.policy.as_ref().is_some_and(decide)
}

fn packages_that_would_do(inputs: &Inputs<'_>, question: &Question<'_>) -> Vec<Remedy> {
    let metadata = inputs.model.metadata();
    let would_do = |code: &String| {
        let package = AccessPackage { urn: format!("{}{}", AccessPackage::URN, code.to_lowercase()) };
        let can_be_given = match &question.subject {
            Subject::SystemUser(user) if user.kind == SystemUserKind::Standard => {
                delegation::is_for_systems(&metadata, &package)
            }
            _ => metadata.package(&package.urn).is_some(),
        };
        can_be_given && would_permit(inputs, question, vec![packages_of_subject([&package])])
    };
    let packages = named(question, ACCESS_PACKAGE).into_iter().filter(would_do);
    let remedy = |code: String| {
        let name = metadata.package(&code).map_or(code.clone(), |package| package.name.get("en").to_owned());
        let text = format!("The party gives the access package {code} ({name}).");
        Remedy::new("accessPackage", Some(format!("{}{code}", AccessPackage::URN)), text)
    };
    packages.map(remedy).collect()
}

fn roles_that_would_do(inputs: &Inputs<'_>, question: &Question<'_>) -> Vec<Remedy> {
    let metadata = inputs.model.metadata();
    let unit = question.party.as_ref().and_then(|party| inputs.model.parties().organisation(party.uuid()));
    let unit_type = unit.as_ref().map_or("", |unit| &unit.unit_type);
    let would_do =
        |role: &String| would_permit(inputs, question, metadata.attributes_of_role(role, unit_type, Purpose::Use));
    let roles = named(question, ROLE_CODE).into_iter().filter(would_do);
    roles
        .map(|role| Remedy::new("role", Some(role.to_uppercase()), format!("The subject holds the role {role}.")))
        .collect()
}

fn single_right_that_would_do(question: &Question<'_>) -> Option<Remedy> {
    let resource = &question.resource.resource;
    let is_agent = matches!(&question.subject, Subject::SystemUser(user) if user.kind == SystemUserKind::Agent);
    let known = question.resource.policy.as_ref().map(|policy| delegation::actions(&policy.policy))?;
    let can_be_given = resource.delegable && resource.resource_type.is_delegable_to_systems() && !is_agent;
    let action = question.action.filter(|action| can_be_given && known.contains(*action))?;
    let text = format!("The party gives the single right {action} on {}.", resource.identifier);
    Some(Remedy::new("singleRight", Some(resource.identifier.clone()), text))
}
