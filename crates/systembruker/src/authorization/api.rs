//! The decision point over HTTP.

use std::sync::Arc;

use axum::extract::{Request as HttpRequest, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::Value as JsonValue;
use utoipa::ToSchema;
use xacml::json::parse_request;
use xacml::{Decision, Evaluation, Obligation, Request, Status, category};

use super::rules;
use crate::app::App;
use crate::http::caller::Scoped;
use crate::http::caller::scope::Authorize;
use crate::http::extract::{Json, body};
use crate::http::problem::ApiError;

/// The answer, in camel case with explicit nulls as clients in use expect it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionResponse {
    response: Vec<DecisionResult>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DecisionResult {
    /// `Permit`, `Deny`, `NotApplicable` or `Indeterminate`.
    decision: &'static str,
    status: DecisionStatus,
    obligations: Option<Vec<ObligationDto>>,
    associate_advice: Option<Vec<ObligationDto>>,
    category: Option<Vec<CategoryDto>>,
    policy_identifier_list: Option<Vec<String>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DecisionStatus {
    status_message: Option<String>,
    status_details: Option<Vec<String>>,
    status_code: StatusCodeDto,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StatusCodeDto {
    value: &'static str,
    status_code: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ObligationDto {
    id: String,
    attribute_assignment: Vec<AssignmentDto>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssignmentDto {
    attribute_id: String,
    value: String,
    category: Option<String>,
    data_type: &'static str,
    issuer: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CategoryDto {
    category_id: &'static str,
    id: Option<String>,
    content: Option<String>,
    attribute: Vec<AttributeDto>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttributeDto {
    attribute_id: String,
    value: String,
    issuer: Option<String>,
    data_type: &'static str,
    include_in_result: bool,
}

/// Asks for a decision
///
/// Takes a request in the JSON profile of XACML 3.0, member names in any case. Answers 200 for every decision;
/// everything but an explicit `Permit` is a refusal.
#[utoipa::path(
    post,
    path = "/authorization/api/v1/authorize",
    tag = "Decision point",
    request_body = serde_json::Value,
    responses(
        (status = 200, description = "The decision, one for each request", body = DecisionResponse),
        (status = 400, description = "The body is not a request"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks altinn:authorization/authorize"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub async fn authorize(
    State(app): State<Arc<App>>,
    _caller: Scoped<Authorize>,
    Json(document): Json<JsonValue>,
) -> Result<Json<DecisionResponse>, ApiError> {
    match parse_request(&document) {
        Ok(requests) => Ok(Json(decide(&app, &requests))),
        Err(error) if error.is_shape() => Err(ApiError::member("Request", format!("{error}."))),
        Err(error) => Ok(Json(refused(Status::ProcessingError(error.to_string())))),
    }
}

/// Asks for a decision, inside the platform
///
/// As `authorize`, without a token. Answers 200 with `Indeterminate` whatever is wrong with the request.
#[utoipa::path(
    post,
    path = "/authorization/api/v1/decision",
    tag = "Decision point",
    request_body = serde_json::Value,
    responses((status = 200, description = "The decision, one for each request", body = DecisionResponse),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn decision(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Response, ApiError> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().contains("application/json") {
        let detail = "Send the request as Content-Type: application/json.".to_owned();
        return Err(ApiError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(detail)));
    }
    let body = body(request, &app).await?;
    let requests = serde_json::from_slice(&body)
        .map_err(|error| format!("the body is not JSON: {error}"))
        .and_then(|document: JsonValue| parse_request(&document).map_err(|error| error.to_string()));
    Ok(match requests {
        Ok(requests) => Json(decide(&app, &requests)).into_response(),
        Err(message) => Json(refused(Status::SyntaxError(message))).into_response(),
    })
}

/// Decides all of them on the same state, and again if that changed meanwhile.
fn decide(app: &App, requests: &[Request]) -> DecisionResponse {
    let (evaluations, _) =
        app.model.consistent(|model| requests.iter().map(|request| rules::decide(model, request)).collect::<Vec<_>>());
    let results = evaluations.into_iter().zip(requests).map(|(evaluation, request)| result(evaluation, request));
    DecisionResponse { response: results.collect() }
}

fn refused(status: Status) -> DecisionResponse {
    DecisionResponse { response: vec![result(Evaluation::indeterminate(status), &Request::default())] }
}

fn result(evaluation: Evaluation, request: &Request) -> DecisionResult {
    let decision = match evaluation.decision {
        Decision::Permit => "Permit",
        Decision::Deny => "Deny",
        Decision::NotApplicable => "NotApplicable",
        Decision::Indeterminate(_) => "Indeterminate",
    };
    let decided = matches!(evaluation.decision, Decision::Permit | Decision::Deny);
    let non_empty = |items: Vec<Obligation>| {
        (!items.is_empty()).then(|| items.into_iter().map(ObligationDto::from).collect::<Vec<_>>())
    };
    DecisionResult {
        decision,
        status: DecisionStatus {
            status_message: evaluation.status.message(),
            status_details: None,
            status_code: StatusCodeDto { value: evaluation.status.code(), status_code: None },
        },
        obligations: non_empty(evaluation.obligations),
        associate_advice: non_empty(evaluation.advice),
        category: decided.then(|| echo(request)).filter(|categories| !categories.is_empty()),
        policy_identifier_list: None,
    }
}

impl From<Obligation> for ObligationDto {
    fn from(obligation: Obligation) -> Self {
        let assignments = obligation.attributes.into_iter().map(|attribute| AssignmentDto {
            attribute_id: attribute.id,
            data_type: attribute.value.data_type().uri(),
            value: attribute.value.to_string(),
            category: attribute.category,
            issuer: attribute.issuer,
        });
        Self { id: obligation.id, attribute_assignment: assignments.collect() }
    }
}

/// The attributes that the request wanted to see again.
fn echo(request: &Request) -> Vec<CategoryDto> {
    [category::ACCESS_SUBJECT, category::RESOURCE, category::ACTION, category::ENVIRONMENT]
        .into_iter()
        .filter_map(|category_id| {
            let wanted = request
                .attributes
                .iter()
                .filter(|attribute| attribute.include_in_result && attribute.category == category_id);
            let attribute: Vec<_> = wanted
                .map(|attribute| AttributeDto {
                    attribute_id: attribute.id.clone(),
                    value: attribute.value.to_string(),
                    issuer: attribute.issuer.clone(),
                    data_type: attribute.value.data_type().uri(),
                    include_in_result: false,
                })
                .collect();
            (!attribute.is_empty()).then_some(CategoryDto { category_id, id: None, content: None, attribute })
        })
        .collect()
}
