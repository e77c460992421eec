//! Policies over HTTP: the documents, and what they say.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use model::problem::validation::{CHANGES_LIMIT, UPDATED_LIMIT, ValidationCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use xacml::lint::Meaning;

use super::api::{owns, still_owns};
use super::rights::{self, TypedValue};
use super::rules;
use crate::app::App;
use crate::authorization::attributes::{ORG, RESOURCE};
use crate::http::caller::Scoped;
use crate::http::caller::scope::ResourceWrite;
use crate::http::extract::{Json, Path, Query, body};
use crate::http::faces::Face;
use crate::http::language::language;
use crate::http::problem::ApiError;
use crate::read_model::ResourceEntry;

/// The most entries of a page of a feed.
const MAX_PAGE: u16 = 1_000;

/// Some of a list, and where the next are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// Where the next are.
    pub links: Links,
    /// The entries.
    pub data: Vec<T>,
}

/// Where the next entries are.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Links {
    /// The address of the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// All of a list.
    pub fn whole(data: Vec<T>) -> Self {
        Self { links: Links::default(), data }
    }
}

/// An attribute with a value, and both as one name.
#[derive(Debug, Serialize, ToSchema)]
pub struct NamedValue {
    #[serde(flatten)]
    value: TypedValue,
    urn: String,
}

impl From<TypedValue> for NamedValue {
    fn from(value: TypedValue) -> Self {
        Self { urn: value.urn(), value }
    }
}

/// Reads a resource's policy
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/{id}/policy", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    responses((status = 200, description = "The XACML document", content_type = "text/xml"),
        (status = 404, description = "No such resource, or it has no policy"))
)]
pub async fn read_policy(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let entry = app.model.resource(&id).ok_or_else(ApiError::not_found)?;
    let policy = entry.policy.as_ref().ok_or_else(ApiError::not_found)?;
    Ok(([(CONTENT_TYPE, "text/xml; charset=utf-8")], policy.document.clone()).into_response())
}

/// How a policy is meant that engines in use would decide otherwise.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MeaningQuery {
    /// `standard`: all `AnyOf` of a rule must match. `byCategory`: of those about one category, one is enough; the
    /// policy is rewritten to say so.
    #[param(value_type = Option<String>)]
    meaning: Option<MeaningName>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum MeaningName {
    Standard,
    ByCategory,
}

impl From<MeaningName> for Meaning {
    fn from(name: MeaningName) -> Self {
        match name {
            MeaningName::Standard => Self::Standard,
            MeaningName::ByCategory => Self::ByCategory,
        }
    }
}

/// Gives a resource its policy
///
/// A multipart form with the XACML document as the file `policyFile`, or the document itself as `application/xml`.
#[utoipa::path(
    post, path = "/resourceregistry/api/v1/resource/{id}/policy", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id"), MeaningQuery),
    request_body(content = String, content_type = "multipart/form-data"),
    responses((status = 201, description = "The policy counts now"),
        (status = 400, description = "The policy cannot be used; errors says why, with line and column"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the resource is another owner's"),
        (status = 404, description = "No such resource"), (status = 415, description = "Neither a form nor XML"))
)]
pub async fn post_policy(
    State(app): State<Arc<App>>,
    caller: Scoped<ResourceWrite>,
    Path(id): Path<String>,
    Query(query): Query<MeaningQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let entry = app.model.resource(&id).ok_or_else(ApiError::not_found)?;
    if !owns(&caller, &entry.resource) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let text = policy_document(&app, request).await?;
    let policy = rules::read_policy(&id, &text, query.meaning.map(Into::into))?;
    let mut tx = app.store.write(caller.context(), app.clock.now()).await?;
    still_owns(&mut tx, &caller, &id).await?;
    tx.put_policy(&id, &policy.document, &policy.subjects).await?;
    app.commit(tx).await?;
    let location = app.faces.join(Face::Platform, &format!("resourceregistry/api/v1/resource/{id}/policy"));
    Ok((StatusCode::CREATED, [(LOCATION, location)]).into_response())
}

