//! Many clients at once: an accountant with a thousand clients gives them to a system user in one call. An addition of
//! ours.
//!
//! The call stores what is wanted and returns. The clients are then given and taken one by one by the server, some in
//! each transaction, with what came of each; after a restart it goes on where it stopped. The person who asked must have
//! the power still when the turn of a client comes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use model::SystemUserKind;
use model::problem::validation::{AGENT_KIND, AGENT_UNKNOWN};
use model::problem::{CLIENT_NOT_REMOVED, CLIENT_UNKNOWN, CLIENTS_FORBIDDEN, ProblemCode, SYSTEM_USER_NOT_FOUND};
use serde::{Deserialize, Serialize};
use store::{ChangeContext, ClientAction, ClientJob, ClientJobItem, ItemStatus, Write};
use utoipa::ToSchema;
use uuid::Uuid;

use super::agents::{add_client, remove_client};
use crate::access::acting::may_act;
use crate::app::App;
use crate::authorization::rules::{Asked, person_may};
use crate::http::caller::scope::{ClientsRead, ClientsWrite};
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, JsonText, Path, read_json};
use crate::http::faces::Face;
use crate::http::problem::ApiError;
use crate::read_model::SystemUserEntry;
use crate::requests::dto::wire_time;
use crate::resource_registry::builtin::CLIENT_ADMINISTRATION;

/// The most clients of a job. A system user has one job at a time, so that no more than these wait for it.
pub const MAX_ITEMS: usize = 10_000;
/// The longest name of a client: a uuid.
const MAX_NAME: usize = 36;
/// How many clients are given or taken in one transaction.
const TOGETHER: u16 = 100;

/// Which clients.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewClientJob {
    /// Clients to act for, by organisation number or party uuid.
    #[serde(default)]
    add: Vec<String>,
    /// Clients to act for no more, likewise.
    #[serde(default)]
    remove: Vec<String>,
}

/// How far a job has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientJobDto {
    id: Uuid,
    system_user_id: Uuid,
    created: String,
    /// Whether nothing waits any more.
    finished: bool,
    waiting: usize,
    done: usize,
    refused: usize,
    items: Vec<ClientJobItemDto>,
}

/// What came of a client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClientJobItemDto {
    client: String,
    /// `add` or `remove`.
    action: &'static str,
    /// `waiting`, `done` or `refused`.
    status: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

impl ClientJobDto {
    fn new(job: &ClientJob, items: Vec<ClientJobItem>) -> Self {
        let count = |status| items.iter().filter(|item| item.status == status).count();
        let (waiting, done, refused) =
            (count(ItemStatus::Waiting), count(ItemStatus::Done), count(ItemStatus::Refused));
        let item = |item: ClientJobItem| {
            let (code, title) = item.refusal.unzip();
            let (action, status) = (item.action.as_str(), item.status.as_str());
            ClientJobItemDto { client: item.client, action, status, code, title }
        };
        Self {
            id: job.id,
            system_user_id: job.system_user,
            created: wire_time(job.created),
            finished: waiting == 0,
            waiting,
            done,
            refused,
            items: items.into_iter().map(item).collect(),
        }
    }
}

/// The agent's system user of an address, if the person who calls administers its owner's clients.
fn agent(app: &App, caller: &Caller, id: Uuid, action: &str) -> Result<Arc<SystemUserEntry>, ApiError> {
    caller.require_person()?;
    let user = app.model.system_user(id).filter(|user| !user.is_deleted);
    let user = user.ok_or_else(|| ApiError::Validation(vec![AGENT_UNKNOWN.into()]))?;
    let owner = app.model.parties().organisation(user.owner_party).ok_or(ApiError::Bare(StatusCode::FORBIDDEN))?;
    may_act(app, caller, &owner, CLIENT_ADMINISTRATION, action)?;
    if user.kind == SystemUserKind::Agent { Ok(user) } else { Err(ApiError::Validation(vec![AGENT_KIND.into()])) }
}

