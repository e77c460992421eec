//! Giving a system access without having been asked, in two steps: choose the system, see what it will be able to do.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request as HttpRequest, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use model::problem::{SYSTEM_NOT_FOUND, SYSTEM_USER_EXISTS};
use model::{Organisation, RegisteredSystem};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::forms::{failed, hash_of, own_form};
use super::lists::{Search, paged, query_of};
use super::pages::{Message, Page, Visit, show};
use super::parties::{OrganisationRow, answerer, own_organisation, require, row, vendor_name};
use super::rights::{Describer, Hindrance, RightRow};
use super::texts::Quoted;
use crate::app::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::ApiError;
use crate::login::addresses::higher_login_at;
use crate::login::sessions::LoggedIn;
use crate::resource_registry::builtin::ACCESS_MANAGEMENT;
use crate::system_users::rules::{MAX_TITLE, create_whole};

/// How many systems a page has.
const PAGE: usize = 25;

/// A system to choose.
struct SystemRow {
    address: String,
    name: String,
    description: Quoted,
    vendor: String,
    vendor_number: String,
    rights: usize,
}

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub struct SystemQuery {
    #[serde(default)]
    q: String,
    page: Option<usize>,
}

#[derive(Template)]
#[template(path = "systems.html")]
struct SystemsPage {
    page: Page,
    organisation: OrganisationRow,
    systems: Vec<SystemRow>,
    query: SystemQuery,
    count: usize,
    pages: (usize, usize),
}

impl SystemsPage {
    fn at(&self, number: usize) -> String {
        query_of(&[("q", &self.query.q)], number)
    }
}

fn manager(app: &App, session: &LoggedIn, page: &Page, number: &str) -> Result<Arc<Organisation>, Response> {
    let organisation = own_organisation(app, session, page, number)?;
    require(app, session, page, &organisation, (ACCESS_MANAGEMENT, "write"))?;
    Ok(organisation)
}

/// Lists the systems that one can choose.
pub async fn choose(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path(number): Path<String>,
    Query(query): Query<SystemQuery>,
) -> Result<Response, Response> {
    let organisation = manager(&app, &session, &page, &number)?;
    let search = Search::new(&query.q);
    let language = page.language();
    let candidates = app.model.visible_systems().into_iter().filter(|system| !system.is_deleted).filter_map(|system| {
        let (name, vendor) = (system.name.get(language).to_owned(), vendor_name(&app, &system));
        let text = format!("{name} {vendor} {} {}", system.vendor, system.id);
        search.is_in(&text).then_some((name, vendor, system))
    });
    let mut found: Vec<_> = candidates.collect();
    found.sort_by_key(|(name, ..)| name.to_lowercase());
    let found = paged(found, query.page, PAGE);
    let system = |(name, vendor, system): (String, String, Arc<RegisteredSystem>)| SystemRow {
        address: address(&organisation, system.id.as_str()),
        name,
        description: Quoted::new(&system.description, language),
        vendor,
        vendor_number: system.vendor.grouped(),
        rights: system.rights.len() + system.access_packages.len(),
    };
    let view = SystemsPage {
        systems: found.rows.into_iter().map(system).collect(),
        organisation: row(&app, &organisation),
        query,
        count: found.count,
        pages: found.pages,
        page,
    };
    Ok(show(StatusCode::OK, &view))
}

fn address(organisation: &Organisation, system_id: &str) -> String {
    let id = utf8_percent_encode(system_id, NON_ALPHANUMERIC);
    format!("/org/{}/system-access/new/{id}", organisation.org_number)
}

#[derive(Template)]
#[template(path = "create.html")]
struct CreatePage {
    page: Page,
    organisation: OrganisationRow,
    address: String,
    system: String,
    description: Quoted,
    vendor: String,
    vendor_number: String,
    rights: Vec<RightRow>,
    /// What the hash of the description is.
    shown: String,
    /// The name that it is to have.
    title: String,
    /// The system access that there is already.
    there: Option<String>,
    wrong_title: bool,
    max_title: usize,
}

impl CreatePage {
    fn may_create(&self) -> bool {
        self.there.is_none() && !self.rights.is_empty() && self.rights.iter().all(|right| right.hindrance.is_none())
    }

    fn needs_level(&self) -> bool {
        self.rights.iter().any(|right| right.hindrance == Some(Hindrance::Level))
    }

