//! The JWT grant (RFC 7523 §2.1) with which a client asks Maskinporten for a token.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use model::{Iso6523, OrgNumber};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::access_token::SYSTEM_USER_TYPE;

/// The claims that a grant may have; `sub` and `nbf` are RFC 7523's and sent by clients in use.
const KNOWN_CLAIMS: [&str; 12] = [
    "aud",
    "iss",
    "sub",
    "iat",
    "exp",
    "nbf",
    "jti",
    "scope",
    "resource",
    "pid",
    "consumer_org",
    "authorization_details",
];

/// Claims that would change for whom a token is, and that are not served: to leave them unread would be to give another
/// token than the one asked for. Each with what to do.
const REFUSED_CLAIMS: [(&str, &str); 2] = [
    ("iss_onbehalfof", "use consumer_org and a delegation by the consumer"),
    ("consumer_orgno", "the claim is called consumer_org"),
];

/// How strictly grants are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// To the letter of Digdir's documentation: at most 120 seconds from `iat` to `exp`, no unknown claim, `aud` is the
    /// issuer.
    Strict,
    /// As the official service behaves towards the clients in use: at most 180 seconds, else as strict.
    #[default]
    Standard,
    /// For clients that cannot be changed yet: unknown claims are not read, and `aud` may also be the address of the
    /// token endpoint, or the issuer without its last slash.
    Lenient,
}

impl Strictness {
    const ALL: [Self; 3] = [Self::Strict, Self::Standard, Self::Lenient];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Standard => "standard",
            Self::Lenient => "lenient",
        }
    }

    /// How times are read.
    pub fn time_rules(self) -> TimeRules {
        TimeRules { max_lifetime: if self == Self::Strict { 120 } else { 180 }, max_ahead: 10 }
    }

    /// Whether a grant for `aud` is for the service whose issuer this is; the issuer ends with a slash.
    pub fn is_for(self, aud: &str, issuer: &str) -> bool {
        let lenient = || {
            let rest = aud.strip_prefix(issuer.strip_suffix('/').unwrap_or(issuer));
            matches!(rest, Some("" | "/token"))
        };
        aud == issuer || (self == Self::Lenient && lenient())
    }
}

/// A text that names no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("strict, standard or lenient")]
pub struct StrictnessError;

impl FromStr for Strictness {
    type Err = StrictnessError;

    fn from_str(text: &str) -> Result<Self, StrictnessError> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or(StrictnessError)
    }
}

/// The end user that a token is restricted to: a national identity number, which is not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct EndUser(String);

impl EndUser {
    /// The number.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EndUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EndUser(…)")
    }
}

/// The longest claim that is looked at, in bytes.
const MAX_CLAIM: usize = 4_096;

/// Why the payload of a grant cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedGrant {
    /// Not a JSON object.
    #[error("the payload is not a JSON object")]
    NotAnObject,
    /// A claim that must be there is not.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A claim of the wrong kind, blank, or too long.
    #[error("the claim {0} is not {1}")]
    Wrong(&'static str, &'static str),
    /// A claim that no grant has.
    #[error("the claim {0} is not known; remove it")]
    Unknown(String),
    /// A claim that is known and not served.
    #[error("the claim {0} is not supported; {1}")]
    Refused(&'static str, &'static str),
}

/// The claims of a grant. Whether they are true is another question.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The client.
    pub iss: String,
    /// Whom the grant is for.
    pub aud: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// From then on it is not valid, in seconds since 1970.
    pub exp: i64,
    /// Not valid before, in seconds since 1970.
    pub nbf: Option<i64>,
    /// Names the grant.
    pub jti: Option<String>,
    /// The scopes asked for, exactly as written.
    pub scope: String,
    /// The APIs the token shall be for.
    pub resource: Vec<String>,
    /// The end user the token shall be restricted to.
    pub pid: Option<EndUser>,
    /// The organisation that has delegated the scopes to the client's.
    pub consumer_org: Option<OrgNumber>,
    /// What else is asked for (RFC 9396); see [`Grant::system_user_request`].
    pub authorization_details: Option<Value>,
}

