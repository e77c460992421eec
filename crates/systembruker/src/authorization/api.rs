//! The decision point over HTTP.

use std::sync::Arc;

use axum::extract::{Request as HttpRequest, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::Value as JsonValue;
use utoipa::ToSchema;
use xacml::{AttributeCategory, Decision, Evaluation, Obligation, RequestDocument, Status, Value, request};

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
    category_id: String,
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
    match request::json::read(&document) {
        Ok(document) => Ok(Json(decide(&app, &document, Status::ProcessingError))),
        Err(error) if error.kind.is_shape() => Err(ApiError::member("Request", format!("{error}."))),
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
    let document = serde_json::from_slice(&body)
        .map_err(|error| format!("the body is not JSON: {error}"))
        .and_then(|document: JsonValue| request::json::read(&document).map_err(|error| error.to_string()));
    Ok(match document {
        Ok(document) => Json(decide(&app, &document, Status::SyntaxError)).into_response(),
        Err(message) => Json(refused(Status::SyntaxError(message))).into_response(),
    })
}

/// Decides all of them on the same state, and again if that changed meanwhile. What cannot be asked is a status.
fn decide(app: &App, document: &RequestDocument, cannot_be_asked: fn(String) -> Status) -> DecisionResponse {
    let requests = match rules::individual(document) {
        Ok(requests) => requests,
        Err(message) => return refused(cannot_be_asked(message)),
    };
    let now = app.clock.now();
    let (evaluations, _) = app
        .model
        .consistent(|model| requests.iter().map(|request| rules::decide(model, request, now)).collect::<Vec<_>>());
    DecisionResponse { response: evaluations.into_iter().map(result).collect() }
}

fn refused(status: Status) -> DecisionResponse {
    DecisionResponse { response: vec![result(Evaluation::indeterminate(status))] }
}

fn result(evaluation: Evaluation) -> DecisionResult {
    let decided = matches!(evaluation.decision, Decision::Permit | Decision::Deny);
    let non_empty = |items: &[Arc<Obligation>]| {
        (!items.is_empty()).then(|| items.iter().map(|item| ObligationDto::from(&**item)).collect::<Vec<_>>())
    };
    DecisionResult {
        decision: evaluation.decision.name(),
        status: DecisionStatus {
            status_message: evaluation.status.message(),
            status_details: None,
            status_code: StatusCodeDto { value: evaluation.status.code(), status_code: None },
        },
        obligations: non_empty(&evaluation.obligations),
        associate_advice: non_empty(&evaluation.advice),
        category: decided.then(|| echo(&evaluation.attributes)).filter(|categories| !categories.is_empty()),
        policy_identifier_list: None,
    }
}

impl From<&Obligation> for ObligationDto {
    fn from(obligation: &Obligation) -> Self {
        let assignments = obligation.attributes.iter().map(|attribute| AssignmentDto {
            attribute_id: attribute.id.clone(),
            data_type: attribute.value.data_type().uri(),
            value: attribute.value.to_string(),
            category: attribute.category.clone(),
            issuer: attribute.issuer.clone(),
        });
        Self { id: obligation.id.clone(), attribute_assignment: assignments.collect() }
    }
}

/// The attributes that the request wanted to see again, a value each.
fn echo(groups: &[AttributeCategory]) -> Vec<CategoryDto> {
    let mut categories: Vec<CategoryDto> = Vec::new();
    for group in groups {
        let one = |id: &str, issuer: &Option<String>, value: &Value| AttributeDto {
            attribute_id: id.to_owned(),
            value: value.to_string(),
            issuer: issuer.clone(),
            data_type: value.data_type().uri(),
            include_in_result: false,
        };
        let attributes = group.attributes.iter();
        let values = attributes.flat_map(|of| of.values.iter().map(|value| one(&of.id, &of.issuer, value)));
        match categories.iter_mut().find(|known| group.category == *known.category_id) {
            Some(known) => known.attribute.extend(values),
            None => categories.push(CategoryDto {
                category_id: group.category.to_string(),
                id: None,
                content: None,
                attribute: values.collect(),
            }),
        }
    }
    categories
}
