//! What a party can pass on.
//!
//! A right to a resource is made of actions: `read`, `write`. Whoever may do something may let another do it: a right
//! can be passed on where the resource's policy permits it to one with the roles, the packages or the single rights
//! that the party holds, and where the resource can be passed on at all. A package can be passed on where one of the
//! party's relations lets it, which main administrators have for packages that they may not use themselves.
//!
//! Each check says why ([`Reason`]), in the words of Altinn's delegation check.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AccessPackage, DelegatedRight, Organisation, ResourceType, Right};
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;
use xacml::{ACTION_ID, Decision, Effect, Environment, Policy, Request, category};

use super::metadata::{ACCESS_PACKAGE, MAIN_ADMINISTRATOR_PACKAGE, Metadata, Package, Purpose, ROLE_CODE};
use super::relations::{Basis, Relation, relations};
use crate::authorization::attributes::RESOURCE;
use crate::authorization::rules::{Inputs, Opened, opened_actions};
use crate::read_model::{Party, ResourceEntry, ResourcePolicy};

/// Why a right can or cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
pub enum Reason {
    /// A role gives it.
    RoleAccess,
    /// It was given as a single right.
    DelegationAccess,
    /// A package gives it.
    PackageAccess,
    /// No role gives it.
    MissingRoleAccess,
    /// It was not given as a single right.
    MissingDelegationAccess,
    /// No package gives it.
    MissingPackageAccess,
    /// The party is not on an access list of the resource.
    AccessListValidationFail,
    /// The resource cannot be passed on by anybody.
    ResourceNotDelegable,
    /// The resource is an API, which is passed on as a scope.
    ResourceIsMaskinPortenSchema,
}

/// One action that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionCheck {
    /// The action.
    pub action: String,
    /// Whether it can be passed on.
    pub result: bool,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// Why a right cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CannotDelegate {
    /// The resource is not in the registry, or has no policy yet.
    #[error("the service is not known")]
    Unknown,
    /// The resource cannot be passed on by anybody.
    #[error("the service cannot be passed on")]
    ResourceNotDelegable,
    /// The organisation is on no access list of the resource.
    #[error("the organisation is not on an access list of the service")]
    NotListed,
    /// The resource is an API, which is passed on as a scope.
    #[error("the service is an API, which is passed on as a scope")]
    IsSchema,
    /// Nothing that the person has gives it; first of all it is this that is missing.
    #[error("neither role nor package gives it")]
    MissingAccess(Reason),
}

/// A right that was looked at for passing on.
#[derive(Debug, Clone)]
pub struct RightCheck {
    /// The resource's id.
    pub resource_id: String,
    /// The resource, if it is known.
    pub resource: Option<Arc<ResourceEntry>>,
    /// What can be passed on, or why nothing can.
    pub result: Result<Vec<DelegatedRight>, CannotDelegate>,
}

/// A package that was looked at for passing on.
#[derive(Debug, Clone)]
pub struct PackageCheck {
    /// The package's URN.
    pub urn: String,
    /// The package, if it is known.
    pub package: Option<Package>,
    /// Whether it can be passed on.
    pub result: bool,
    /// The relations that let it be passed on.
    pub through: Vec<Relation>,
}

/// Looks at each resource that `rights` name: what of it can `holder` pass on for `organisation`?
pub fn check_rights(
    inputs: &Inputs<'_>,
    holder: &Party,
    organisation: &Arc<Organisation>,
    rights: &[Right],
) -> Vec<RightCheck> {
    let party = Party::Organisation(Arc::clone(organisation));
    let held = relations(inputs.model, holder, &party, inputs.now);
    let ids: BTreeSet<&str> = rights.iter().flat_map(Right::resource_ids).collect();
    ids.into_iter()
        .map(|id| {
            let resource = inputs.model.resource(id);
            let result = match &resource {
                None => Err(CannotDelegate::Unknown),
                Some(entry) => delegable(inputs, &held, &party, entry),
            };
            RightCheck { resource_id: id.to_owned(), resource, result }
        })
        .collect()
}

