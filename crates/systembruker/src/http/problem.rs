//! How APIs refuse: the shapes of the platform's problem documents (RFC 9457).
//!
//! Each shape is a variant of [`ApiError`]. The text for the caller is in it; the internal cause is not, it goes to the
//! log when the answer is made.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use model::problem::validation::ValidationCode;
use model::problem::{ProblemCode, VALIDATION};
use serde_json::{Map, Value, json};
use store::StoreError;

use super::request_id;

/// When to try again after a passing fault.
const RETRY: Duration = Duration::from_secs(2);

/// A refusal of a platform API.
#[derive(Debug)]
pub enum ApiError {
    /// A row of the table of problem codes, with extension members.
    Problem(ProblemCode, Vec<(&'static str, String)>),
    /// Bad values in a system registration, all at once.
    Validation(Vec<ValidationError>),
    /// A body, path or query that cannot be read: what is wrong, by member.
    ModelState(BTreeMap<String, Vec<String>>),
    /// A status with a word of explanation and no code.
    Status(StatusCode, Option<String>),
    /// A status and nothing else: no token, or one that may not.
    Bare(StatusCode),
    /// A status and plain text.
    Text(StatusCode, String),
    /// Something that cannot be reached now. The cause is logged.
    Unavailable(String),
    /// A fault of ours. The cause is logged.
    Internal(String),
}

/// A row of `validationErrors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    /// Which row of the table.
    pub code: ValidationCode,
    /// What exactly, as a member of the name that the wire has for it.
    pub extension: Option<(&'static str, String)>,
}

impl From<ValidationCode> for ValidationError {
    fn from(code: ValidationCode) -> Self {
        Self { code, extension: None }
    }
}

impl From<ProblemCode> for ApiError {
    fn from(code: ProblemCode) -> Self {
        Self::Problem(code, vec![])
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Database(_) | StoreError::TakenOver => Self::Unavailable(error.to_string()),
            StoreError::Duplicate(_) | StoreError::Inconsistent(_) => Self::Internal(error.to_string()),
        }
    }
}

impl ApiError {
    /// One member that cannot be read.
    pub fn member(name: impl Into<String>, wrong: impl Into<String>) -> Self {
        Self::ModelState(BTreeMap::from([(name.into(), vec![wrong.into()])]))
    }

    /// Not found, without a code.
    pub fn not_found() -> Self {
        Self::Status(StatusCode::NOT_FOUND, None)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(code, extensions) => problem(code, extensions),
            Self::Validation(errors) => validation(errors),
            Self::ModelState(errors) => {
                let extra = Map::from_iter([("errors".to_owned(), json!(errors))]);
                framework(StatusCode::BAD_REQUEST, "One or more values cannot be read.", None, extra)
            }
            Self::Status(status, detail) => {
                framework(status, status.canonical_reason().unwrap_or_default(), detail, Map::new())
            }
            Self::Bare(status) => status.into_response(),
            Self::Text(status, text) => (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
            Self::Unavailable(cause) => {
                tracing::warn!(cause, "a request could not be answered now");
                let detail = Some("The service cannot answer right now. Try again shortly.".to_owned());
                let mut response =
                    framework(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", detail, Map::new());
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY.as_secs()));
                response
            }
            Self::Internal(cause) => {
                tracing::error!(cause, "a request failed");
                let detail = Some("Something failed on our side. Say the trace id when you report it.".to_owned());
                framework(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", detail, Map::new())
            }
        }
    }
}

fn problem(code: ProblemCode, extensions: Vec<(&'static str, String)>) -> Response {
    let extensions = extensions.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    coded(code, extensions.collect())
}

fn validation(errors: Vec<ValidationError>) -> Response {
    let entry = |error: ValidationError| {
        let mut entry = json!({"code": error.code.code, "title": error.code.title, "paths": [error.code.path]});
        if let (Some((name, value)), Some(members)) = (error.extension, entry.as_object_mut()) {
            members.insert(name.to_owned(), value.into());
        }
        entry
    };
    let errors: Vec<Value> = errors.into_iter().map(entry).collect();
    coded(VALIDATION, Map::from_iter([("validationErrors".to_owned(), errors.into())]))
}

/// A problem with a code. Its text is the title: clients in use show it.
fn coded(code: ProblemCode, extensions: Map<String, Value>) -> Response {
    let status = StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut body = json!({
        "type": format!("urn:altinn:error:{}", code.code),
        "title": code.title,
        "status": code.status,
        "code": code.code,
        "traceId": request_id::trace_parent(),
        "statusDescription": status.canonical_reason(),
    });
    if let Some(members) = body.as_object_mut() {
        members.extend(extensions);
    }
    document(status, &body)
}

/// A problem without a code, of the kind that frameworks answer.
fn framework(status: StatusCode, title: &str, detail: Option<String>, extensions: Map<String, Value>) -> Response {
    let section = match status.as_u16() {
        400 => "15.5.1",
        401 => "15.5.2",
        403 => "15.5.4",
        408 => "15.5.9",
        410 => "15.5.11",
        412 => "15.5.13",
        421 => "15.5.20",
        404 => "15.5.5",
        405 => "15.5.6",
        409 => "15.5.10",
        413 => "15.5.14",
        415 => "15.5.16",
        500 => "15.6.1",
        503 => "15.6.4",
        _ => "15",
    };
    let of_type = match status {
        // RFC 9110 does not have it.
        StatusCode::TOO_MANY_REQUESTS => "https://tools.ietf.org/html/rfc6585#section-4".to_owned(),
        _ => format!("https://tools.ietf.org/html/rfc9110#section-{section}"),
    };
    let mut body = json!({
        "type": of_type,
        "title": title,
        "status": status.as_u16(),
        "traceId": request_id::trace_parent(),
    });
    if let Some(members) = body.as_object_mut() {
        members.extend(detail.map(|detail| ("detail".to_owned(), detail.into())));
        members.extend(extensions);
    }
    document(status, &body)
}

fn document(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
