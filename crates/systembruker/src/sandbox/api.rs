//! Turning the clock, and starting over.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::ChangeContext;
use utoipa::ToSchema;

use super::seed;
use crate::app::App;
use crate::http::extract::Json;
use crate::http::problem::ApiError;

/// The sandbox's time.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockDto {
    /// Now, RFC 3339.
    now: String,
}

/// What to turn the clock to: a moment, or so many seconds from now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TurnClock {
    /// A moment, RFC 3339.
    #[schema(value_type = Option<String>)]
    now: Option<Timestamp>,
    /// Seconds to turn the clock forward; negative for back.
    advance_seconds: Option<i64>,
}

fn clock(app: &App) -> Json<ClockDto> {
    Json(ClockDto { now: format!("{:.6}", app.clock.now()) })
}

/// After the clock went back, grants of the time that comes again may have been used.
fn after_turning(app: &App, before: Timestamp) {
    let now = app.clock.now();
    if now < before {
        app.tokens.replay.refuse_until(now.as_second());
    }
}

/// Reads the sandbox's clock
#[utoipa::path(get, path = "/systembruker/api/v1/sandbox/clock", tag = "Sandbox",
    responses((status = 200, description = "The time", body = ClockDto)))]
pub async fn read_clock(State(app): State<Arc<App>>) -> Json<ClockDto> {
    clock(&app)
}

/// Turns the sandbox's clock
///
/// It goes on from there. Everything follows it: lifetimes of grants, tokens, requests and sessions.
#[utoipa::path(put, path = "/systembruker/api/v1/sandbox/clock", tag = "Sandbox", request_body = TurnClock,
    responses((status = 200, description = "The time", body = ClockDto), (status = 400, description = "Neither now nor advanceSeconds, or beyond the years 1970 to 9999"),
        (status = 415, description = "The body is not JSON")))]
pub async fn turn_clock(State(app): State<Arc<App>>, Json(turn): Json<TurnClock>) -> Result<Json<ClockDto>, ApiError> {
    let before = app.clock.now();
    let to = match (turn.now, turn.advance_seconds) {
        (Some(now), None) => Some(now),
        (None, Some(seconds)) => before.checked_add(jiff::SignedDuration::from_secs(seconds)).ok(),
        _ => return Err(ApiError::member("now", "Give either now or advanceSeconds.")),
    };
    // What is reckoned from now, such as the life of a key, must still be a time.
    let within = |time: &Timestamp| (0..250_000_000_000).contains(&time.as_second());
    let to =
        to.filter(within).ok_or_else(|| ApiError::member("now", "The time is beyond what can be reckoned with."))?;
    app.clock.turn_to(to);
    after_turning(&app, before);
    Ok(clock(&app))
}

/// Turns the sandbox's clock back to the machine's
#[utoipa::path(delete, path = "/systembruker/api/v1/sandbox/clock", tag = "Sandbox",
    responses((status = 200, description = "The time", body = ClockDto)))]
pub async fn reset_clock(State(app): State<Arc<App>>) -> Json<ClockDto> {
    let before = app.clock.now();
    app.clock.reset();
    after_turning(&app, before);
    clock(&app)
}

/// Starts over: as after the first start, with the same clients and keys
#[utoipa::path(post, path = "/systembruker/api/v1/sandbox/reset", tag = "Sandbox",
    responses((status = 204, description = "Everything is as in the beginning")))]
pub async fn reset(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    let context = ChangeContext { actor: "sandbox".into(), ..ChangeContext::default() };
    let mut tx = app.store.write(context, app.clock.now()).await?;
    tx.wipe().await?;
    app.commit(tx).await?;
    seed::fill(&app).await.map_err(|error| ApiError::Internal(format!("{error:#}")))?;
    Ok(StatusCode::NO_CONTENT)
}