/// Replaces a resource's policy, as `POST` does
#[utoipa::path(
    put, path = "/resourceregistry/api/v1/resource/{id}/policy", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id"), MeaningQuery),
    request_body(content = String, content_type = "multipart/form-data"),
    responses((status = 201, description = "The policy counts now"),
        (status = 400, description = "The policy cannot be used; errors says why, with line and column"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the resource is another owner's"),
        (status = 404, description = "No such resource"), (status = 415, description = "Neither a form nor XML"))
)]
pub async fn put_policy(
    app: State<Arc<App>>,
    caller: Scoped<ResourceWrite>,
    id: Path<String>,
    query: Query<MeaningQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    post_policy(app, caller, id, query, request).await
}

async fn policy_document(app: &Arc<App>, request: Request) -> Result<String, ApiError> {
    const NOT_TEXT: &str = "The document is not UTF-8.";
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    if content_type.starts_with("application/xml") || content_type.starts_with("text/xml") {
        let bytes = body(request, app).await?;
        return String::from_utf8(bytes.to_vec()).map_err(|_| ApiError::member("policyFile", NOT_TEXT));
    }
    let unsupported = || {
        let detail = "Send a multipart form with the file policyFile, or the document as application/xml.".to_owned();
        ApiError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(detail))
    };
    let mut form = Multipart::from_request(request, app).await.map_err(|_| unsupported())?;
    let unreadable = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::Status(StatusCode::PAYLOAD_TOO_LARGE, None),
        _ => ApiError::member("policyFile", "The form cannot be read."),
    };
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        if field.name().is_some_and(|name| name.eq_ignore_ascii_case("policyFile")) {
            let bytes = field.bytes().await.map_err(unreadable)?;
            return String::from_utf8(bytes.to_vec()).map_err(|_| ApiError::member("policyFile", NOT_TEXT));
        }
    }
    Err(ApiError::member("policyFile", "The file policyFile is missing."))
}

/// A resource with a policy.
fn with_policy(app: &App, id: &str) -> Result<Arc<ResourceEntry>, ApiError> {
    app.model.resource(id).filter(|entry| entry.policy.is_some()).ok_or_else(ApiError::not_found)
}

/// Lists the subjects that a policy names
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/{id}/policy/subjects", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    responses((status = 200, description = "The subjects", body = Page<NamedValue>),
        (status = 404, description = "No such resource, or it has no policy"))
)]
pub async fn policy_subjects(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Page<NamedValue>>, ApiError> {
    let entry = with_policy(&app, &id)?;
    let subjects = entry.policy.iter().flat_map(|policy| rights::subjects(&policy.policy));
    Ok(Json(Page::whole(subjects.map(Into::into).collect())))
}

/// A rule of a policy, written out.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleDto {
    subject: Vec<TypedValue>,
    action: TypedValue,
    resource: Vec<TypedValue>,
}

/// Lists a policy's rules, written out: each with one subject, resource and action
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/{id}/policy/rules", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    responses((status = 200, description = "The rules", body = [RuleDto]),
        (status = 404, description = "No such resource, or it has no policy"))
)]
pub async fn policy_rules(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Vec<RuleDto>>, ApiError> {
    let entry = with_policy(&app, &id)?;
    let combinations = entry.policy.iter().flat_map(|policy| rights::combinations(&policy.policy));
    let rule =
        |rule: rights::Combination| RuleDto { subject: rule.subject, action: rule.action, resource: rule.resource };
    Ok(Json(combinations.map(rule).collect()))
}

/// What can be done with a resource, and by whom.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RightV1Dto {
    action: TypedValue,
    resource: Vec<TypedValue>,
    subjects: Vec<SubjectDto>,
    /// The key in its older form.
    right_key: String,
    subject_types: Vec<String>,
}

/// Who may do something: all of these.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectDto {
    subject_attributes: Vec<TypedValue>,
}

