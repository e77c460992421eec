//! The decision point in four fields: subject, resource, action, party. An addition of ours, over the same rules.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use xacml::{ACTION_ID, Decision, Evaluation, Request, Value, category, request::MAX_DECISIONS};

use super::api::{allowed, asker};
use super::attributes::{
    MINIMUM_LEVEL, NATIONAL_ID, ORG, ORG_NUMBER, ORGANISATION_UUID, PARTY_ID, PARTY_UUID, PERSON_UUID, RESOURCE,
    SYSTEM_USER, USER_ID,
};
use super::explain::{Explanation, explain};
use super::rules::{About, Decided, Inputs, answer, understand};
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::Authorize;
use crate::http::extract::Json;
use crate::http::problem::ApiError;

/// The longest value, in bytes: every answer repeats three of them.
const MAX_TEXT: usize = 255;

/// One value or a list of them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(String),
    /// A list.
    More(Vec<String>),
}

impl OneOrMore {
    fn all(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::More(values) => values,
        }
    }
}

/// What is asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionsRequest {
    /// Who: the id of a system user, or an attribute of the subject with its value, such as `urn:altinn:userid:20000001`.
    subject: String,
    /// With what: ids of the resource registry.
    resource: OneOrMore,
    /// What: `read`.
    action: OneOrMore,
    /// For whom: organisation numbers, party uuids, or attributes with their values.
    party: Option<OneOrMore>,
    /// Whether the answers say why, and what would change them.
    #[serde(default)]
    explain: bool,
}

