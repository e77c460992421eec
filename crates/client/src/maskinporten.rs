//! Tokens from Maskinporten, each kept until shortly before it expires.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use model::{Iso6523, OrgNumber};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use token::keys::SigningKey;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::connection::{Connection, Error, json};

/// How long a grant is valid, in seconds. A fresh one is signed for every attempt.
const GRANT_LIFETIME: i64 = 60;
/// A token is not used in its last seconds; of a short-lived one, not in its last quarter.
const EXPIRY_MARGIN: i64 = 20;
/// How many tokens are kept.
const MAX_KEPT: usize = 10_000;

/// A system user by its owner and, where there are several, the vendor's reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SystemUser {
    /// The customer.
    pub org: OrgNumber,
    /// The vendor's reference.
    pub external_ref: Option<String>,
}

/// What a token is asked for with. Two requests get the same token only if all of it is equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenRequest {
    scope: String,
    system_user: Option<SystemUser>,
    resource: Option<String>,
}

impl TokenRequest {
    /// A token for one scope, or several separated by spaces.
    pub fn scope(scope: &str) -> Self {
        Self { scope: scope.to_owned(), system_user: None, resource: None }
    }

    /// For this system user.
    #[must_use]
    pub fn for_system_user(mut self, system_user: SystemUser) -> Self {
        self.system_user = Some(system_user);
        self
    }

    /// For this API only.
    #[must_use]
    pub fn for_resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }
}

/// An access token. It is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// What goes after `Bearer `.
    pub token: String,
    /// The scopes it has.
    pub scope: String,
    /// From then on it is not valid, in seconds since 1970 by the client's clock.
    pub expires: i64,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AccessToken({}, expires {})", self.scope, self.expires)
    }
}

#[derive(Serialize)]
struct GrantClaims<'a> {
    aud: &'a str,
    iss: &'a str,
    scope: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<[SystemUserDetails<'a>; 1]>,
}

#[derive(Serialize)]
struct SystemUserDetails<'a> {
    r#type: &'static str,
    systemuser_org: Iso6523,
    #[serde(rename = "externalRef", skip_serializing_if = "Option::is_none")]
    external_ref: Option<&'a str>,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: i64,
    #[serde(default)]
    scope: String,
}

type Slot = Arc<Mutex<Option<AccessToken>>>;

/// Gets tokens for one Maskinporten client.
pub struct Maskinporten {
    connection: Connection,
    client_id: String,
    key: SigningKey,
    clock: Box<dyn Fn() -> i64 + Send + Sync>,
    kept: Mutex<HashMap<TokenRequest, Slot>>,
}

impl Maskinporten {
    /// Authenticates as the client with this id, with a key that is registered on it under the key's own id.
    pub fn new(connection: Connection, client_id: String, key: SigningKey) -> Self {
        Self { connection, client_id, key, clock: Box::new(system_clock), kept: Mutex::default() }
    }

    /// Uses another clock, in seconds since 1970.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The client's id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The way to the services.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// A token, kept or new. Those who ask for the same at once wait for one.
    pub async fn token(&self, request: &TokenRequest) -> Result<AccessToken, Error> {
        let slot = {
            let mut kept = self.kept.lock().await;
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            Arc::clone(kept.entry(request.clone()).or_default())
        };
        let mut slot = slot.lock().await;
        let now = (self.clock)();
        if let Some(token) = slot.as_ref().filter(|token| now < token.expires) {
            return Ok(token.clone());
        }
        let token = self.fresh_token(request).await?;
        let margin = EXPIRY_MARGIN.min((token.expires - now) / 4);
        *slot = Some(AccessToken { expires: token.expires - margin, ..token.clone() });
        Ok(token)
    }

    /// A new token, whatever is kept.
    pub async fn fresh_token(&self, request: &TokenRequest) -> Result<AccessToken, Error> {
        self.exchange(&self.grant(request)?).await
    }