/// Lists a policy's rights, with who has them
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/{id}/policy/rights", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id")),
    responses((status = 200, description = "The rights", body = [RightV1Dto]),
        (status = 404, description = "No such resource, or it has no policy"))
)]
pub async fn policy_rights_v1(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<RightV1Dto>>, ApiError> {
    let entry = with_policy(&app, &id)?;
    let right = |right: rights::Right| {
        let types = right.subjects.iter().flatten().map(|attribute| attribute.id.clone());
        let subject_types: std::collections::BTreeSet<String> = types.collect();
        RightV1Dto {
            right_key: rights::key_v1(&right.resource, &right.action),
            subject_types: subject_types.into_iter().collect(),
            subjects: right.subjects.into_iter().map(|subject| SubjectDto { subject_attributes: subject }).collect(),
            action: right.action,
            resource: right.resource,
        }
    };
    Ok(Json(entry.policy.iter().flat_map(|policy| rights::rights(&policy.policy)).map(right).collect()))
}

/// What can be done with a resource.
#[derive(Debug, Serialize, ToSchema)]
pub struct RightDto {
    /// The key.
    pub key: String,
    /// What it is called, in the language of the request.
    pub name: String,
    /// The resource.
    pub resource: Vec<TypedValue>,
    /// The action.
    pub action: TypedValue,
}

impl RightDto {
    /// A right with its name in a language.
    pub fn new(right: rights::Right, language: &str) -> Self {
        Self {
            key: rights::key(&right.resource, &right.action),
            name: rights::right_name(&right, language),
            resource: right.resource,
            action: right.action,
        }
    }
}

/// Which rights are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct RightsQuery {
    /// Whether those that only service owners have are listed.
    #[serde(default)]
    include_service_owner_rights: bool,
    /// Whether those that only apps have are listed.
    #[serde(default)]
    include_app_rights: bool,
}

/// Lists a policy's rights, with their names in the language that `Accept-Language` asks for
#[utoipa::path(
    get, path = "/resourceregistry/api/v2/resource/{id}/policy/rights", tag = "Resource registry",
    params(("id" = String, Path, description = "The resource's id"), RightsQuery),
    responses((status = 200, description = "The rights", body = [RightDto]), (status = 400, description = "A parameter cannot be read"),
        (status = 404, description = "No such resource, or it has no policy"))
)]
pub async fn policy_rights_v2(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<RightsQuery>,
    headers: HeaderMap,
) -> Result<Json<Vec<RightDto>>, ApiError> {
    let entry = with_policy(&app, &id)?;
    let only = |right: &rights::Right, id: &str| {
        let mut subjects = right.subjects.iter();
        !right.subjects.is_empty() && subjects.all(|subject| subject.iter().any(|attribute| attribute.id == id))
    };
    let is_wanted = |right: &rights::Right| {
        (query.include_service_owner_rights || !only(right, ORG))
            && (query.include_app_rights || !only(right, "urn:altinn:app"))
    };
    let rights = entry.policy.iter().flat_map(|policy| rights::rights(&policy.policy)).filter(is_wanted);
    Ok(Json(rights.map(|right| RightDto::new(right, language(&headers))).collect()))
}

/// A subject and the resources whose policies name it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubjectResources {
    subject: NamedValue,
    resources: Vec<NamedValue>,
}

/// Finds the resources whose policies name subjects
#[utoipa::path(
    post, path = "/resourceregistry/api/v1/resource/bysubjects", tag = "Resource registry", request_body = [String],
    responses((status = 200, description = "For each subject that is named, the resources", body = Page<SubjectResources>),
        (status = 400, description = "The body is no list of URNs, or a longer one than is read"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn by_subjects(
    State(app): State<Arc<App>>,
    Json(urns): Json<Vec<String>>,
) -> Result<Json<Page<SubjectResources>>, ApiError> {
    if urns.len() > usize::from(MAX_PAGE) {
        return Err(ApiError::member("$", format!("At most {MAX_PAGE} subjects can be asked for at once.")));
    }
    let mut found: BTreeMap<String, SubjectResources> = BTreeMap::new();
    let wanted: std::collections::BTreeSet<String> = urns.iter().map(|urn| urn.trim().to_lowercase()).collect();
    for entry in app.model.resources() {
        let identifier = TypedValue { id: RESOURCE.to_owned(), value: entry.resource.identifier.clone() };
        for subject in entry.policy.iter().flat_map(|policy| rights::subjects(&policy.policy)) {
            let urn = subject.urn();
            if !wanted.contains(&urn) {
                continue;
            }
            let new = || SubjectResources { subject: subject.into(), resources: vec![] };
            let resources = &mut found.entry(urn).or_insert_with(new).resources;
            if resources.last().is_none_or(|last: &NamedValue| last.value != identifier) {
                resources.push(identifier.clone().into());
            }
        }
    }
    Ok(Json(Page::whole(found.into_values().collect())))
}

/// Where in a feed to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UpdatedQuery {
    /// Only what changed at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// What the last page ended with, from its link.
    token: Option<String>,
    /// How many, 1 to 1000; 1000 unless given.
    limit: Option<u16>,
}

/// That a policy names a subject, or no longer does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdatedDto {
    subject_urn: String,
    resource_urn: String,
    updated_at: String,
    deleted: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdatedToken {
    resource_urn: String,
    subject_urn: String,
}

fn page_size(limit: Option<u16>, wrong: ValidationCode) -> Result<u16, ApiError> {
    let limit = limit.unwrap_or(MAX_PAGE);
    if (1..=MAX_PAGE).contains(&limit) { Ok(limit) } else { Err(ApiError::Validation(vec![wrong.into()])) }
}

/// Reads what a link gave along.
pub(super) fn read_token<T: serde::de::DeserializeOwned>(token: &str) -> Result<T, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('='));
    let read = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    read.ok_or_else(|| ApiError::member("token", "The token is not one from the link of a page."))
}

