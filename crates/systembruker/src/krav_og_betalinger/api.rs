//! The sample API over HTTP, with Skatteetaten's codes for what goes wrong.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use guard::{Caller, Denied, Guard};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, StatusCode};
use model::OrgNumber;
use serde_json::json;

use super::claims::{AapneKrav, open_claims};
use crate::app::App;
use crate::http::extract::{Json, Path};
use crate::http::request_id;

/// The header and query parameter under which a caller gives its own id of the call.
const CORRELATION_ID: HeaderName = HeaderName::from_static("korrelasjonsid");

/// A refusal: `{kode, melding, korrelasjonsid}`.
fn refusal(status: StatusCode, code: &str, message: &str, correlation_id: Option<&str>) -> Response {
    let correlation_id = correlation_id.map_or_else(request_id::current, str::to_owned);
    let body = json!({"kode": code, "melding": message, "korrelasjonsid": correlation_id});
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn denied(denied: &Denied, correlation_id: Option<&str>) -> Response {
    let status = denied.status();
    let code = match status {
        StatusCode::UNAUTHORIZED => "KB-004",
        StatusCode::FORBIDDEN => "KB-005",
        _ => "KB-002",
    };
    refusal(status, code, &denied.to_string(), correlation_id)
}

/// Gives what the guard refuses the shape of this API.
pub async fn shape_refusal(response: Response) -> Response {
    match response.extensions().get::<Arc<Denied>>() {
        Some(reason) => denied(reason, None),
        None => response,
    }
}

/// Whether the caller takes JSON.
fn takes_json(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()) else { return true };
    let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds.into_iter().any(|kind| matches!(kind, "*/*" | "application/*" | "application/json"))
}

/// Reads the open claims against an organisation
///
/// For system users with a right to `ske-krav-og-betalinger` for the organisation.
#[utoipa::path(
    get, path = "/v1/regnskapssystem/{partIdentifikator}/aapnekrav", tag = "Krav og betalinger (sample)",
    params(("partIdentifikator" = String, Path, description = "The organisation's number")),
    responses((status = 200, description = "The claims", body = AapneKrav), (status = 400, description = "Not an organisation number (KB-006)"),
        (status = 401, description = "No valid token (KB-004)"), (status = 403, description = "No scope, no system user, or no right (KB-005)"),
        (status = 406, description = "Only JSON is served (KB-008)"), (status = 503, description = "Access cannot be decided now (KB-002)"))
)]
pub async fn aapne_krav(
    State(app): State<Arc<App>>,
    Extension(guard): Extension<Arc<Guard>>,
    caller: Caller,
    headers: HeaderMap,
    Path(party): Path<String>,
) -> Result<Json<AapneKrav>, Response> {
    let correlation_id = headers.get(CORRELATION_ID).and_then(|id| id.to_str().ok()).filter(|id| id.len() <= 100);
    let refused = |status, code, message: &str| refusal(status, code, message, correlation_id);
    if !takes_json(&headers) {
        return Err(refused(StatusCode::NOT_ACCEPTABLE, "KB-008", "only application/json is served"));
    }
    let party: OrgNumber = party
        .parse()
        .map_err(|error| refused(StatusCode::BAD_REQUEST, "KB-006", &format!("partIdentifikator: {error}")))?;
    guard.authorize(&caller, "read", party).await.map_err(|reason| denied(&reason, correlation_id))?;
    Ok(Json(open_claims(party, app.clock.now())))
}