impl NewClientJob {
    fn items(self) -> Result<Vec<(ClientAction, String)>, ApiError> {
        let add = self.add.into_iter().map(|client| (ClientAction::Add, client));
        let remove = self.remove.into_iter().map(|client| (ClientAction::Remove, client));
        let items: Vec<_> = add.chain(remove).map(|(action, client)| (action, client.trim().to_owned())).collect();
        if !(1..=MAX_ITEMS).contains(&items.len()) {
            return Err(ApiError::member("$", format!("Name 1 to {MAX_ITEMS} clients.")));
        }
        let is_name = |client: &str| {
            !client.is_empty() && client.len() <= MAX_NAME && client.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match items.iter().position(|(_, client)| !is_name(client)) {
            Some(index) => {
                Err(ApiError::member(format!("[{index}]"), "A client is an organisation number or a party uuid."))
            }
            None => Ok(items),
        }
    }
}

/// Gives many clients to an agent's system user, or takes them
#[utoipa::path(
    post, path = "/systembruker/api/v1/systemusers/{systemUserId}/clients/jobs", tag = "Clients of system users",
    request_body = NewClientJob, params(("systemUserId" = Uuid, Path, description = "The system user")),
    responses((status = 202, description = "It has begun; Location says where to look", body = ClientJobDto),
        (status = 400, description = "Not an agent's system user, or no clients or too many"), (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks altinn:clientdelegations.write, or not a person who administers the clients"),
        (status = 409, description = "An earlier job is not finished"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn post_job(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientsWrite>,
    Path(id): Path<Uuid>,
    JsonText(body): JsonText,
) -> Result<Response, ApiError> {
    let user = agent(&app, &caller, id, "write")?;
    let items = read_json::<NewClientJob>(&body)?.items()?;
    let calling = caller.require_person()?;
    let (job, stored) =
        begin(&app, caller.context(), &user, (calling.person.party_uuid, calling.level), &items).await?;
    let path = format!("systembruker/api/v1/systemusers/{id}/clients/jobs/{}", job.id);
    let headers = [(LOCATION, app.faces.join(Face::Platform, &path))];
    Ok((StatusCode::ACCEPTED, headers, Json(ClientJobDto::new(&job, stored))).into_response())
}

/// Begins a job of a person (party uuid, level) with a system user. One at a time: 409 while clients of another wait.
pub async fn begin(
    app: &App,
    context: ChangeContext,
    user: &SystemUserEntry,
    (person, level): (Uuid, i64),
    items: &[(ClientAction, String)],
) -> Result<(ClientJob, Vec<ClientJobItem>), ApiError> {
    let mut tx = app.begin(context).await?;
    if tx.waiting_clients_of(user.id).await? > 0 {
        let text = "Clients of an earlier job still wait. Read that one, and send this when it is finished.".to_owned();
        return Err(ApiError::Status(StatusCode::CONFLICT, Some(text)));
    }
    let created = tx.now();
    let job = ClientJob { id: app.random.uuid_at(created), system_user: user.id, person, level, created };
    tx.insert_client_job(&job, items).await?;
    let stored = tx.client_job_items(job.id).await?;
    app.commit(tx).await?;
    app.new_job.notify_one();
    Ok((job, stored))
}

/// Reads how far a job has come, with what came of each client
#[utoipa::path(
    get, path = "/systembruker/api/v1/systemusers/{systemUserId}/clients/jobs/{jobId}", tag = "Clients of system users",
    params(("systemUserId" = Uuid, Path, description = "The system user"), ("jobId" = Uuid, Path, description = "The job")),
    responses((status = 200, description = "The job", body = ClientJobDto), (status = 400, description = "Not an agent's system user, or not an id"),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks altinn:clientdelegations.read, or not a person who administers the clients"),
        (status = 404, description = "No such job"))
)]
pub async fn read_job(
    State(app): State<Arc<App>>,
    caller: Scoped<ClientsRead>,
    Path((id, job)): Path<(Uuid, Uuid)>,
) -> Result<Json<ClientJobDto>, ApiError> {
    let user = agent(&app, &caller, id, "read")?;
    let mut session = app.store.read().await?;
    let job =
        session.client_job(job).await?.filter(|job| job.system_user == user.id).ok_or_else(ApiError::not_found)?;
    let items = session.client_job_items(job.id).await?;
    Ok(Json(ClientJobDto::new(&job, items)))
}

/// Gives or takes some of the clients that wait; whether there were any.
pub async fn work(app: &App) -> Result<bool, ApiError> {
    // Looked at first without holding off others: mostly there is nothing to do.
    if app.store.read().await?.waiting_client_job_items(1).await?.is_empty() {
        return Ok(false);
    }
    let context = ChangeContext { actor: "system".into(), ..ChangeContext::default() };
    let mut tx = app.begin(context).await?;
    let items = tx.waiting_client_job_items(TOGETHER).await?;
    let Some(job) = items.first().map(|item| item.job) else { return Ok(false) };
    let Some(job) = tx.client_job(job).await? else { return Ok(false) };
    tx.act_for(format!("person:{}", job.person));
    let user = agent_of(app, &job);
    for mut item in items {
        let outcome = match &user {
            Ok(user) => carry_out(app, &mut tx, user, &item).await?,
            Err(code) => Err(*code),
        };
        item.status = if outcome.is_ok() { ItemStatus::Done } else { ItemStatus::Refused };
        item.refusal = outcome.err().map(|code| (code.code.to_owned(), code.title.to_owned()));
        tx.finish_client_job_item(&item).await?;
    }
    app.commit(tx).await?;
    Ok(true)
}

/// The system user of a job, if it is still there and the person may still change its clients.
fn agent_of(app: &App, job: &ClientJob) -> Result<Arc<SystemUserEntry>, ProblemCode> {
    let user = app.model.system_user(job.system_user).filter(|user| !user.is_deleted).ok_or(SYSTEM_USER_NOT_FOUND)?;
    let owner = app.model.parties().organisation(user.owner_party).ok_or(SYSTEM_USER_NOT_FOUND)?;
    let asked = Asked { organisation: &owner, resource: CLIENT_ADMINISTRATION, action: "write" };
    let may = person_may(&app.decision_inputs(), job.person, job.level, &asked);
    if may { Ok(user) } else { Err(CLIENTS_FORBIDDEN) }
}

/// Gives or takes a client. What cannot be done is a refusal of this client; what fails is not.
async fn carry_out(
    app: &App,
    tx: &mut Write,
    user: &SystemUserEntry,
    item: &ClientJobItem,
) -> Result<Result<(), ProblemCode>, ApiError> {
    let parties = app.model.parties();
    let by_number = || item.client.parse().ok().and_then(|number| parties.by_number(number));
    let client = item.client.parse().ok().or_else(|| by_number().map(|client| client.party_uuid));
    let Some(client) = client else { return Ok(Err(CLIENT_UNKNOWN)) };
    match item.action {
        ClientAction::Add => match add_client(app, tx, user, client).await {
            Ok(()) => Ok(Ok(())),
            Err(ApiError::Problem(code, _)) => Ok(Err(code)),
            Err(error) => Err(error),
        },
        ClientAction::Remove => {
            let removed = remove_client(app, tx, user, client).await?;
            Ok(if removed { Ok(()) } else { Err(CLIENT_NOT_REMOVED) })
        }
    }
}