impl Grant {
    /// Reads the claims.
    pub fn parse(payload: &[u8], strictness: Strictness) -> Result<Self, MalformedGrant> {
        let Ok(Value::Object(claims)) = serde_json::from_slice(payload) else {
            return Err(MalformedGrant::NotAnObject);
        };
        if let Some((name, hint)) = REFUSED_CLAIMS.into_iter().find(|(name, _)| claims.contains_key(*name)) {
            return Err(MalformedGrant::Refused(name, hint));
        }
        let unknown = claims.keys().find(|name| !KNOWN_CLAIMS.contains(&name.as_str()));
        if let Some(unknown) = unknown.filter(|_| strictness != Strictness::Lenient) {
            return Err(MalformedGrant::Unknown(printable(unknown)));
        }
        let scope = text(&claims, "scope")?.ok_or(MalformedGrant::Missing("scope"))?;
        if scope.split_ascii_whitespace().next().is_none() {
            return Err(MalformedGrant::Missing("scope"));
        }
        Ok(Self {
            iss: text(&claims, "iss")?.ok_or(MalformedGrant::Missing("iss"))?,
            aud: audience(&claims)?,
            iat: seconds(&claims, "iat")?.ok_or(MalformedGrant::Missing("iat"))?,
            exp: seconds(&claims, "exp")?.ok_or(MalformedGrant::Missing("exp"))?,
            nbf: seconds(&claims, "nbf")?,
            jti: text(&claims, "jti")?,
            scope,
            resource: resources(&claims)?,
            pid: text(&claims, "pid")?.map(EndUser),
            consumer_org: organisation(&claims, "consumer_org")?,
            authorization_details: claims.get("authorization_details").filter(|value| !value.is_null()).cloned(),
        })
    }

    /// The scopes asked for, one by one.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split_ascii_whitespace()
    }

    /// What is remembered of a used grant until its `exp`: a hash of client and `jti`, or of what was signed where there
    /// is no `jti`.
    pub fn replay_key(&self, assertion: &str) -> [u8; 32] {
        let text = match &self.jti {
            Some(jti) => Cow::Owned(format!("{}\u{0}{jti}", self.iss)),
            // Not the whole assertion: what stands after the signed part could be written in more than one way.
            None => Cow::Borrowed(assertion.rsplit_once('.').map_or(assertion, |(signed, _)| signed)),
        };
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        key
    }

    /// The system user asked for in `authorization_details`; `None` where none is asked for.
    pub fn system_user_request(&self) -> Result<Option<SystemUserRequest>, AuthorizationDetailsError> {
        self.authorization_details.as_ref().map(SystemUserRequest::parse).transpose()
    }
}

/// A name as it is fit to be shown: what is not printable ASCII is a question mark.
fn printable(name: &str) -> String {
    let shown = |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') { c } else { '?' };
    name.chars().map(shown).take(64).collect()
}

fn text(claims: &Map<String, Value>, name: &'static str) -> Result<Option<String>, MalformedGrant> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() && text.len() <= MAX_CLAIM && !text.contains('\0') => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(MalformedGrant::Wrong(name, "a text")),
    }
}

fn organisation(claims: &Map<String, Value>, name: &'static str) -> Result<Option<OrgNumber>, MalformedGrant> {
    const WRONG: &str = "an organisation number: nine digits with a right check digit, as a text";
    let parse = |text: String| text.parse().map_err(|_| MalformedGrant::Wrong(name, WRONG));
    text(claims, name).map_err(|_| MalformedGrant::Wrong(name, WRONG))?.map(parse).transpose()
}

fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, MalformedGrant> {
    const WRONG: &str = "a number of seconds since 1970";
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            // A NumericDate may have decimals (RFC 7519 §2). Beyond the year 9999 it is a mistake in units.
            let whole = number.as_i64().or_else(|| {
                #[expect(clippy::cast_possible_truncation, reason = "the range is checked on the next line")]
                number.as_f64().filter(|seconds| seconds.abs() < 1e12).map(|seconds| seconds.floor() as i64)
            });
            whole
                .filter(|seconds| (0..253_402_300_800).contains(seconds))
                .map(Some)
                .ok_or(MalformedGrant::Wrong(name, WRONG))
        }
        Some(_) => Err(MalformedGrant::Wrong(name, WRONG)),
    }
}

fn audience(claims: &Map<String, Value>) -> Result<String, MalformedGrant> {
    match claims.get("aud") {
        None | Some(Value::Null) => Err(MalformedGrant::Missing("aud")),
        Some(Value::Array(values)) => match values.as_slice() {
            [Value::String(one)] => Ok(one.clone()),
            _ => Err(MalformedGrant::Wrong("aud", "a single text")),
        },
        Some(Value::String(one)) => Ok(one.clone()),
        Some(_) => Err(MalformedGrant::Wrong("aud", "a single text")),
    }
}