fn delegable(
    inputs: &Inputs<'_>,
    held: &[Relation],
    party: &Party,
    entry: &ResourceEntry,
) -> Result<Vec<DelegatedRight>, CannotDelegate> {
    let checks = check_actions(inputs, held, party, entry).ok_or(CannotDelegate::Unknown)?;
    let resource = &entry.resource.identifier;
    let right = |check: &ActionCheck| DelegatedRight { resource: resource.clone(), action: check.action.clone() };
    let rights: Vec<_> = checks.iter().filter(|check| check.result).map(right).collect();
    if !rights.is_empty() {
        return Ok(rights);
    }
    let is_everywhere = |reason: Reason| checks.iter().all(|check| check.reasons.contains(&reason));
    Err(match () {
        () if entry.resource.resource_type == ResourceType::MaskinportenSchema => CannotDelegate::IsSchema,
        () if !is_delegable(entry) => CannotDelegate::ResourceNotDelegable,
        () if is_everywhere(Reason::AccessListValidationFail) && !checks.is_empty() => CannotDelegate::NotListed,
        () => CannotDelegate::MissingAccess(what_is_missing(entry)),
    })
}

/// What would give a right to the resource: a role or a package, whatever its policy names, else only somebody who has
/// the right.
fn what_is_missing(entry: &ResourceEntry) -> Reason {
    let subjects = || entry.policy.iter().flat_map(|policy| &policy.opens_to);
    let names =
        |attribute: &str| subjects().any(|urn| urn.strip_prefix(attribute).is_some_and(|value| value.starts_with(':')));
    match () {
        () if names(ROLE_CODE) => Reason::MissingRoleAccess,
        () if names(ACCESS_PACKAGE) => Reason::MissingPackageAccess,
        () => Reason::MissingDelegationAccess,
    }
}

fn is_delegable(entry: &ResourceEntry) -> bool {
    entry.resource.delegable && entry.resource.resource_type.is_delegable_to_systems()
}

/// Looks at each action that the policy of a resource permits to anybody. `None` where there is no policy.
pub fn check_actions(
    inputs: &Inputs<'_>,
    held: &[Relation],
    party: &Party,
    entry: &ResourceEntry,
) -> Option<Vec<ActionCheck>> {
    let policy = entry.policy.as_ref()?;
    let metadata = inputs.model.metadata();
    let check = |action: String| check_action(inputs, &metadata, held, party, (entry, policy), action);
    Some(actions(&policy.policy).into_iter().map(check).collect())
}

fn check_action(
    inputs: &Inputs<'_>,
    metadata: &Metadata,
    held: &[Relation],
    party: &Party,
    (entry, policy): (&ResourceEntry, &ResourcePolicy),
    action: String,
) -> ActionCheck {
    let resource = &entry.resource;
    let never = |reason| ActionCheck { action: action.clone(), result: false, reasons: vec![reason] };
    if resource.resource_type == ResourceType::MaskinportenSchema {
        return never(Reason::ResourceIsMaskinPortenSchema);
    }
    if !is_delegable(entry) {
        return never(Reason::ResourceNotDelegable);
    }
    if resource.access_lists_only {
        let is_open = match opened_actions(inputs.model, resource, party.uuid()) {
            Opened::Everything => true,
            Opened::Actions(open) => open.contains(&action),
        };
        if !is_open {
            return never(Reason::AccessListValidationFail);
        }
    }
    let decide = |is_wanted: &dyn Fn(&xacml::Attribute) -> bool| {
        let mut request = Request::default();
        request.push(category::RESOURCE, RESOURCE, resource.identifier.as_str().into());
        request.push(category::ACTION, ACTION_ID, action.as_str().into());
        for group in held.iter().flat_map(|relation| relation.attributes(metadata, Purpose::PassOn)) {
            let mut group = (*group).clone();
            group.attributes.retain(is_wanted);
            request.categories.push(group.into());
        }
        policy.point.decide(&request, &Environment::at(inputs.now)).decision
    };
    // What is forbidden to one with all that is held is not passed on by leaving some of it out.
    let is_forbidden = decide(&|_| true) == Decision::Deny;
    let permits = |of_package: bool| {
        !is_forbidden && decide(&|attribute| (attribute.id == *ACCESS_PACKAGE) == of_package) == Decision::Permit
    };
    let has_right = held.iter().any(|relation| relation.has_right(&resource.identifier, &action));
    let found = [
        (permits(false), Reason::RoleAccess, Reason::MissingRoleAccess),
        (permits(true), Reason::PackageAccess, Reason::MissingPackageAccess),
        (has_right, Reason::DelegationAccess, Reason::MissingDelegationAccess),
    ];
    let result = found.iter().any(|(is_so, ..)| *is_so);
    let reasons = found.iter().filter(|(is_so, ..)| *is_so == result);
    let reasons = reasons.map(|(is_so, has, lacks)| if *is_so { *has } else { *lacks }).collect();
    ActionCheck { action, result, reasons }
}