    /// A signed grant, as it is sent to the token endpoint. It can be used once.
    pub fn grant(&self, request: &TokenRequest) -> Result<String, Error> {
        let now = (self.clock)();
        let details = request.system_user.as_ref().map(|user| {
            [SystemUserDetails {
                r#type: token::access_token::SYSTEM_USER_TYPE,
                systemuser_org: Iso6523::new(user.org),
                external_ref: user.external_ref.as_deref(),
            }]
        });
        let claims = GrantClaims {
            aud: self.connection.environment().maskinporten.as_str(),
            iss: &self.client_id,
            scope: &request.scope,
            iat: now,
            exp: now + GRANT_LIFETIME,
            jti: random_id(),
            resource: request.resource.as_deref(),
            authorization_details: details,
        };
        Ok(self.key.sign(&claims)?)
    }

    /// Sends a signed grant.
    pub async fn exchange(&self, grant: &str) -> Result<AccessToken, Error> {
        let issuer = &self.connection.environment().maskinporten;
        let endpoint = issuer.join("token").map_err(|error| Error::Unexpected(error.to_string()))?;
        let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", grant)];
        let response = self.connection.request(Method::POST, &endpoint).form(&form).send().await?;
        let body: TokenResponse = json(response).await?;
        Ok(AccessToken { token: body.access_token, scope: body.scope, expires: (self.clock)() + body.expires_in })
    }
}

impl fmt::Debug for Maskinporten {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Maskinporten({})", self.client_id)
    }
}

#[expect(clippy::disallowed_methods, reason = "the default of a library that others use; see `with_clock`")]
fn system_clock() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "a library that others use has no other source of randomness")]
fn random_id() -> String {
    Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use axum::Router;
    use axum::extract::State;
    use axum::routing::post;

    use super::*;
    use crate::connection::Environment;

    /// A token endpoint that counts, and a client whose clock the test turns.
    async fn counting() -> (Maskinporten, Arc<AtomicUsize>, Arc<AtomicI64>) {
        let count = Arc::new(AtomicUsize::new(0));
        let answer = |State(count): State<Arc<AtomicUsize>>| async move {
            let number = count.fetch_add(1, Ordering::SeqCst);
            format!(r#"{{"access_token":"{number}","token_type":"Bearer","expires_in":119,"scope":"a:b"}}"#)
        };
        let app = Router::new().route("/token", post(answer)).with_state(Arc::clone(&count));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin: url::Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let connection = Connection::new(http, Environment::new(origin.clone(), origin));
        let clock = Arc::new(AtomicI64::new(1_000));
        let turned = Arc::clone(&clock);
        let key = SigningKey::generate(2048).unwrap();
        let client = Maskinporten::new(connection, "client".into(), key);
        (client.with_clock(move || turned.load(Ordering::SeqCst)), count, clock)
    }

    #[tokio::test]
    async fn a_token_is_kept_until_shortly_before_it_expires() {
        let (client, count, clock) = counting().await;
        let request = TokenRequest::scope("a:b");
        let first = client.token(&request).await.unwrap();
        clock.store(1_098, Ordering::SeqCst);
        assert_eq!(client.token(&request).await.unwrap().token, first.token);
        clock.store(1_099, Ordering::SeqCst);
        assert_ne!(client.token(&request).await.unwrap().token, first.token);
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn tokens_of_different_requests_are_never_mixed_up() {
        let (client, count, _) = counting().await;
        let user = |org: &str, external_ref: Option<&str>| SystemUser {
            org: org.parse().unwrap(),
            external_ref: external_ref.map(str::to_owned),
        };
        let requests = [
            TokenRequest::scope("a:b"),
            TokenRequest::scope("a:c"),
            TokenRequest::scope("a:b").for_resource("https://api.example"),
            TokenRequest::scope("a:b").for_system_user(user("310904473", None)),
            TokenRequest::scope("a:b").for_system_user(user("310904473", Some("2"))),
            TokenRequest::scope("a:b").for_system_user(user("991825827", None)),
        ];
        for _ in 0..2 {
            for (number, request) in requests.iter().enumerate() {
                assert_eq!(client.token(request).await.unwrap().token, number.to_string());
            }
        }
        assert_eq!(count.load(Ordering::SeqCst), requests.len());
    }

    #[tokio::test]
    async fn those_who_ask_at_once_wait_for_one() {
        let (client, count, _) = counting().await;
        let client = Arc::new(client);
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let client = Arc::clone(&client);
                tokio::spawn(async move { client.token(&TokenRequest::scope("a:b")).await.unwrap().token })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "0");
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
