//! What a person can pass on to a system user.
//!
//! A right to a resource is made of actions: `read`, `write`. A person can pass on those that the resource's policy
//! gives the person for the organisation by role, if the resource can be passed on at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use model::{DelegatedRight, Organisation, Right};
use thiserror::Error;
use uuid::Uuid;
use xacml::{ACTION_ID, Decision, Effect, Environment, Policy, Request, category};

use super::roles::effective_roles;
use crate::read_model::{ReadModel, ResourceEntry};

/// The attribute that holds a role's code.
pub const ROLE_CODE: &str = "urn:altinn:rolecode";

/// Why a right cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CannotDelegate {
    /// The resource is not in the registry, or has no policy yet.
    #[error("the service is not known")]
    Unknown,
    /// The resource cannot be passed on by anybody.
    #[error("the service cannot be passed on")]
    ResourceNotDelegable,
    /// The person has no role that gives it.
    #[error("no role gives it")]
    MissingRoleAccess,
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

/// Looks at each resource that `rights` name: what of it can `person` pass on for `organisation`?
pub fn check(
    model: &ReadModel,
    person: Uuid,
    organisation: &Organisation,
    rights: &[Right],
    now: Timestamp,
) -> Vec<RightCheck> {
    let parties = model.parties();
    let roles = effective_roles(&parties, person, organisation);
    let ids: BTreeSet<&str> = rights.iter().flat_map(Right::resource_ids).collect();
    ids.into_iter()
        .map(|id| {
            let resource = model.resource(id);
            let result = match &resource {
                None => Err(CannotDelegate::Unknown),
                Some(entry) => delegable(entry, &roles, now),
            };
            RightCheck { resource_id: id.to_owned(), resource, result }
        })
        .collect()
}

fn delegable(
    entry: &ResourceEntry,
    roles: &BTreeSet<String>,
    now: Timestamp,
) -> Result<Vec<DelegatedRight>, CannotDelegate> {
    let resource = &entry.resource;
    let Some(policy) = &entry.policy else { return Err(CannotDelegate::Unknown) };
    if !resource.delegable || !resource.resource_type.is_delegable_to_systems() {
        return Err(CannotDelegate::ResourceNotDelegable);
    }
    let environment = Environment::at(now);
    let permitted = |action: &String| {
        let mut request = Request::default();
        for role in roles {
            request.push(category::ACCESS_SUBJECT, ROLE_CODE, role.as_str().into());
        }
        request.push(category::RESOURCE, model::RESOURCE_ATTRIBUTE, resource.identifier.as_str().into());
        request.push(category::ACTION, ACTION_ID, action.as_str().into());
        policy.point.decide(&request, &environment).decision == Decision::Permit
    };
    let rights: Vec<_> = actions(&policy.policy)
        .into_iter()
        .filter(permitted)
        .map(|action| DelegatedRight { resource: resource.identifier.clone(), action })
        .collect();
    if rights.is_empty() { Err(CannotDelegate::MissingRoleAccess) } else { Ok(rights) }
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
