//! Clients and scopes, as in Digdir's self-service APIs under `/api/v1`.
//!
//! An organisation administers what is its own with tokens of this very service. [`clients`] and [`keys`] are what its
//! software authenticates as; [`scopes`] are what it offers to others, and [`access`] who may use them. What may be
//! registered is said by [`rules`], which the command line follows too. Nothing is ever deleted: what is deactivated is
//! kept, and posting it again is a conflict.

pub mod access;
pub mod clients;
pub mod keys;
pub mod rules;
pub mod scopes;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::StoreError;

use crate::http::extract;
use crate::http::problem::ApiError;

/// A refusal of the administration: `{"errors":[{"errorMessage":"…"}]}`.
#[derive(Debug)]
pub enum AdminError {
    /// What the caller did wrong, all of it.
    Refused(StatusCode, Vec<String>),
    /// Anything else.
    Other(ApiError),
}

impl AdminError {
    fn bad(messages: Vec<String>) -> Self {
        Self::Refused(StatusCode::BAD_REQUEST, messages)
    }

    fn conflict(message: String) -> Self {
        Self::Refused(StatusCode::CONFLICT, vec![message])
    }

    fn not_found(what: &str) -> Self {
        Self::Refused(StatusCode::NOT_FOUND, vec![format!("There is no such {what} among yours.")])
    }
}

impl From<ApiError> for AdminError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::ModelState(members) => {
                let messages = members
                    .into_iter()
                    .flat_map(|(member, wrong)| wrong.into_iter().map(move |wrong| format!("{member}: {wrong}")));
                Self::bad(messages.collect())
            }
            ApiError::Status(status, Some(detail)) => Self::Refused(status, vec![detail]),
            other => Self::Other(other),
        }
    }
}

/// A JSON body; one that cannot be read is refused in the shape of this room.
#[derive(Debug, Clone, Copy)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = AdminError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AdminError> {
        let extract::Json(value) = extract::Json::from_request(request, state).await?;
        Ok(Self(value))
    }
}

/// Parameters of the query, likewise.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        let extract::Query(value) = extract::Query::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(status, messages) => {
                let errors: Vec<Value> = messages.into_iter().map(|message| json!({"errorMessage": message})).collect();
                let headers = [(CONTENT_TYPE, "application/json; charset=utf-8")];
                (status, headers, json!({"errors": errors}).to_string()).into_response()
            }
            Self::Other(error) => error.into_response(),
        }
    }
}

/// `yyyy-MM-dd'T'HH:mm:ss.SSSXXX`, in UTC.
fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}