/// What is answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionsResponse {
    /// For each resource, action and party, of which the first changes slowest.
    decisions: Vec<DecisionDto>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DecisionDto {
    resource: String,
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<String>,
    /// `Permit`, `Deny`, `NotApplicable` or `Indeterminate`; only the first is a yes.
    decision: &'static str,
    /// Why there is no decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The level of authentication that the caller's own caller must have, of 0 to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_authentication_level: Option<i64>,
    /// What must be done along with it.
    obligations: Vec<ObligationDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ObligationDto {
    id: String,
    attributes: Vec<ObligationAttribute>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ObligationAttribute {
    id: String,
    category: Option<String>,
    value: String,
}

/// Asks for decisions in four fields
///
/// Subject, resource, action and party; the last three can be lists, up to 500 combinations in all. Callers may ask
/// about the resources that they may ask `authorize` about.
#[utoipa::path(
    post, path = "/systembruker/api/v1/decisions", tag = "Decision point", request_body = DecisionsRequest,
    responses((status = 200, description = "A decision for each combination", body = DecisionsResponse),
        (status = 400, description = "A field is missing or cannot be read, or too much is asked for"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:authorization/authorize"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn decisions(
    State(app): State<Arc<App>>,
    caller: Scoped<Authorize>,
    Json(asked): Json<DecisionsRequest>,
) -> Result<Json<DecisionsResponse>, ApiError> {
    let combinations = asked.combinations()?;
    let now = app.clock.now();
    let (answers, _) = app.model.consistent(|model| {
        let inputs = Inputs { model, vault: &app.vault, now, allowed: allowed(&app, &caller) };
        combinations.iter().map(|combination| decide(&inputs, combination, asked.explain)).collect::<Vec<_>>()
    });
    let (mut decisions, mut decided) = (Vec::new(), Vec::new());
    for (combination, (answer, explanation)) in combinations.into_iter().zip(answers) {
        decisions.push(combination.dto(&answer.evaluation, explanation));
        decided.push((combination.request, answer));
    }
    app.journal.note(&asker(&caller), &decided, &app.random, now).await;
    Ok(Json(DecisionsResponse { decisions }))
}

fn decide(inputs: &Inputs<'_>, combination: &Combination, wants_to_know: bool) -> (Decided, Option<Explanation>) {
    let mut about = About::default();
    let (evaluation, explanation) = match understand(inputs, &combination.request, &mut about) {
        Ok(question) if wants_to_know => {
            let (evaluation, explanation) = explain(inputs, &question);
            (evaluation, Some(explanation))
        }
        Ok(question) => (answer(inputs, &question), None),
        Err(fault) => (Evaluation::indeterminate(fault.status()), None),
    };
    (Decided { evaluation, about }, explanation)
}

/// One question.
struct Combination {
    resource: String,
    action: String,
    party: Option<String>,
    request: Request,
}

impl DecisionsRequest {
    fn combinations(&self) -> Result<Vec<Combination>, ApiError> {
        let (resources, actions) = (self.resource.all(), self.action.all());
        let parties: Vec<Option<&String>> = match &self.party {
            Some(parties) => parties.all().iter().map(Some).collect(),
            None => vec![None],
        };
        let count = resources.len().saturating_mul(actions.len()).saturating_mul(parties.len());
        if !(1..=MAX_DECISIONS).contains(&count) {
            let message = format!("1 to {MAX_DECISIONS} combinations of resource, action and party can be asked for.");
            return Err(ApiError::member("$", message));
        }
        let mut texts =
            std::iter::once(&self.subject).chain(resources).chain(actions).chain(parties.iter().flatten().copied());
        if texts.any(|text| text.len() > MAX_TEXT) {
            return Err(ApiError::member("$", format!("Each value has at most {MAX_TEXT} bytes.")));
        }
        let subject = attribute(&self.subject, SYSTEM_USER, SYSTEM_USER, &SUBJECT_FORMS);
        let (subject_id, subject) = subject.ok_or_else(|| wrong("subject", "a system user's id"))?;
        let mut combinations = Vec::with_capacity(count);
        for resource in resources {
            for action in actions {
                for party in &parties {
                    let mut request = Request::default();
                    request.push(category::ACCESS_SUBJECT, subject_id, subject.into());
                    request.push(category::RESOURCE, RESOURCE, resource.as_str().into());
                    request.push(category::ACTION, ACTION_ID, action.as_str().into());
                    if let Some(party) = party {
                        let named = attribute(party, PARTY_UUID, ORG_NUMBER, &PARTY_FORMS);
                        let (id, value) =
                            named.ok_or_else(|| wrong("party", "an organisation number or party uuid"))?;
                        request.push(category::RESOURCE, id, value.into());
                    }
                    let (resource, action, party) = (resource.clone(), action.clone(), party.cloned());
                    combinations.push(Combination { resource, action, party, request });
                }
            }
        }
        Ok(combinations)
    }
}

const SUBJECT_FORMS: [&str; 9] =
    [SYSTEM_USER, USER_ID, PARTY_UUID, PERSON_UUID, ORGANISATION_UUID, PARTY_ID, NATIONAL_ID, ORG_NUMBER, ORG];
const PARTY_FORMS: [&str; 4] = [ORG_NUMBER, PARTY_UUID, PARTY_ID, NATIONAL_ID];

fn wrong(member: &str, expected: &str) -> ApiError {
    ApiError::member(member, format!("{member} is {expected}, or an attribute with its value (urn:altinn:…:value)."))
}

/// The attribute and value that a text stands for: written out, or a bare uuid or number.
fn attribute<'a>(
    text: &'a str,
    of_uuid: &'static str,
    of_number: &'static str,
    forms: &[&'static str],
) -> Option<(&'static str, &'a str)> {
    let text = text.trim();
    if text.parse::<Uuid>().is_ok() {
        return Some((of_uuid, text));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((of_number, text));
    }
    forms.iter().find_map(|form| Some((*form, text.strip_prefix(*form)?.strip_prefix(':')?)))
}

impl Combination {
    fn dto(&self, evaluation: &Evaluation, explanation: Option<Explanation>) -> DecisionDto {
        let attributes = evaluation.obligations.iter().flat_map(|obligation| &obligation.attributes);
        let levels = attributes.filter(|attribute| attribute.category.as_deref() == Some(MINIMUM_LEVEL));
        let level = levels.filter_map(|attribute| match &attribute.value {
            Value::Integer(level) => i64::try_from(*level).ok(),
            _ => None,
        });
        let obligation = |obligation: &xacml::Obligation| ObligationDto {
            id: obligation.id.clone(),
            attributes: obligation
                .attributes
                .iter()
                .map(|attribute| ObligationAttribute {
                    id: attribute.id.clone(),
                    category: attribute.category.clone(),
                    value: attribute.value.to_string(),
                })
                .collect(),
        };
        DecisionDto {
            resource: self.resource.clone(),
            action: self.action.clone(),
            party: self.party.clone(),
            decision: evaluation.decision.name(),
            message: evaluation.status.message(),
            minimum_authentication_level: level.max().filter(|_| evaluation.decision == Decision::Permit),
            obligations: evaluation.obligations.iter().map(|of| obligation(of)).collect(),
            explanation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_and_parties_have_short_forms() {
        let id = "5a1c2f7e-0b3d-4c48-9e6a-7d2b90f41c33";
        let subject = |text| attribute(text, SYSTEM_USER, SYSTEM_USER, &SUBJECT_FORMS);
        assert_eq!(subject(id), Some((SYSTEM_USER, id)));
        assert_eq!(subject("urn:altinn:userid:7"), Some((USER_ID, "7")));
        assert_eq!(subject("urn:altinn:org:skd"), Some((ORG, "skd")));
        assert_eq!(subject("urn:altinn:rolecode:dagl"), None);
        let party = |text| attribute(text, PARTY_UUID, ORG_NUMBER, &PARTY_FORMS);
        assert_eq!(party(" 310904473"), Some((ORG_NUMBER, "310904473")));
        assert_eq!(party("urn:altinn:partyid:5"), Some((PARTY_ID, "5")));
        assert_eq!(party(""), None);
    }
}