/// What a link gives along.
pub(super) fn write_token(token: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(token).unwrap_or_default())
}

/// Lists which subjects policies name, in the order in which that changed
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/updated", tag = "Resource registry", params(UpdatedQuery),
    responses((status = 200, description = "The changes; the link leads to the next", body = Page<UpdatedDto>),
        (status = 400, description = "A parameter cannot be read"))
)]
pub async fn updated(
    State(app): State<Arc<App>>,
    Query(query): Query<UpdatedQuery>,
) -> Result<Json<Page<UpdatedDto>>, ApiError> {
    let limit = page_size(query.limit, UPDATED_LIMIT)?;
    let token: Option<UpdatedToken> = query.token.as_deref().map(read_token).transpose()?;
    let prefix = format!("{RESOURCE}:");
    let (resource, subject) = token.map(|token| (token.resource_urn, token.subject_urn)).unwrap_or_default();
    let resource = resource.strip_prefix(&prefix).unwrap_or(&resource);
    let since = query.since.unwrap_or(Timestamp::UNIX_EPOCH);
    let changes = app.store.read().await?.subject_changes_after((since, resource, &subject), limit).await?;
    let last = changes.last().filter(|_| changes.len() == usize::from(limit));
    let next = last.map(|last| {
        let resource_urn = format!("{prefix}{}", last.identifier);
        let token = write_token(&UpdatedToken { resource_urn, subject_urn: last.subject.clone() });
        let path =
            format!("resourceregistry/api/v1/resource/updated?since={}&token={token}&limit={limit}", last.updated);
        app.faces.join(Face::Platform, &path)
    });
    let data = changes.iter().map(|change| UpdatedDto {
        subject_urn: change.subject.clone(),
        resource_urn: format!("{prefix}{}", change.identifier),
        updated_at: change.updated.to_string(),
        deleted: change.is_deleted,
    });
    Ok(Json(Page { data: data.collect(), links: Links { next } }))
}

/// Where in a feed to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// What the last page ended with, from its link.
    token: Option<String>,
    /// How many, 1 to 1000; 1000 unless given.
    limit: Option<u16>,
}

/// When a resource was changed last.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeDto {
    resource_id: String,
    changed_at: String,
}

/// Lists resources in the order of their last changes
#[utoipa::path(
    get, path = "/resourceregistry/api/v1/resource/changes", tag = "Resource registry", params(ChangesQuery),
    responses((status = 200, description = "The resources; the link leads to the next", body = Page<ChangeDto>),
        (status = 400, description = "A parameter cannot be read"))
)]
pub async fn changes(
    State(app): State<Arc<App>>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<Page<ChangeDto>>, ApiError> {
    let limit = page_size(query.limit, CHANGES_LIMIT)?;
    let after = query.token.as_deref().map(read_token).transpose()?.unwrap_or(0);
    let changes = app.store.read().await?.resource_changes_after(after, limit).await?;
    let last = changes.last().filter(|_| changes.len() == usize::from(limit));
    let next = last.map(|last| {
        let token = write_token(&last.number);
        let path = format!("resourceregistry/api/v1/resource/changes?token={token}&limit={limit}");
        app.faces.join(Face::Platform, &path)
    });
    // One that has no policy concerns nobody yet.
    let concerns = |id: &str| app.model.resource(id).is_none_or(|entry| entry.policy.is_some());
    let data = changes.into_iter().filter(|change| concerns(&change.identifier));
    let data = data.map(|change| ChangeDto { resource_id: change.identifier, changed_at: change.at.to_string() });
    Ok(Json(Page { data: data.collect(), links: Links { next } }))
}
