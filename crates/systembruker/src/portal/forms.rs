//! Posted forms.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::pages::{Message, Page};
use crate::app::App;
use crate::http::extract::body;
use crate::http::problem::ApiError;
use crate::http::request_id::hex;
use crate::login::sessions::LoggedIn;

/// The most fields of a form: a page of clients, with room to spare.
const MAX_FIELDS: usize = 500;

/// A posted form.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// A field; empty where it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }

    /// All fields of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is a field of this name with something in it.
    pub fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// What a page showed, for the journal, if it is what the form's page showed.
    ///
    /// # Errors
    /// 412 where it showed something else.
    pub fn require_shown(&self, hash: String, language: &str) -> Result<Value, ApiError> {
        if hash != self.get("shown") {
            return Err(ApiError::Status(StatusCode::PRECONDITION_FAILED, None));
        }
        Ok(shown(&hash, language))
    }

    /// What the form's page showed, for the journal, with whether that is what it would show now.
    pub fn shown_then(&self, hash: &str, language: &str) -> Value {
        let is_hash = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let then = Some(self.get("shown")).filter(is_hash).unwrap_or_default();
        let Value::Object(mut shown) = shown(then, language) else { return Value::Null };
        shown.insert("isCurrent".to_owned(), (then == hash).into());
        Value::Object(shown)
    }

    /// What shows that the form is ours.
    pub fn csrf(&self) -> &str {
        self.get("csrf")
    }
}

/// A hash of what a page shows: SHA-256, in hex.
pub fn hash_of(what: &Value) -> String {
    hex(digest(&SHA256, what.to_string().as_bytes()).as_ref())
}

/// What a page showed, for the journal: its hash, in which language, by which version of the program.
fn shown(hash: &str, language: &str) -> Value {
    json!({"sha256": hash, "language": language, "version": env!("CARGO_PKG_VERSION")})
}

/// Reads a form.
pub async fn read_form(app: &Arc<App>, request: Request) -> Result<Form, Response> {
    let bytes = body(request, app).await.map_err(ApiError::into_response)?;
    Ok(Form(url::form_urlencoded::parse(&bytes).into_owned().take(MAX_FIELDS).collect()))
}

/// Reads a form of one of our own pages, as the person who posts it was shown it; and the page around the answer.
pub async fn own_form(app: &Arc<App>, session: &LoggedIn, request: Request) -> Result<(Page, Form), Response> {
    let page = Page::of(app, request.headers(), session);
    let page = page.for_request(request.method(), request.uri(), request.headers());
    let form = read_form(app, request).await?;
    if session.is_own_form(app, form.csrf()) { Ok((page, form)) } else { Err(page.message(Message::ForeignForm)) }
}

/// An API's refusal, which becomes a page on its way out.
pub fn failed(error: impl Into<ApiError>) -> Response {
    error.into().into_response()
}