fn resources(claims: &Map<String, Value>) -> Result<Vec<String>, MalformedGrant> {
    const WRONG: MalformedGrant = MalformedGrant::Wrong("resource", "a URI or an array of URIs");
    let values = match claims.get("resource") {
        None | Some(Value::Null) => return Ok(vec![]),
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(values)) if values.len() <= 10 => {
            values.iter().map(|value| value.as_str().map(str::to_owned).ok_or(WRONG)).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(WRONG),
    };
    if values.iter().all(|value| is_uri(value)) { Ok(values) } else { Err(WRONG) }
}

/// Whether a text can be a URI: a scheme, then characters that URIs have (RFC 3986 §3.1, §2).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let of_uri = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    text.len() <= MAX_CLAIM
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(of_scheme)
        && !rest.is_empty()
        && rest.chars().all(of_uri)
}

/// A system user asked for by the client: the customer and, where there are several, the vendor's reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemUserRequest {
    /// The customer.
    pub owner: OrgNumber,
    /// The vendor's reference.
    pub external_ref: Option<String>,
}

/// Why `authorization_details` asks for nothing that can be given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthorizationDetailsError {
    /// Not an array of exactly one object.
    #[error("authorization_details is an array with exactly one object")]
    NotOne,
    /// A type that is not known.
    #[error("the authorization details type {0} is not known; use urn:altinn:systemuser")]
    UnknownType(String),
    /// A type that is known, but not set up here.
    #[error("authorization details of type {0} are not set up here")]
    NotConfigured(&'static str),
    /// A member that the type does not have.
    #[error("the authorization details have an unknown field {0}; remove it")]
    UnknownField(String),
    /// A value that is no organisation or no text.
    #[error("the authorization details field {0} is not {1}")]
    WrongValue(&'static str, &'static str),
}

impl SystemUserRequest {
    fn parse(details: &Value) -> Result<Self, AuthorizationDetailsError> {
        use AuthorizationDetailsError as Error;

        let Some([Value::Object(detail)]) = details.as_array().map(Vec::as_slice) else {
            return Err(Error::NotOne);
        };
        match detail.get("type").and_then(Value::as_str) {
            Some(SYSTEM_USER_TYPE) => {}
            Some("urn:altinn:consent") => return Err(Error::NotConfigured("urn:altinn:consent")),
            other => return Err(Error::UnknownType(other.map(printable).unwrap_or_default())),
        }
        if let Some(unknown) =
            detail.keys().find(|name| !matches!(name.as_str(), "type" | "systemuser_org" | "externalRef"))
        {
            return Err(Error::UnknownField(printable(unknown)));
        }
        const ORG: Error = Error::WrongValue(
            "systemuser_org",
            "an organisation: authority iso6523-actorid-upis, ID 0192: and nine digits with a right check digit",
        );
        let org = detail.get("systemuser_org").and_then(Value::as_object).ok_or(ORG)?;
        if let Some(unknown) = org.keys().find(|name| !matches!(name.as_str(), "authority" | "ID" | "id")) {
            return Err(Error::UnknownField(format!("systemuser_org.{}", printable(unknown))));
        }
        let owner = serde_json::from_value::<Iso6523>(Value::Object(org.clone()))
            .ok()
            .and_then(|org| org.org_number())
            .ok_or(ORG)?;
        let external_ref = match detail.get("externalRef") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) if text.chars().count() <= 255 && !text.contains('\0') => Some(text.clone()),
            Some(_) => return Err(Error::WrongValue("externalRef", "a text of at most 255 characters")),
        };
        Ok(Self { owner, external_ref })
    }
}

/// How strictly a grant's times are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRules {
    /// The longest time between `iat` and `exp`, in seconds.
    pub max_lifetime: i64,
    /// How far `iat` and `nbf` may lie ahead of our clock, in seconds.
    pub max_ahead: i64,
}

/// Why a grant is not valid now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WrongTime {
    /// `exp` has passed.
    #[error("the grant expired {seconds} s ago; sign a new one, and check the clock")]
    Expired {
        /// How long ago.
        seconds: i64,
    },
    /// `iat` or `nbf` lies ahead.
    #[error(
        "the grant's {claim} is {seconds} s ahead of the server's clock, at most {allowed} s are accepted; check the clock"
    )]
    Ahead {
        /// Which claim.
        claim: &'static str,
        /// How far ahead.
        seconds: i64,
        /// How far is accepted.
        allowed: i64,
    },
    /// `exp` lies too long after `iat`, or before it.
    #[error("the grant lasts {seconds} s from iat to exp; it must last from 1 to {allowed} s")]
    Lifetime {
        /// How long it lasts.
        seconds: i64,
        /// How long it may last.
        allowed: i64,
    },
}

