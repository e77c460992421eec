//! Another issuer's key set, fetched over HTTP and kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{HOST, HeaderValue};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::keys::{JwkSet, VerifyingKey};

/// How long a fetched set is used without asking again.
const MAX_AGE: Duration = Duration::from_hours(1);
/// An unknown key id makes us ask again, but not more often than this, so that made-up ids cost the issuer nothing.
const MIN_AGE: Duration = Duration::from_secs(5);
/// The largest set that is read, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Why no key was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RemoteKeyError {
    /// The issuer does not publish a key with this id.
    #[error("the issuer publishes no key with this id")]
    Unknown,
    /// The issuer's keys could not be fetched.
    #[error("the issuer's keys cannot be fetched: {0}")]
    Unreachable(String),
}

/// The key set at an address. Share one for all callers; it is fetched once for all that wait.
pub struct RemoteKeys {
    http: reqwest::Client,
    url: String,
    /// The name to send as `Host` where `url` is an address behind which several names are served.
    host: Option<HeaderValue>,
    fetched: Mutex<Option<Fetched>>,
}

struct Fetched {
    at: Instant,
    keys: HashMap<String, Arc<VerifyingKey>>,
}

impl RemoteKeys {
    /// The set at `url`. The HTTP client is the caller's, so that its TLS settings and time limits are.
    pub fn new(http: reqwest::Client, url: String, host: Option<HeaderValue>) -> Self {
        Self { http, url, host, fetched: Mutex::new(None) }
    }

    /// The key with this id.
    pub async fn get(&self, kid: &str) -> Result<Arc<VerifyingKey>, RemoteKeyError> {
        let mut fetched = self.fetched.lock().await;
        if let Some(known) = fetched.as_ref() {
            let age = known.at.elapsed();
            match known.keys.get(kid) {
                Some(key) if age < MAX_AGE => return Ok(Arc::clone(key)),
                None if age < MIN_AGE => return Err(RemoteKeyError::Unknown),
                _ => {}
            }
        }
        let keys = self.fetch().await?;
        let key = keys.get(kid).map(Arc::clone).ok_or(RemoteKeyError::Unknown);
        *fetched = Some(Fetched { at: Instant::now(), keys });
        key
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<VerifyingKey>>, RemoteKeyError> {
        let unreachable = |error: reqwest::Error| RemoteKeyError::Unreachable(error.without_url().to_string());
        let mut request = self.http.get(&self.url);
        if let Some(host) = &self.host {
            request = request.header(HOST, host);
        }
        let mut response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(unreachable)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(RemoteKeyError::Unreachable("the key set is too large".into()));
            }
            body.extend_from_slice(&chunk);
        }
        let set: JwkSet = serde_json::from_slice(&body)
            .map_err(|_| RemoteKeyError::Unreachable("the answer is not a key set".into()))?;
        let keys = set.keys.into_iter().filter_map(|jwk| {
            let key = VerifyingKey::from_jwk(&jwk).ok()?;
            Some((jwk.kid?, Arc::new(key)))
        });
        Ok(keys.collect())
    }
}
