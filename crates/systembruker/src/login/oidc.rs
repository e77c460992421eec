//! A client for OpenID Connect providers: ID-porten, or any other that publishes its configuration (OpenID Connect
//! Discovery 1.0).
//!
//! It does the authorization code flow with PKCE (RFC 7636), state, nonce, and the issuer in the response where the
//! provider sends it (RFC 9207). Every check of the identity token is here (OpenID Connect Core 1.0 §3.1.3.7).

use std::collections::BTreeSet;
use std::iter;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client::Connection;
use http::header::HOST;
use model::NationalId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::StoreError;
use thiserror::Error;
use token::jws::Jws;
use token::remote::{RemoteKeyError, RemoteKeys};
use tokio::sync::OnceCell;
use url::Url;

/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// How far the provider's clock may be from ours, in seconds.
const CLOCK_SKEW: i64 = 10;

/// The lowest level of authentication that one logs in with: substantial.
const LOWEST_LEVEL: i64 = 3;

/// What is known of the provider beforehand.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The issuer, without trailing slash unless the provider's has one.
    pub issuer: String,
    /// How the provider knows us.
    pub client_id: String,
    /// What we authenticate with (`client_secret_basic`).
    pub client_secret: SecretString,
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
}

/// Why nobody was logged in.
#[derive(Debug, Error)]
pub enum LoginError {
    /// The provider cannot be reached, or answers something else than a provider does.
    #[error("the login provider cannot be used: {0}")]
    Provider(String),
    /// What is known of the person cannot be read.
    #[error("the person cannot be looked up: {0}")]
    Store(StoreError),
    /// The provider refused.
    #[error("the login provider refused: {0}")]
    Refused(String),
    /// The browser did not come from where we sent it.
    #[error("the login was not started here, or is too old")]
    State,
    /// The identity token is not acceptable.
    #[error("the identity token is not acceptable: {0}")]
    Token(&'static str),
}

/// What is remembered between sending the browser away and its coming back. It is secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attempt {
    /// Comes back with the browser.
    pub state: String,
    /// Comes back in the identity token.
    pub nonce: String,
    /// Proves that the code is ours.
    pub verifier: String,
    /// The page to go on to.
    pub goto: String,
    /// The level of authentication that is asked for, 3 or 4.
    pub level: i64,
    /// From then on it is too late, in seconds since 1970.
    pub expires: i64,
}

/// Who was logged in. It holds the identity token, which names the person.
#[derive(Clone)]
pub struct Identity {
    /// The person.
    pub national_id: NationalId,
    /// How surely: 3 or 4.
    pub level: i64,
    /// What the provider knows its session by, where it says so.
    pub provider_sid: Option<String>,
    /// The identity token, with which to log out at the provider.
    pub id_token: String,
}