/// Checks the times of a grant at `now`, in seconds since 1970.
pub fn check_times(grant: &Grant, now: i64, rules: TimeRules) -> Result<(), WrongTime> {
    for (claim, time) in [("iat", Some(grant.iat)), ("nbf", grant.nbf)] {
        let ahead = time.map_or(0, |time| time - now);
        if ahead > rules.max_ahead {
            return Err(WrongTime::Ahead { claim, seconds: ahead, allowed: rules.max_ahead });
        }
    }
    if grant.exp <= now {
        return Err(WrongTime::Expired { seconds: now - grant.exp });
    }
    let lifetime = grant.exp - grant.iat;
    if lifetime < 1 || lifetime > rules.max_lifetime {
        return Err(WrongTime::Lifetime { seconds: lifetime, allowed: rules.max_lifetime });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn payload() -> Value {
        json!({"aud": "https://maskinporten.example/", "iss": "client", "scope": "a:b  c:d", "iat": 1000, "exp": 1120, "jti": "1"})
    }

    fn parse(claims: &Value) -> Result<Grant, MalformedGrant> {
        Grant::parse(claims.to_string().as_bytes(), Strictness::Standard)
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = payload();
        claims[name] = value;
        claims
    }

    #[test]
    fn a_grant_is_read() {
        let grant = parse(&payload()).unwrap();
        assert_eq!(grant.scopes().collect::<Vec<_>>(), ["a:b", "c:d"]);
        assert_eq!(grant.scope, "a:b  c:d");
        assert_eq!(parse(&with("aud", json!(["https://maskinporten.example/"]))).unwrap().aud, grant.aud);
        assert_eq!(parse(&with("exp", json!(1120.75))).unwrap().exp, 1120);
        assert_eq!(parse(&with("resource", json!("https://api.example"))).unwrap().resource, ["https://api.example"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for name in ["aud", "iss", "scope", "iat", "exp"] {
            assert_eq!(parse(&with(name, Value::Null)).unwrap_err(), MalformedGrant::Missing(name));
        }
        assert_eq!(parse(&with("aud", json!(["a", "b"]))).unwrap_err(), MalformedGrant::Wrong("aud", "a single text"));
        assert!(matches!(parse(&with("iat", json!("1000"))), Err(MalformedGrant::Wrong("iat", _))));
        assert!(matches!(parse(&with("iat", json!(1e15))), Err(MalformedGrant::Wrong("iat", _))));
        assert!(matches!(parse(&with("exp", json!(1_790_000_000_000_i64))), Err(MalformedGrant::Wrong("exp", _))));
        assert_eq!(parse(&with("admin", json!(true))).unwrap_err(), MalformedGrant::Unknown("admin".into()));
        assert_eq!(parse(&json!([])).unwrap_err(), MalformedGrant::NotAnObject);
        assert_eq!(
            parse(&with("resource", json!(["x"]))).unwrap_err().to_string(),
            "the claim resource is not a URI or an array of URIs"
        );
    }

    #[test]
    fn strictness_is_one_switch() {
        let parse = |claims: Value, strictness| Grant::parse(claims.to_string().as_bytes(), strictness);
        let unknown = || with("admin", json!(true));
        for strictness in [Strictness::Strict, Strictness::Standard] {
            assert_eq!(parse(unknown(), strictness), Err(MalformedGrant::Unknown("admin".into())));
        }
        assert!(parse(unknown(), Strictness::Lenient).is_ok());
        for claim in ["iss_onbehalfof", "consumer_orgno"] {
            let refused = parse(with(claim, json!("310904473")), Strictness::Lenient);
            assert!(matches!(refused, Err(MalformedGrant::Refused(name, _)) if name == claim));
        }
        let lifetimes = [Strictness::Strict, Strictness::Standard, Strictness::Lenient];
        assert_eq!(lifetimes.map(|strictness| strictness.time_rules().max_lifetime), [120, 180, 180]);
        let issuer = "https://maskinporten.example/";
        for aud in ["https://maskinporten.example", "https://maskinporten.example/token"] {
            assert!(!Strictness::Standard.is_for(aud, issuer) && Strictness::Lenient.is_for(aud, issuer));
        }
        for aud in ["https://maskinporten.example.evil/", "https://maskinporten.example/token/", "", "https://other/"] {
            assert!(!Strictness::Lenient.is_for(aud, issuer));
        }
        assert!(Strictness::Strict.is_for(issuer, issuer));
    }

    #[test]
    fn a_resource_is_any_uri() {
        for uri in ["https://api.example/orders?x=1", "urn:oid:1.2", "api:x"] {
            assert_eq!(parse(&with("resource", json!(uri))).unwrap().resource, [uri]);
        }
        for wrong in ["x", "1:x", "a b:c", "https://api.example/a b", "https:", "https://æ.no", ":x"] {
            assert!(parse(&with("resource", json!([wrong]))).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_limits() {
        let check = |iat: i64, exp: i64| {
            let grant = Grant { iat, exp, ..parse(&payload()).unwrap() };
            check_times(&grant, 1_000, Strictness::default().time_rules())
        };
        for lifetime in [10, 60, 100, 119, 120, 180] {
            assert_eq!(check(1_000, 1_000 + lifetime), Ok(()));
        }
        assert_eq!(check(1_000, 4_600), Err(WrongTime::Lifetime { seconds: 3_600, allowed: 180 }));
        assert_eq!(check(900, 1_000), Err(WrongTime::Expired { seconds: 0 }));
        assert_eq!(check(1_010, 1_100), Ok(()));
        assert_eq!(check(1_011, 1_100), Err(WrongTime::Ahead { claim: "iat", seconds: 11, allowed: 10 }));
        assert_eq!(check(1_009, 1_009), Err(WrongTime::Lifetime { seconds: 0, allowed: 180 }));
    }

    #[test]
    fn a_system_user_is_asked_for_exactly() {
        let ask = |details: Value| parse(&with("authorization_details", details)).unwrap().system_user_request();
        let org = json!({"authority": "iso6523-actorid-upis", "ID": "0192:310904473"});
        let owner = "310904473".parse().unwrap();
        assert_eq!(parse(&payload()).unwrap().system_user_request(), Ok(None));
        assert_eq!(
            ask(json!([{"type": SYSTEM_USER_TYPE, "systemuser_org": org}])),
            Ok(Some(SystemUserRequest { owner, external_ref: None }))
        );
        assert_eq!(
            ask(json!([{"type": SYSTEM_USER_TYPE, "systemuser_org": org, "externalRef": "dept-7"}])),
            Ok(Some(SystemUserRequest { owner, external_ref: Some("dept-7".into()) }))
        );
        use AuthorizationDetailsError as Error;
        assert_eq!(ask(json!([])), Err(Error::NotOne));
        assert_eq!(ask(json!({"type": SYSTEM_USER_TYPE})), Err(Error::NotOne));
        assert_eq!(ask(json!([{"type": "x"}])), Err(Error::UnknownType("x".into())));
        assert_eq!(ask(json!([{"type": "urn:altinn:consent"}])), Err(Error::NotConfigured("urn:altinn:consent")));
        assert_eq!(
            ask(json!([{"type": SYSTEM_USER_TYPE, "systemuser_org": org, "external_ref": "x"}])),
            Err(Error::UnknownField("external_ref".into()))
        );
        assert!(
            ask(json!([{"type": SYSTEM_USER_TYPE, "systemuser_org": ["iso6523-actorid-upis", "0192:310904473"]}]))
                .is_err()
        );
        for id in ["310904473", "0192:310904474", "9908:310904473", "0192:"] {
            let org = json!({"authority": "iso6523-actorid-upis", "ID": id});
            assert!(matches!(
                ask(json!([{"type": SYSTEM_USER_TYPE, "systemuser_org": org}])),
                Err(Error::WrongValue("systemuser_org", _))
            ));
        }
    }

    #[test]
    fn a_used_grant_is_remembered_by_client_and_jti_or_by_its_text() {
        let grant = parse(&payload()).unwrap();
        let other_client = Grant { iss: "other".into(), ..grant.clone() };
        assert_eq!(grant.replay_key("x"), grant.replay_key("y"));
        assert_ne!(grant.replay_key("x"), other_client.replay_key("x"));
        let without = Grant { jti: None, ..grant };
        assert_eq!(without.replay_key("a.x.s"), without.replay_key("a.x.t"));
        assert_ne!(without.replay_key("a.x.s"), without.replay_key("a.y.s"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(payload in "\\PC{0,200}") {
            let _ = Grant::parse(payload.as_bytes(), Strictness::Lenient);
        }

        /// No grant is valid that has expired, lasts too long, or comes from the future.
        #[test]
        fn valid_times_are_within_the_rules(iat in 0i64..3_000, exp in 0i64..3_000, now in 0i64..3_000) {
            let grant = Grant { iat, exp, ..parse(&payload()).unwrap() };
            let rules = Strictness::default().time_rules();
            let valid = check_times(&grant, now, rules).is_ok();
            prop_assert_eq!(valid, exp > now && iat <= now + 10 && exp - iat <= 180 && exp - iat >= 1);
        }
    }
}
