//! Where the services are, and what they answer when they refuse.

use std::net::SocketAddr;

use reqwest::header::{HOST, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use url::Url;

/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// The public addresses of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Maskinporten's issuer, with its trailing slash: `https://test.maskinporten.no/`.
    pub maskinporten: Url,
    /// The platform's APIs: `https://platform.tt02.altinn.no/`.
    pub platform: Url,
    /// Send everything to this address instead, in plain HTTP, naming the public host as `Host`. For a server that
    /// stands behind a proxy, spoken to from the same machine.
    pub via: Option<SocketAddr>,
}

impl Environment {
    /// An environment reached at its public addresses.
    pub fn new(maskinporten: Url, platform: Url) -> Self {
        Self { maskinporten, platform, via: None }
    }
}

/// Why a call did not give what was asked for.
#[derive(Debug, Error)]
pub enum Error {
    /// The service could not be reached, or broke off.
    #[error("the service cannot be reached: {0}")]
    Unreachable(#[source] reqwest::Error),
    /// The service refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The service answered something that cannot be understood.
    #[error("the answer cannot be understood: {0}")]
    Unexpected(String),
    /// The assertion could not be signed.
    #[error(transparent)]
    Signing(#[from] token::keys::SigningError),
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // An address may carry what should not end in a log.
        Self::Unreachable(error.without_url())
    }
}

impl Error {
    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// What a service says when it refuses: an OAuth error of Maskinporten, or a problem of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("HTTP {status}: {}{text}", .code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default())]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What to match on: `error` of OAuth, or `code` of a problem.
    pub code: Option<String>,
    /// What to show: `error_description`, or `title` and `detail`.
    pub text: String,
    /// `error_uri` of OAuth, which ends in a code such as `MP-303`.
    pub uri: Option<String>,
}

#[derive(Deserialize)]
struct RefusalBody {
    error: Option<String>,
    error_description: Option<String>,
    error_uri: Option<String>,
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
}

/// A way to an environment.
#[derive(Debug, Clone)]
pub struct Connection {
    http: reqwest::Client,
    environment: Environment,
}

impl Connection {
    /// Speaks to `environment` through the caller's HTTP client.
    pub fn new(http: reqwest::Client, environment: Environment) -> Self {
        Self { http, environment }
    }

    /// The same, but everything is sent to its public address.
    #[must_use]
    pub fn directly(mut self) -> Self {
        self.environment.via = None;
        self
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The HTTP client.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Where to send what is meant for `public`, and the `Host` to name, if it is another.
    pub fn address(&self, public: &Url) -> (Url, Option<HeaderValue>) {
        let mut address = public.clone();
        let Some(via) = self.environment.via else { return (address, None) };
        // Neither can fail: every public address is http or https and has a host.
        let _ = address.set_scheme("http");
        let _ = address.set_ip_host(via.ip());
        let _ = address.set_port(Some(via.port()));
        let authority = match (public.host_str(), public.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        (address, HeaderValue::from_str(&authority).ok())
    }

    pub(crate) fn request(&self, method: Method, public: &Url) -> RequestBuilder {
        let (address, host) = self.address(public);
        let request = self.http.request(method, address);
        match host {
            Some(host) => request.header(HOST, host),
            None => request,
        }
    }

    /// The URL of `path` on the platform. `path` is written with its segments already encoded.
    pub(crate) fn platform(&self, path: &str) -> Result<Url, Error> {
        self.environment.platform.join(path).map_err(|error| Error::Unexpected(error.to_string()))
    }
}

/// The body of a successful answer, as JSON.
pub(crate) async fn json<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    let body = accepted(response).await?;
    serde_json::from_slice(&body).map_err(|error| Error::Unexpected(error.to_string()))
}

/// The body of a successful answer; anything else is a refusal.
pub(crate) async fn accepted(mut response: Response) -> Result<Vec<u8>, Error> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Error::Unexpected(format!("it is larger than {MAX_BODY} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() { Ok(body) } else { Err(Error::Refused(Box::new(refusal(status.as_u16(), &body)))) }
}

fn refusal(status: u16, body: &[u8]) -> Refusal {
    let Ok(body) = serde_json::from_slice::<RefusalBody>(body) else {
        let text = String::from_utf8_lossy(body).chars().take(500).collect();
        return Refusal { status, code: None, text, uri: None };
    };
    let text = [body.error_description, body.title, body.detail].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Refusal { status, code: body.error.or(body.code), text, uri: body.error_uri }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_refusal_are_read() {
        let oauth = refusal(400, br#"{"error":"invalid_grant","error_description":"used","error_uri":"x/MP-012"}"#);
        assert_eq!(oauth.to_string(), "HTTP 400: invalid_grant: used");
        assert_eq!(oauth.uri.as_deref(), Some("x/MP-012"));
        let problem = refusal(404, br#"{"code":"AUTH-00011","title":"There is no such system.","status":404}"#);
        assert_eq!(problem.to_string(), "HTTP 404: AUTH-00011: There is no such system.");
        assert_eq!(refusal(502, b"bad gateway").to_string(), "HTTP 502: bad gateway");
    }

    #[test]
    fn another_way_keeps_the_public_name() {
        let mut environment = Environment::new(
            "https://maskinporten.test/".parse().unwrap(),
            "http://platform.test:81/".parse().unwrap(),
        );
        environment.via = Some(([127, 0, 0, 1], 8080).into());
        let connection = Connection::new(reqwest::Client::builder().no_proxy().build().unwrap(), environment.clone());
        let (address, host) = connection.address(&environment.maskinporten);
        assert_eq!(
            (address.as_str(), host.unwrap().to_str().unwrap()),
            ("http://127.0.0.1:8080/", "maskinporten.test")
        );
        let (_, host) = connection.address(&environment.platform);
        assert_eq!(host.unwrap().to_str().unwrap(), "platform.test:81");
    }
}