/// Looks at packages, by URN: which of them can `holder` pass on for `party`?
pub fn check_packages<'a>(
    inputs: &Inputs<'_>,
    holder: &Party,
    party: &Party,
    urns: impl IntoIterator<Item = &'a str>,
) -> Vec<PackageCheck> {
    let metadata = inputs.model.metadata();
    let held = relations(inputs.model, holder, party, inputs.now);
    let check = |urn: &str| {
        let package = metadata.package(urn).cloned();
        let urn = package.as_ref().map_or_else(|| urn.to_owned(), Package::urn);
        let brings = |relation: &&Relation| relation.packages(&metadata, Purpose::PassOn).contains(&urn);
        let through: Vec<_> = held.iter().filter(brings).cloned().collect();
        let result = package.as_ref().is_some_and(|package| package.assignable) && !through.is_empty();
        PackageCheck { urn, package, result, through }
    };
    urns.into_iter().map(check).collect()
}

/// How a relation is called in the reasons of a package check.
pub fn name_of_way(relation: &Relation, party: &Party) -> &'static str {
    match (&relation.basis, relation.via.is_some(), relation.from == party.uuid()) {
        (Basis::Role(_), false, true) => "Direct-RolePackage",
        (Basis::Role(_), false, false) => "Inherited-RolePackage",
        (Basis::Role(_), true, _) => "KeyRole-RolePackage",
        (Basis::Connection(_), false, true) => "Direct-AssignmentPackage",
        (Basis::Connection(_), false, false) => "Inherited-AssignmentPackage",
        (Basis::Connection(_), true, _) => "KeyRole-AssignmentPackage",
    }
}

/// Whether a package can be given to a system user for its own organisation.
pub fn is_for_systems(metadata: &Metadata, package: &AccessPackage) -> bool {
    const FOR_PERSONS_ONLY: [&str; 2] = ["virksomhetens-representant-skjemaoppgaver", MAIN_ADMINISTRATOR_PACKAGE];
    let known = metadata.package(&package.urn).filter(|known| known.assignable && known.urn() == package.urn);
    known.is_some_and(|known| metadata.party_type(known) != "Person" && !FOR_PERSONS_ONLY.contains(&&*known.code))
}

/// Whether a package can be used by an agent's system user for clients.
pub fn is_for_clients(metadata: &Metadata, package: &AccessPackage) -> bool {
    metadata.package(&package.urn).is_some_and(|known| known.delegable && known.urn() == package.urn)
}

/// The actions that the policy's permitting rules name.
pub fn actions(policy: &Policy) -> BTreeSet<String> {
    let rules = policy.rules.iter().filter(|rule| rule.effect == Effect::Permit);
    rules
        .flat_map(|rule| rule.target.matches())
        .filter(|single| single.designator.category == category::ACTION && single.designator.id == ACTION_ID)
        .filter_map(|single| single.literal.as_str().map(str::to_owned))
        .collect()
}
