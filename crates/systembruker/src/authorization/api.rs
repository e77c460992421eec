//! The decision point over HTTP.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request as HttpRequest, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use store::ChangeContext;
use utoipa::ToSchema;
use xacml::{AttributeCategory, Decision, Evaluation, Obligation, Request, RequestDocument, Status, Value, request};

use super::attributes::{NATIONAL_ID, RESOURCE};
use super::journal::Asker;
use super::rules::{self, Allowed, Decided, Inputs};
use crate::access::naming::named_party;
use crate::app::App;
use crate::http::caller::scope::Authorize;
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, JsonText, body};
use crate::http::problem::ApiError;
use crate::http::request_id;
use crate::resource_registry::rights::TypedValue;

/// The scope that opens every owner's resources. Decisions made with it are always journalled.
const ADMIN_SCOPE: &str = "altinn:authorization/authorize.admin";

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
    /// Of several decisions, the ids of the categories that this one is about. An addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_reference: Option<Vec<String>>,
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
/// everything but an explicit `Permit` is a refusal. Up to 500 decisions can be asked for with `MultiRequests`; each
/// has its own result, in order, with the ids that it is about in `requestReference`.
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
    caller: Scoped<Authorize>,
    JsonText(document): JsonText,
) -> Result<Json<DecisionResponse>, ApiError> {
    let document = match request::json::parse(document) {
        Ok(document) => document,
        Err(error) if matches!(error.kind, request::RequestErrorKind::Document(_)) => {
            return Err(ApiError::member("$", format!("The body is not JSON: {error}.")));
        }
        Err(error) if error.kind.is_shape() => return Err(ApiError::member("Request", format!("{error}."))),
        Err(error) => return Ok(Json(refused(Status::ProcessingError(error.to_string())))),
    };
    let point = Point { allowed: allowed(&app, &caller), is_internal: false };
    let decided = match point.decide(&app, &document) {
        Ok(decided) => decided,
        Err(message) => return Ok(Json(refused(Status::ProcessingError(message)))),
    };
    app.journal.note(&asker(&caller), &decided, &app.random, app.clock.now()).await;
    Ok(Json(answer(&document, decided)))
}

/// What a caller may ask about: in real installations the resources that its organisation owns.
pub fn allowed(app: &App, caller: &Caller) -> Allowed {
    if app.decisions.owners_only && !caller.has_scope(ADMIN_SCOPE) {
        Allowed::OwnedBy(caller.org)
    } else {
        Allowed::Everything
    }
}

/// How a caller stands in the journal.
pub fn asker(caller: &Caller) -> Asker {
    let ChangeContext { actor, client_id, request_id, .. } = caller.context();
    let is_admin = caller.has_scope(ADMIN_SCOPE);
    Asker { actor, client_id, request_id: request_id.unwrap_or_default(), is_admin }
}

/// Asks for a decision, inside the platform
///
/// As `authorize`, but with XML too (the request's media type says which), and with a key of the platform's own instead
/// of a token: in `Ocp-Apim-Subscription-Key`, in real installations. Answers 200 with `Indeterminate` whatever is
/// wrong with the request.
#[utoipa::path(
    post,
    path = "/authorization/api/v1/decision",
    tag = "Decision point",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 200, description = "The decision, one for each request", body = DecisionResponse),
        (status = 401, description = "The key is missing or another"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body says no media type"))
)]
pub async fn decision(
    State(app): State<Arc<App>>,
    _caller: InternalCaller,
    request: HttpRequest,
) -> Result<Response, ApiError> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.trim().is_empty() {
        let detail = "Send the request as Content-Type: application/json or application/xml.".to_owned();
        return Err(ApiError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(detail)));
    }
    let is_json = media_type.to_ascii_lowercase().contains("application/json");
    let body = body(request, &app).await?;
    let document = if is_json { read_json(&body) } else { read_xml(&body) };
    let point = Point { allowed: Allowed::Everything, is_internal: true };
    let decided = document.and_then(|document| point.decide(&app, &document).map(|decided| (document, decided)));
    let (document, decided) = match decided {
        Ok(decided) => decided,
        Err(message) => {
            let evaluation = Evaluation::indeterminate(Status::SyntaxError(message));
            return Ok(if is_json {
                Json(DecisionResponse { response: vec![result(evaluation)] }).into_response()
            } else {
                xml(&[evaluation])
            });
        }
    };
    let request_id = request_id::current();
    let asker = Asker { actor: "platform".into(), client_id: None, request_id, is_admin: false };
    app.journal.note(&asker, &decided, &app.random, app.clock.now()).await;
    if is_json {
        return Ok(Json(answer(&document, decided)).into_response());
    }
    Ok(xml(&decided.into_iter().map(|(_, decided)| decided.evaluation).collect::<Vec<_>>()))
}

/// Whether a party may use a resource at all.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AccessListQuestion {
    /// The party, by an attribute that names one.
    subject: TypedValue,
    /// The resource: `urn:altinn:resource`.
    resource: TypedValue,
    /// The action.
    action: TypedValue,
}

