//! Every request has an id: the trace id of W3C Trace Context, taken from `traceparent` where a caller sent a valid
//! one. It is in every log line of the request, in every refusal, and in the response header `x-request-id`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue};
use tracing::Instrument as _;

use crate::app::App;

tokio::task_local! {
    static CURRENT: RequestId;
}

#[derive(Debug, Clone)]
struct RequestId {
    trace: String,
    span: String,
}

/// The id of the request that is being answered, 32 hexadecimal digits; zeros outside of any.
pub fn current() -> String {
    CURRENT.try_with(|id| id.trace.clone()).unwrap_or_else(|_| "0".repeat(32))
}

/// The same in the form of `traceparent`, as problem documents show it.
pub fn trace_parent() -> String {
    CURRENT
        .try_with(|id| format!("00-{}-{}-00", id.trace, id.span))
        .unwrap_or_else(|_| format!("00-{}-{}-00", "0".repeat(32), "0".repeat(16)))
}

/// Gives the request its id, and a span in the log.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let random = hex(&app.random.bytes::<24>());
    let (own_trace, span) = random.split_at(32);
    let trace = from_caller(request.headers()).unwrap_or_else(|| own_trace.to_owned());
    let id = RequestId { trace: trace.clone(), span: span.to_owned() };
    // The path only: a query may hold what does not belong in a log.
    let path = loggable(request.uri().path());
    let span = tracing::info_span!("request", id = trace, method = %request.method(), path);
    let answer = async move {
        let mut response = next.run(request).await;
        tracing::info!(status = response.status().as_u16(), "answered");
        if let Ok(value) = HeaderValue::from_str(&trace) {
            response.headers_mut().insert("x-request-id", value);
        }
        response
    };
    CURRENT.scope(id, answer.instrument(span)).await
}

/// A path in which what may be a national identity number, eleven digits in a row, is hidden.
fn loggable(path: &str) -> String {
    let mut shown = String::with_capacity(path.len());
    for part in path.split_inclusive(|character: char| !character.is_ascii_digit()) {
        let digits = part.trim_end_matches(|character: char| !character.is_ascii_digit());
        match part.strip_prefix(digits) {
            Some(rest) if digits.len() == 11 => {
                shown.push_str("***");
                shown.push_str(rest);
            }
            _ => shown.push_str(part),
        }
    }
    shown
}

/// The trace id of a valid `traceparent` (W3C Trace Context §3.2).
fn from_caller(headers: &HeaderMap) -> Option<String> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let valid = version == "00" && trace.len() == 32 && hex(trace) && trace.bytes().any(|byte| byte != b'0');
    valid.then(|| trace.to_owned())
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