#[derive(Debug, Clone, Deserialize)]
struct ProviderMetadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    /// Where to log out at the provider (OpenID Connect RP-Initiated Logout 1.0).
    end_session_endpoint: Option<Url>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AudienceClaim {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct IdTokenClaims {
    iss: String,
    aud: AudienceClaim,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    pid: Option<String>,
    acr: Option<String>,
    sid: Option<String>,
}

struct Provider {
    metadata: ProviderMetadata,
    keys: RemoteKeys,
}

/// A client of one provider.
pub struct OidcClient {
    settings: OidcSettings,
    connection: Connection,
    provider: OnceCell<Provider>,
}

/// What the browser brings back.
#[derive(Debug, Default, Deserialize)]
pub struct CallbackQuery {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl CallbackQuery {
    /// What shows which login it is; empty where that is missing.
    pub fn state(&self) -> &str {
        self.state.as_deref().unwrap_or_default()
    }
}

impl OidcClient {
    /// A client that learns about the provider when it is first needed.
    pub fn new(settings: OidcSettings, connection: Connection) -> Self {
        Self { settings, connection, provider: OnceCell::new() }
    }

    /// Where to send the browser, for this attempt.
    pub async fn authorization_url(&self, attempt: &Attempt, language: &str) -> Result<Url, LoginError> {
        let mut url = self.provider().await?.metadata.authorization_endpoint.clone();
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, attempt.verifier.as_bytes()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_uri)
            .append_pair("scope", "openid profile")
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("acr_values", acr(attempt.level))
            .append_pair("ui_locales", language);
        Ok(url)
    }

    /// Ends an attempt: exchanges the code and checks who it is.
    pub async fn finish(&self, attempt: &Attempt, query: &CallbackQuery, now: i64) -> Result<Identity, LoginError> {
        let provider = self.provider().await?;
        if now >= attempt.expires || query.state.as_deref() != Some(&*attempt.state) {
            return Err(LoginError::State);
        }
        // A response of another provider must not be taken for this one's (RFC 9207 §2.4).
        let metadata = &provider.metadata;
        if query.iss.as_ref().is_some_and(|iss| *iss != metadata.issuer)
            || (query.iss.is_none() && metadata.authorization_response_iss_parameter_supported)
        {
            return Err(LoginError::State);
        }
        if let Some(error) = &query.error {
            return Err(LoginError::Refused(error.chars().filter(char::is_ascii_graphic).take(64).collect()));
        }
        let code = query.code.as_deref().ok_or(LoginError::State)?;
        let id_token = self.exchange(metadata, code, &attempt.verifier).await?;
        let identity = self.check_id_token(provider, id_token, &attempt.nonce, now).await?;
        // Who asked for more must get it: the provider need not heed what it was asked for.
        if identity.level < attempt.level {
            return Err(LoginError::Token("the login was not at the level that was asked for"));
        }
        Ok(identity)
    }

    /// Where to send the browser to log out at the provider too, and from there back to `after`; `None` where the
    /// provider has no such place or cannot be reached.
    pub async fn logout_url(&self, id_token: &str, after: &str) -> Option<Url> {
        let mut url = self.provider().await.ok()?.metadata.end_session_endpoint.clone()?;
        url.query_pairs_mut()
            .append_pair("id_token_hint", id_token)
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("post_logout_redirect_uri", after);
        Some(url)
    }

    /// Where the provider is: the origins of the places to log in and out at, or of its name before they are known.
    pub fn origins(&self) -> BTreeSet<String> {
        let known = self.provider.get().map(|provider| {
            let ProviderMetadata { authorization_endpoint, end_session_endpoint, .. } = &provider.metadata;
            iter::once(authorization_endpoint.clone()).chain(end_session_endpoint.clone()).collect()
        });
        let urls: Vec<Url> = known.unwrap_or_else(|| self.settings.issuer.parse().into_iter().collect());
        urls.iter().map(|url| url.origin().ascii_serialization()).collect()
    }

    /// Learns where the provider is, which pages served to sessions of before must know too.
    pub async fn discover(&self) -> Result<(), LoginError> {
        self.provider().await.map(drop)
    }

    /// Whether this is the provider's name, as it says in a front-channel logout.
    pub fn is_issuer(&self, issuer: &str) -> bool {
        self.settings.issuer == issuer
    }

    /// The claims of a token that the provider issued and that is good now. What it is for, is for the caller to check.
    pub async fn verified(&self, jws: &Jws<'_>, now: i64) -> Result<Map<String, Value>, LoginError> {
        let provider = self.provider().await?;
        let claims: Map<String, Value> = signed_claims(provider, jws).await?;
        if claims.get("iss").and_then(Value::as_str) != Some(&*provider.metadata.issuer) {
            return Err(LoginError::Token("another issuer made it"));
        }
        let time = |name| claims.get(name).and_then(Value::as_i64);
        let ends = time("exp").ok_or(LoginError::Token("it has no end"))?;
        if ends.saturating_add(CLOCK_SKEW) <= now
            || time("nbf").is_some_and(|begins| begins.saturating_sub(CLOCK_SKEW) > now)
        {
            return Err(LoginError::Token("it is not valid now"));
        }
        Ok(claims)
    }

    async fn provider(&self) -> Result<&Provider, LoginError> {
        self.provider
            .get_or_try_init(async || {
                let issuer = self.settings.issuer.trim_end_matches('/');
                let url = format!("{issuer}/.well-known/openid-configuration");
                let url: Url = url.parse().map_err(|_| LoginError::Provider("the issuer is no URL".into()))?;
                let (address, host) = self.connection.address(&url);
                let mut request = self.connection.http().get(address);
                if let Some(host) = host {
                    request = request.header(HOST, host);
                }
                let metadata: ProviderMetadata = answer(request).await?;
                if metadata.issuer != self.settings.issuer {
                    return Err(LoginError::Provider("its configuration names another issuer".into()));
                }
                let (address, host) = self.connection.address(&metadata.jwks_uri);
                let keys = RemoteKeys::new(self.connection.http().clone(), address.into(), host);
                Ok(Provider { metadata, keys })
            })
            .await
    }

    async fn exchange(&self, metadata: &ProviderMetadata, code: &str, verifier: &str) -> Result<String, LoginError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.settings.redirect_uri),
            ("code_verifier", verifier),
        ];
        let (address, host) = self.connection.address(&metadata.token_endpoint);
        let secret = self.settings.client_secret.expose_secret();
        let mut request =
            self.connection.http().post(address).basic_auth(&self.settings.client_id, Some(secret)).form(&form);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        Ok(answer::<TokenAnswer>(request).await?.id_token)
    }

    async fn check_id_token(
        &self,
        provider: &Provider,
        id_token: String,
        nonce: &str,
        now: i64,
    ) -> Result<Identity, LoginError> {
        let jws = Jws::parse(&id_token).map_err(|_| LoginError::Token("it is no signed token"))?;
        let claims: IdTokenClaims = signed_claims(provider, &jws).await?;
        let (national_id, level) =
            check_claims(&claims, &provider.metadata.issuer, &self.settings.client_id, nonce, now)?;
        Ok(Identity { national_id, level, provider_sid: claims.sid, id_token })
    }
}

