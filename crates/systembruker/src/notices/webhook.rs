//! The webhook: a post for each notice, signed.

use std::time::Duration;

use aws_lc_rs::hmac;
use http::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use super::Notice;
use crate::http::request_id::hex;

/// The header with `sha256=` and the HMAC-SHA-256 of the body in hex, where a secret is set.
pub const SIGNATURE: &str = "x-systembruker-signature";

/// How long the receiver may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long is waited before each try.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)];

fn body(notice: &Notice, source: &str) -> String {
    json!({
        "specversion": "1.0",
        "id": notice.id,
        "source": source,
        "type": notice.event.as_str(),
        "time": notice.at.to_string(),
        "subject": notice.subject,
        "datacontenttype": "application/json",
        "data": {"organisation": notice.organisation, "systemId": notice.system, "page": notice.page},
    })
    .to_string()
}

fn signature(secret: &SecretString, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    format!("sha256={}", hex(hmac::sign(&key, body.as_bytes()).as_ref()))
}

/// Posts a notice; says in the log if it is lost.
pub async fn post(http: &reqwest::Client, url: &Url, secret: Option<&SecretString>, source: &str, notice: &Notice) {
    let body = body(notice, source);
    let mut outcome = String::new();
    for pause in PAUSES {
        tokio::time::sleep(pause).await;
        let mut request = http.post(url.clone()).timeout(PATIENCE);
        request = request.header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8");
        if let Some(secret) = secret {
            request = request.header(SIGNATURE, signature(secret, &body));
        }
        match request.body(body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => outcome = format!("HTTP {}", answer.status().as_u16()),
            Err(error) => outcome = error.without_url().to_string(),
        }
    }
    tracing::warn!(event = notice.event.as_str(), id = %notice.id, outcome, "a notice is lost: the webhook did not take it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_receivers_check_it() {
        // HMAC-SHA-256 of RFC 4231, test case 2.
        let signed = signature(&"Jefe".to_owned().into(), "what do ya want for nothing?");
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