/// The question with its answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessListAnswer {
    #[serde(flatten)]
    question: AccessListQuestion,
    /// `Authorized`, `NotAuthorized`, or `NotDetermined` where the party or the resource is not known.
    result: &'static str,
}

/// Asks whether access lists let a party use a resource, inside the platform
#[utoipa::path(
    post,
    path = "/authorization/api/v1/accesslist/accessmanagement/authorization",
    tag = "Decision point",
    request_body = AccessListQuestion,
    responses((status = 200, description = "The question with its answer", body = AccessListAnswer),
        (status = 400, description = "The body cannot be read"),
        (status = 401, description = "The key is missing or another"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn access_list_authorization(
    State(app): State<Arc<App>>,
    _caller: InternalCaller,
    Json(question): Json<AccessListQuestion>,
) -> Result<Json<AccessListAnswer>, ApiError> {
    let AccessListQuestion { subject, resource, action } = &question;
    let entry = app.model.resource(&resource.value).filter(|_| resource.id == RESOURCE);
    let party = named_party(&app.model.parties_now(), &app.vault, &subject.id, &subject.value).ok();
    let result = match (entry, party) {
        (Some(entry), Some(_)) if !entry.resource.access_lists_only => "Authorized",
        (Some(entry), Some(party)) => {
            let opened = rules::opened_actions(&app.model, &entry.resource, party.uuid());
            if opened.allow(Some(&action.value)) { "Authorized" } else { "NotAuthorized" }
        }
        _ => "NotDetermined",
    };
    Ok(Json(AccessListAnswer { question, result }))
}

/// A component of the platform: who it is comes before what it asks.
#[derive(Debug)]
pub struct InternalCaller;

impl FromRequestParts<Arc<App>> for InternalCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        check_internal_key(app, &parts.headers).map(|()| Self)
    }
}

/// Whether the key of the platform's own is set, and was sent.
pub fn has_internal_key(app: &App, headers: &HeaderMap) -> bool {
    app.decisions.internal_key.is_some() && check_internal_key(app, headers).is_ok()
}

/// Anyone may ask in a sandbox; in real installations, those who have the key.
fn check_internal_key(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(expected) = &app.decisions.internal_key else {
        return if app.sandbox.is_some() { Ok(()) } else { Err(ApiError::not_found()) };
    };
    let given = headers.get("ocp-apim-subscription-key").map(HeaderValue::as_bytes).unwrap_or_default();
    let expected = expected.expose_secret().as_bytes();
    let is_equal = aws_lc_rs::constant_time::verify_slices_are_equal(expected, given).is_ok();
    if is_equal { Ok(()) } else { Err(ApiError::Bare(StatusCode::UNAUTHORIZED)) }
}

fn read_json(body: &[u8]) -> Result<RequestDocument, String> {
    request::json::parse(body).map_err(|error| error.to_string())
}

fn read_xml(body: &[u8]) -> Result<RequestDocument, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned())?;
    let document = request::xml::parse(text).map_err(|error| error.to_string())?;
    if document.combined_decision {
        return Err("CombinedDecision is not supported".to_owned());
    }
    Ok(document)
}

fn xml(evaluations: &[Evaluation]) -> Response {
    ([(CONTENT_TYPE, "application/xml; charset=utf-8")], xacml::response::to_xml(evaluations)).into_response()
}

/// Which of the two decision points is asked.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// What the caller may ask about.
    pub allowed: Allowed,
    /// Components of the platform name no national identity numbers, and every fault of theirs is one of syntax.
    pub is_internal: bool,
}

impl Point {
    /// Decides all of them on the same state, and again if that changed meanwhile; or why nothing can be asked.
    pub fn decide(self, app: &App, document: &RequestDocument) -> Result<Vec<(Request, Decided)>, String> {
        let requests = rules::individual(document)?;
        if self.is_internal && requests.iter().any(names_a_person_by_number) {
            return Err(format!("{NATIONAL_ID} is not accepted here"));
        }
        let now = app.clock.now();
        let (mut decided, _) = app.model.consistent(|model| {
            let inputs = Inputs { model, vault: &app.vault, now, allowed: self.allowed };
            requests.iter().map(|request| rules::decide(&inputs, request)).collect::<Vec<_>>()
        });
        for Decided { evaluation, .. } in decided.iter_mut().filter(|_| self.is_internal) {
            if let Status::ProcessingError(message) = &mut evaluation.status {
                evaluation.status = Status::SyntaxError(std::mem::take(message));
            }
        }
        Ok(requests.into_iter().zip(decided).collect())
    }
}

fn names_a_person_by_number(request: &Request) -> bool {
    request.categories.iter().flat_map(|group| &group.attributes).any(|attribute| attribute.id == *NATIONAL_ID)
}

/// The results in order, each with the reference that it answers where there are several.
pub fn answer(document: &RequestDocument, decided: Vec<(Request, Decided)>) -> DecisionResponse {
    let references = (decided.len() > 1).then_some(&document.references);
    let mut references = references.into_iter().flatten();
    let response = decided.into_iter().map(|(_, decided)| DecisionResult {
        request_reference: references.next().cloned(),
        ..result(decided.evaluation)
    });
    DecisionResponse { response: response.collect() }
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
        request_reference: None,
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