    /// Where to log in at a higher level, and come back here.
    fn higher_login(&self) -> String {
        higher_login_at(&self.address)
    }
}

/// What of a system is described in words: what the person decides about, and what is kept a hash of.
struct Reviewed {
    vendor: String,
    rights: Vec<RightRow>,
}

impl Reviewed {
    fn new(of: Describer<'_>, session: &LoggedIn, organisation: &Arc<Organisation>, system: &RegisteredSystem) -> Self {
        let rights = of.asked(session, organisation, &system.rights, &system.access_packages);
        Self { vendor: vendor_name(of.app, system), rights }
    }

    fn hash(&self, language: &str, organisation: &Organisation) -> String {
        hash_of(&json!([language, organisation.org_number, self.vendor, self.rights]))
    }
}

/// Shows what a system would be able to do.
pub async fn review(
    State(app): State<Arc<App>>,
    Visit { session, page }: Visit,
    Path((number, system)): Path<(String, String)>,
) -> Result<Response, Response> {
    let organisation = manager(&app, &session, &page, &number)?;
    show_review(&app, &session, page, &organisation, &system, None)
}

fn show_review(
    app: &App,
    session: &LoggedIn,
    page: Page,
    organisation: &Arc<Organisation>,
    system_id: &str,
    wrong_title: Option<String>,
) -> Result<Response, Response> {
    let system = app.model.system_by_id(system_id).filter(|system| system.is_visible && !system.is_deleted);
    let Some(system) = system else { return Err(page.message(Message::NotFound)) };
    let there = app.model.system_user_of(system.internal_id, organisation.org_number, organisation.org_number.as_str());
    let name = system.name.get(page.language()).to_owned();
    let of = page.describer(app);
    let mut described = Reviewed::new(of, session, organisation, &system);
    of.name_those_who_can(organisation, &mut described.rights, &system.rights);
    let view = CreatePage {
        organisation: row(app, organisation),
        address: address(organisation, system_id),
        description: Quoted::new(&system.description, page.language()),
        vendor_number: system.vendor.grouped(),
        shown: described.hash(page.language(), organisation),
        vendor: described.vendor,
        rights: described.rights,
        there: there.map(|user| format!("/org/{}/system-access/{}", organisation.org_number, user.id)),
        title: wrong_title.clone().unwrap_or_else(|| name.clone()),
        wrong_title: wrong_title.is_some(),
        max_title: MAX_TITLE,
        system: name,
        page,
    };
    Ok(show(if wrong_title.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK }, &view))
}

/// Makes the system access.
pub async fn create(
    State(app): State<Arc<App>>,
    session: LoggedIn,
    Path((number, system)): Path<(String, String)>,
    request: HttpRequest,
) -> Result<Response, Response> {
    let (page, form) = own_form(&app, &session, request).await?;
    let organisation = manager(&app, &session, &page, &number)?;
    let answerer = answerer(&session, &organisation);
    let read_in = page.clone().in_language(form.get("language"));
    let shown = |now: &RegisteredSystem| -> Result<Value, ApiError> {
        let reviewed = Reviewed::new(read_in.describer(&app), &session, &organisation, now);
        form.require_shown(reviewed.hash(read_in.language(), &organisation), read_in.language())
    };
    match create_whole(&app, &answerer, &organisation, &system, form.get("title"), shown).await {
        Ok(id) => Ok(Redirect::to(&format!("/org/{number}/system-access?new={id}")).into_response()),
        Err(ApiError::ModelState(_)) => {
            let title = form.get("title").to_owned();
            show_review(&app, &session, page, &organisation, &system, Some(title))
        }
        Err(ApiError::Status(StatusCode::PRECONDITION_FAILED, _)) => {
            let (address, text) = (address(&organisation, &system), page.texts().create_review_again());
            Err(page.message_with(Message::Changed, address, text))
        }
        Err(ApiError::Problem(SYSTEM_NOT_FOUND, _)) => Err(page.message(Message::NotFound)),
        Err(ApiError::Problem(SYSTEM_USER_EXISTS, _)) => {
            show_review(&app, &session, page, &organisation, &system, None)
        }
        Err(ApiError::Problem(..)) => Err(page.message(Message::Refused)),
        Err(error) => Err(failed(error)),
    }
}
