//! Posted forms.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};

use super::pages::{Message, Page};
use crate::app::App;
use crate::http::extract::body;
use crate::http::problem::ApiError;
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

    /// What shows that the form is ours.
    pub fn csrf(&self) -> &str {
        self.get("csrf")
    }
}

/// Reads a form.
pub async fn read_form(app: &Arc<App>, request: Request) -> Result<Form, Response> {
    let bytes = body(request, app).await.map_err(ApiError::into_response)?;
    Ok(Form(url::form_urlencoded::parse(&bytes).into_owned().take(MAX_FIELDS).collect()))
}

/// Reads a form of one of our own pages, as the person who posts it was shown it; and the page around the answer.
pub async fn own_form(app: &Arc<App>, session: &LoggedIn, request: Request) -> Result<(Page, Form), Response> {
    let page = Page::of(app, request.headers(), session);
    let form = read_form(app, request).await?;
    if session.is_own_form(app, form.csrf()) { Ok((page, form)) } else { Err(page.message(Message::ForeignForm)) }
}

/// An API's refusal, which becomes a page on its way out.
pub fn failed(error: impl Into<ApiError>) -> Response {
    error.into().into_response()
}
