//! Extractors that answer a problem where axum's own answer plain text.

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::any_case::AnyCase;
use super::problem::ApiError;
use super::query;

/// A JSON body. Read with member names in any case; a body that cannot be read is a refusal that says where and why.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        read_json(&json_body(request, state).await?).map(Self)
    }
}

/// A body that is said to be JSON, for those who read it themselves.
#[derive(Debug, Clone)]
pub struct JsonText(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        json_body(request, state).await.map(Self)
    }
}

async fn json_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    if !is_json(request.headers()) {
        let detail = "Send the body as Content-Type: application/json.".to_owned();
        return Err(ApiError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(detail)));
    }
    body(request, state).await
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response(),
            Err(error) => ApiError::Internal(error.to_string()).into_response(),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The whole body, within the limit that stands for the route.
pub async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let status = rejection.status();
        let detail = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "The body is too large.",
            _ => "The body could not be read to its end.",
        };
        ApiError::Status(status, Some(detail.to_owned()))
    })
}

/// Reads JSON with member names in any case.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let value = serde_json::from_slice(body)
        .map_err(|error| ApiError::member("$", format!("The body is not JSON: {error}.")))?;
    serde_path_to_error::deserialize(AnyCase(value)).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => "$".to_owned(),
            path => path,
        };
        ApiError::member(path, without_long_numbers(&format!("{}.", error.inner())))
    })
}

/// A message without numbers so long that one could be a national identity number.
pub fn without_long_numbers(message: &str) -> String {
    const LONG: usize = 11;
    let mut cleaned = String::with_capacity(message.len());
    let mut digits = String::new();
    for character in message.chars().map(Some).chain([None]) {
        match character {
            Some(digit) if digit.is_ascii_digit() => digits.push(digit),
            other => {
                cleaned.push_str(if digits.len() >= LONG { "…" } else { &digits });
                digits.clear();
                cleaned.extend(other);
            }
        }
    }
    cleaned
}

/// As in JSON, the character U+0000 is in no text.
fn without_nul(member: &str, encoded: &str) -> Result<(), ApiError> {
    if encoded.contains("%00") {
        return Err(ApiError::member(member, "the character U+0000 is not accepted".to_owned()));
    }
    Ok(())
}

/// Parameters of the path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    #[expect(clippy::disallowed_types, reason = "this wraps it")]
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        without_nul("path", parts.uri.path())?;
        let rejection = match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => return Ok(Self(value)),
            Err(rejection) => rejection,
        };
        let parameters = RawPathParams::from_request_parts(parts, state).await.ok();
        let named = |index: usize| Some(parameters.as_ref()?.iter().nth(index)?.0.to_owned());
        let name = match &rejection {
            PathRejection::FailedToDeserializePathParams(failed) => match failed.kind() {
                ErrorKind::ParseErrorAtIndex { index, .. } => named(*index),
                ErrorKind::ParseErrorAtKey { key, .. } => Some(key.clone()),
                ErrorKind::ParseError { .. } | ErrorKind::Message(_) => named(0),
                _ => None,
            },
            _ => None,
        };
        Err(ApiError::member(name.unwrap_or_else(|| "path".to_owned()), without_long_numbers(&rejection.body_text())))
    }
}

/// Parameters of the query.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        without_nul("query", query)?;
        let value = query::read(query).map_err(|error| {
            ApiError::member(error.parameter.unwrap_or_else(|| "query".to_owned()), without_long_numbers(&error.text))
        });
        Ok(Self(value?))
    }
}