/// The claims of a token that one of the provider's keys signed.
async fn signed_claims<T: DeserializeOwned>(provider: &Provider, jws: &Jws<'_>) -> Result<T, LoginError> {
    let kid = jws.header().kid.as_deref().ok_or(LoginError::Token("it names no key"))?;
    let key = provider.keys.get(kid).await.map_err(|error| match error {
        RemoteKeyError::Unknown => LoginError::Token("its key is not the provider's"),
        RemoteKeyError::Unreachable(reason) => LoginError::Provider(reason),
    })?;
    let payload = jws.verify(&key).map_err(|_| LoginError::Token("its signature is wrong"))?;
    serde_json::from_slice(payload).map_err(|_| LoginError::Token("its claims cannot be read"))
}

/// What asks for a level of authentication.
fn acr(level: i64) -> &'static str {
    if level > LOWEST_LEVEL { "idporten-loa-high" } else { "idporten-loa-substantial" }
}

/// The level of authentication that an `acr` means, 0 to 4.
pub fn level(acr: &str) -> Option<i64> {
    match acr {
        "idporten-loa-high" | "Level4" => Some(4),
        "idporten-loa-substantial" | "Level3" => Some(3),
        "idporten-loa-low" => Some(0),
        _ => None,
    }
}

impl std::fmt::Debug for OidcClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "OidcClient({})", self.settings.issuer)
    }
}

fn check_claims(
    claims: &IdTokenClaims,
    issuer: &str,
    client_id: &str,
    nonce: &str,
    now: i64,
) -> Result<(NationalId, i64), LoginError> {
    if claims.iss != issuer {
        return Err(LoginError::Token("another issuer made it"));
    }
    let (for_us, several) = match &claims.aud {
        AudienceClaim::One(audience) => (audience == client_id, false),
        AudienceClaim::Many(audiences) => (audiences.iter().any(|audience| audience == client_id), audiences.len() > 1),
    };
    if !for_us {
        return Err(LoginError::Token("it is for another client"));
    }
    if claims.azp.as_ref().map_or(several, |party| party != client_id) {
        return Err(LoginError::Token("another client asked for it"));
    }
    if claims.exp.saturating_add(CLOCK_SKEW) <= now || claims.iat.saturating_sub(CLOCK_SKEW) > now {
        return Err(LoginError::Token("it is not valid now"));
    }
    if claims.nonce.as_deref() != Some(nonce) {
        return Err(LoginError::Token("it belongs to another login"));
    }
    let level = claims.acr.as_deref().and_then(level).filter(|level| *level >= LOWEST_LEVEL);
    let level = level.ok_or(LoginError::Token("the login was not at a level that is enough"))?;
    let pid = claims.pid.as_deref().ok_or(LoginError::Token("it names no person"))?;
    let national_id = pid.parse().map_err(|_| LoginError::Token("it names no person"))?;
    Ok((national_id, level))
}

/// Sends a request and reads the JSON that comes back.
async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, LoginError> {
    let unreachable = |error: reqwest::Error| LoginError::Provider(error.without_url().to_string());
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_server_error() {
        return Err(LoginError::Provider(format!("HTTP {}", status.as_u16())));
    }
    if !status.is_success() {
        return Err(LoginError::Refused(format!("HTTP {}", status.as_u16())));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(LoginError::Provider("its answer is too large".into()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| LoginError::Provider("its answer cannot be read".into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(change: serde_json::Value) -> Result<i64, String> {
        let mut claims = json!({"iss": "https://idp.example", "aud": "us", "exp": 1_100, "iat": 1_000, "nonce": "n",
            "pid": "17858212081", "acr": "idporten-loa-high"});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let claims: IdTokenClaims = serde_json::from_value(claims).unwrap();
        check_claims(&claims, "https://idp.example", "us", "n", 1_000)
            .map(|(_, level)| level)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_claim_of_an_identity_token_is_checked() {
        assert_eq!(check(json!({})), Ok(4));
        assert_eq!(check(json!({"aud": ["us"]})), Ok(4));
        assert_eq!(check(json!({"aud": ["us", "them"], "azp": "us"})), Ok(4));
        assert_eq!(check(json!({"acr": "idporten-loa-substantial"})), Ok(3));
        for (change, reason) in [
            (json!({"iss": "https://other.example"}), "another issuer made it"),
            (json!({"aud": "them"}), "it is for another client"),
            (json!({"aud": ["us", "them"]}), "another client asked for it"),
            (json!({"azp": "them"}), "another client asked for it"),
            (json!({"exp": 990}), "it is not valid now"),
            (json!({"iat": 1_011}), "it is not valid now"),
            (json!({"nonce": "other"}), "it belongs to another login"),
            (json!({"nonce": null}), "it belongs to another login"),
            (json!({"acr": "selfregistered-email"}), "the login was not at a level that is enough"),
            (json!({"pid": null}), "it names no person"),
            (json!({"pid": "17858212082"}), "it names no person"),
        ] {
            assert!(check(change.clone()).is_err_and(|error| error.ends_with(reason)), "{change}");
        }
    }
}
