//! What can be registered.

use std::collections::BTreeMap;

use model::{OrgNumber, RESOURCE_ATTRIBUTE, Resource, ResourceType, Translated};
use serde_json::Value as Json;
use xacml::{DataType, Function, Match, Policy, category};

use crate::http::any_case::AnyCase;
use crate::http::problem::ApiError;

/// The kinds of resource that need an owner code and more before they can be registered.
const APP_PREFIXES: [&str; 2] = ["app_", "se_"];

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    identifier: String,
    title: BTreeMap<String, String>,
    description: BTreeMap<String, String>,
    right_description: Option<BTreeMap<String, String>>,
    resource_type: ResourceType,
    #[serde(default = "yes")]
    delegable: bool,
    has_competent_authority: Authority,
}

#[derive(serde::Deserialize)]
struct Authority {
    organization: OrgNumber,
    #[serde(default)]
    orgcode: String,
    #[serde(default)]
    name: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// Reads a registration. Nothing is missing from what is returned: the whole document is kept.
pub fn read_resource(document: Json) -> Result<Resource, ApiError> {
    let parsed: Document = serde_path_to_error::deserialize(AnyCase(document.clone()))
        .map_err(|error| ApiError::member(error.path().to_string(), format!("{}.", error.inner())))?;
    Resource::check_identifier(&parsed.identifier)
        .map_err(|error| ApiError::member("identifier", format!("{error}.")))?;
    if let Some(prefix) = APP_PREFIXES.into_iter().find(|prefix| parsed.identifier.starts_with(prefix)) {
        return Err(ApiError::member(
            "identifier",
            format!("Ids that begin with {prefix} are not registered here yet."),
        ));
    }
    let right_description = match parsed.right_description {
        None if parsed.delegable => {
            return Err(ApiError::member("rightDescription", "A delegable resource describes what the right is."));
        }
        None => None,
        Some(texts) => Some(translated("rightDescription", texts)?),
    };
    let authority = parsed.has_competent_authority;
    let owner_name = Translated::from_map(authority.name).unwrap_or_else(|_| Translated::same(&authority.orgcode));
    Ok(Resource {
        identifier: parsed.identifier,
        title: translated("title", parsed.title)?,
        description: translated("description", parsed.description)?,
        right_description,
        resource_type: parsed.resource_type,
        delegable: parsed.delegable,
        owner: authority.organization,
        owner_code: authority.orgcode,
        owner_name,
        document,
    })
}

fn translated(member: &str, texts: BTreeMap<String, String>) -> Result<Translated, ApiError> {
    Translated::from_map(texts).map_err(|missing| {
        ApiError::member(member, format!("The languages nb, nn and en are needed; missing: {}.", missing.join(", ")))
    })
}

/// Reads a policy for a resource: every rule must be about this resource, and about no other.
pub fn read_policy(identifier: &str, text: &str) -> Result<(), ApiError> {
    let policy = Policy::parse(text).map_err(|error| ApiError::member("policyFile", format!("{error}.")))?;
    let is_resource = |single: &&Match| {
        single.designator.category == category::RESOURCE && single.designator.id == RESOURCE_ATTRIBUTE
    };
    for rule in &policy.rules {
        let any_of = &rule.target.any_of;
        // One block demands the resource in each of its alternatives.
        let demanded = any_of.iter().any(|block| {
            block
                .all_of
                .iter()
                .all(|all_of| all_of.matches.iter().filter(is_resource).any(|single| names(single, identifier)))
        });
        let foreign = rule.target.matches().filter(is_resource).any(|single| !names(single, identifier));
        if !demanded || foreign {
            let message = format!("The rule {} must be about the resource {identifier} and no other.", rule.id);
            return Err(ApiError::member("policyFile", message));
        }
    }
    Ok(())
}

fn names(single: &Match, identifier: &str) -> bool {
    let is_equality = matches!(single.function, Function::Equal(DataType::String) | Function::EqualIgnoreCase);
    is_equality && single.literal.as_str() == Some(identifier)
}
