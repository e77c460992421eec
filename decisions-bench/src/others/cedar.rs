//! Cedar: a policy set for each service, so that nobody has to look for the policies that matter. Roles and packages
//! are groups that the principal is in.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
};

use crate::world::{ACTIONS, Question, Service, World, is_role, subject_text};

/// A policy set for each service.
pub fn policies(world: &World) -> anyhow::Result<Vec<PolicySet>> {
    world.services.iter().map(|service| Ok(policy_text(service).parse()?)).collect()
}

fn policy_text(service: &Service) -> String {
    let mut text = String::new();
    for rule in &service.rules {
        let actions = rule.actions.iter().map(|action| format!("Action::\"{}\"", ACTIONS[*action]));
        let groups = rule.subjects.iter().map(|subject| format!("{}::\"{}\"", group(*subject), subject_text(*subject)));
        let _ = writeln!(
            text,
            "permit(principal, action in [{}], resource == Service::\"{}\") when {{ principal in [{}] }};",
            actions.collect::<Vec<_>>().join(", "),
            service.name,
            groups.collect::<Vec<_>>().join(", ")
        );
    }
    text
}

fn group(subject: usize) -> &'static str {
    if is_role(subject) { "Role" } else { "Package" }
}

/// A question, with the principal and the groups that it is in.
pub fn asked(world: &World, question: &Question) -> anyhow::Result<(Request, Entities)> {
    let uid = |kind: &str, id: &str| -> anyhow::Result<EntityUid> {
        Ok(EntityUid::from_type_name_and_id(kind.parse::<EntityTypeName>()?, EntityId::new(id)))
    };
    let principal = uid("Person", "someone")?;
    let groups = question.subjects.iter().map(|subject| uid(group(*subject), &subject_text(*subject)));
    let groups: HashSet<EntityUid> = groups.collect::<Result<_, _>>()?;
    let request = Request::new(
        principal.clone(),
        uid("Action", ACTIONS[question.action])?,
        uid("Service", &world.services[question.service].name)?,
        Context::empty(),
        None,
    )?;
    Ok((request, Entities::from_entities([Entity::new(principal, HashMap::new(), groups)?], None)?))
}

/// Asks the authorizer.
pub fn ask(authorizer: &Authorizer, policies: &PolicySet, (request, entities): &(Request, Entities)) -> bool {
    authorizer.is_authorized(request, policies, entities).decision() == Decision::Allow
}
