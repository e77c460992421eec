//! What may be registered: clients, keys, scopes. Pure functions that name all that is wrong at once.

use std::collections::HashSet;

use jiff::{Timestamp, ToSpan};
use model::{Client, ClientKey, OrgNumber, Scope, ScopeName, ScopeVisibility};
use serde::Deserialize;
use serde_json::Value;
use token::certificates::{CertificateChain, EnterpriseCertificates};
use token::keys::{Algorithm, VerifyingKey};
use utoipa::ToSchema;

/// The grant type of every client, and the short name that registrations may write.
pub const GRANT_TYPES: [&str; 2] = ["urn:ietf:params:oauth:grant-type:jwt-bearer", "jwt_bearer_token"];
/// How many clients an organisation may have, deactivated ones included.
pub const MAX_CLIENTS: usize = 1_000;
/// How many scopes an organisation may have, deactivated ones included.
pub const MAX_SCOPES: usize = 1_000;

/// A client as it is posted or put. Members that are not known, or that only the server sets, are ignored.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ClientInput {
    /// `maskinporten`.
    #[serde(default)]
    pub integration_type: String,
    /// The owner's name for it.
    #[serde(default)]
    pub client_name: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The scopes it may ask for.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// `private_key_jwt`.
    pub token_endpoint_auth_method: Option<String>,
    /// The JWT bearer grant.
    pub grant_types: Option<Vec<String>>,
    /// How long its tokens last, in seconds; 120 where not given.
    pub access_token_lifetime: Option<i64>,
    /// For whom it is; suppliers only.
    pub client_orgno: Option<String>,
    /// The id of a client that there is; to post it again is a conflict.
    pub client_id: Option<String>,
}

impl ClientInput {
    /// Puts what is asked for into `client`, or names all that is wrong with it.
    pub fn apply(self, client: Client, now: Timestamp) -> Result<Client, Vec<String>> {
        let mut errors = Vec::new();
        let mut require = |holds: bool, message: &str| {
            if !holds {
                errors.push(message.to_owned());
            }
        };
        let short = |text: &str, most: usize| text.chars().count() <= most;
        require(self.integration_type == "maskinporten", "integration_type must be maskinporten.");
        let method = self.token_endpoint_auth_method.as_deref();
        let known = method.is_none_or(|method| method == "private_key_jwt");
        require(known, "token_endpoint_auth_method must be private_key_jwt.");
        let known = self.grant_types.iter().flatten().all(|grant| GRANT_TYPES.contains(&grant.as_str()));
        require(known, "grant_types must be urn:ietf:params:oauth:grant-type:jwt-bearer.");
        let named = !self.client_name.trim().is_empty() && short(&self.client_name, 255);
        require(named, "client_name has 1 to 255 characters.");
        let description = self.description.unwrap_or_default();
        require(short(&description, 2_000), "description has at most 2000 characters.");
        let scopes = self.scopes.unwrap_or_default();
        require(scopes.len() <= Client::MAX_SCOPES, "a client has at most 200 scopes.");
        let written = scopes.iter().all(|scope| scope.parse::<ScopeName>().is_ok());
        require(written, "scopes are written prefix:subscope.");
        // With these, the client would administer everything of the organisation it was made for.
        let administers = client.supplier.is_some() && scopes.iter().any(|scope| scope.starts_with("idporten:"));
        require(!administers, "a client for another organisation cannot have idporten: scopes.");
        let lifetime = self.access_token_lifetime.filter(|lifetime| *lifetime != 0);
        let lifetime = lifetime.unwrap_or(Client::DEFAULT_TOKEN_LIFETIME);
        require((1..=Client::MAX_TOKEN_LIFETIME).contains(&lifetime), "access_token_lifetime is 1 to 7200 seconds.");
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut seen = HashSet::new();
        Ok(Client {
            name: self.client_name,
            description,
            scopes: scopes.into_iter().filter(|scope| seen.insert(scope.clone())).collect(),
            access_token_lifetime: lifetime,
            updated: now,
            ..client
        })
    }
}

/// A new client that has nothing yet.
pub fn new_client(client_id: String, org: OrgNumber, supplier: Option<OrgNumber>, now: Timestamp) -> Client {
    Client {
        client_id,
        org,
        supplier,
        name: String::new(),
        description: String::new(),
        scopes: vec![],
        access_token_lifetime: Client::DEFAULT_TOKEN_LIFETIME,
        active: true,
        created: now,
        updated: now,
    }
}

/// What a key set is checked for, beside the keys themselves.
#[derive(Debug, Clone, Copy)]
pub struct KeyRules<'a> {
    /// Whose client it is.
    pub org: OrgNumber,
    /// The enterprise certificates that are accepted.
    pub certificates: Option<&'a EnterpriseCertificates>,
    /// When the keys are posted.
    pub now: Timestamp,
}

impl KeyRules<'_> {
    /// Checks a key set; on failure, names all that is wrong. Private members are refused: they must never be sent.
    pub fn check(&self, keys: &[Value]) -> Result<Vec<ClientKey>, Vec<String>> {
        if keys.is_empty() || keys.len() > Client::MAX_KEYS {
            return Err(vec!["keys has 1 to 5 keys. To remove the last one, use DELETE.".into()]);
        }
        let mut errors = Vec::new();
        let mut checked: Vec<ClientKey> = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            match self.check_key(key) {
                Ok(key) if checked.iter().any(|other| other.kid == key.kid) => {
                    errors.push(format!("keys[{index}]: the kid is used more than once."));
                }
                Ok(key) => checked.push(key),
                Err(message) => errors.push(format!("keys[{index}]: {message}")),
            }
        }
        if errors.is_empty() { Ok(checked) } else { Err(errors) }
    }

    fn check_key(&self, key: &Value) -> Result<ClientKey, String> {
        const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        if PRIVATE.iter().any(|name| key.get(name).is_some()) {
            return Err(
                "it has private members. Send the public key only, and replace this one: it is no longer secret."
                    .into(),
            );
        }
        let text = |name: &str| key.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name} is missing."));
        if text("kty")? != "RSA" {
            return Err("kty must be RSA.".into());
        }
        if text("use")? != "sig" {
            return Err("use must be sig.".into());
        }
        let kid = text("kid")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if kid.is_empty() || kid.len() > 255 || !kid.chars().all(allowed) {
            return Err("kid has 1 to 255 letters, digits and the characters . _ - only.".into());
        }
        let alg = text("alg")?;
        let algorithm = Algorithm::from_name(alg).ok_or("alg must be RS256, RS384 or RS512.")?;
        let (n, e) = (text("n")?, text("e")?);
        VerifyingKey::new(algorithm, n, e).map_err(|error| format!("{error}."))?;
        Ok(ClientKey {
            kid: kid.to_owned(),
            alg: alg.to_owned(),
            n: n.to_owned(),
            e: e.to_owned(),
            x5c: self.check_certificates(key.get("x5c"), n, e)?,
            expires: self.now + Client::KEY_LIFETIME_HOURS.hours(),
            created: self.now,
        })
    }

    /// The certificates that bind the key: of this key, this organisation, and accepted now.
    fn check_certificates(&self, x5c: Option<&Value>, n: &str, e: &str) -> Result<Vec<String>, String> {
        let Some(x5c) = x5c.filter(|x5c| !x5c.is_null()) else { return Ok(vec![]) };
        let chain = CertificateChain::from_x5c(x5c).map_err(|error| format!("{error}."))?;
        if !chain.is_for(n, e) {
            return Err("the first certificate of x5c is another key's.".into());
        }
        let trusted = self.certificates.ok_or("x5c is not accepted here; send the key without.")?;
        let org = trusted.verify(&chain, self.now.as_second());
        let org = org.map_err(|error| format!("the certificate is not accepted: {error}."))?;
        if org != self.org {
            return Err("the certificate is another organisation's.".into());
        }
        Ok(chain.to_x5c())
    }
}

/// A scope as it is posted or put. Members that are not known, or that only the server sets, are ignored.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ScopeInput {
    /// The owner's prefix.
    #[serde(default)]
    pub prefix: Option<String>,
    /// What the owner calls it, after the prefix.
    #[serde(default)]
    pub subscope: Option<String>,
    /// Shown to those who choose among scopes.
    #[serde(default)]
    pub description: String,
    /// More about it, in Markdown.
    #[serde(default)]
    pub long_description: Option<String>,
    /// `PUBLIC`, `PRIVATE` or `INTERNAL`.
    #[serde(default)]
    pub visibility: Option<String>,
    /// The kinds of client that may use it; empty for any.
    #[serde(default)]
    pub allowed_integration_types: Option<Vec<String>>,
    /// Whether no grant is needed.
    #[serde(default)]
    pub accessible_for_all: Option<bool>,
    /// The issuer of a delegation source, for a scope that can be delegated.
    #[serde(default)]
    pub delegation_source: Option<String>,
    /// Caps the life of tokens, in seconds; 0 for no cap.
    #[serde(default)]
    pub at_max_age: Option<i64>,
    /// Whether tokens are issued; a scope that was deactivated can be made active again.
    #[serde(default)]
    pub active: Option<bool>,
}

impl ScopeInput {
    /// Puts what is asked for into `scope`, or names all that is wrong with it. `delegation_source` is the one that
    /// there is, by issuer.
    pub fn apply(self, scope: Scope, delegation_source: &str, now: Timestamp) -> Result<Scope, Vec<String>> {
        const INTEGRATION_TYPES: [&str; 6] =
            ["maskinporten", "idporten", "api_klient", "ansattporten", "krr", "eformidling"];
        let mut errors = Vec::new();
        let other = |given: &Option<String>, own: &str| given.as_deref().is_some_and(|given| given != own);
        if other(&self.prefix, scope.name.prefix()) || other(&self.subscope, scope.name.subscope()) {
            errors.push("prefix and subscope of a scope never change. Make another scope.".to_owned());
        }
        if self.description.trim().is_empty() || self.description.chars().count() > 2_000 {
            errors.push("description has 1 to 2000 characters.".to_owned());
        }
        let long_description = self.long_description.unwrap_or_default();
        if long_description.chars().count() > 20_000 {
            errors.push("long_description has at most 20000 characters.".to_owned());
        }
        let visibility = match self.visibility.as_deref() {
            None | Some("PUBLIC") => ScopeVisibility::Public,
            Some("PRIVATE") => ScopeVisibility::Private,
            Some("INTERNAL") => ScopeVisibility::Internal,
            Some(_) => {
                errors.push("visibility is PUBLIC, PRIVATE or INTERNAL.".to_owned());
                ScopeVisibility::Public
            }
        };
        let types = self.allowed_integration_types.unwrap_or_default();
        if types.len() > INTEGRATION_TYPES.len() || types.iter().any(|kind| !INTEGRATION_TYPES.contains(&&**kind)) {
            errors.push(format!("allowed_integration_types are among {}.", INTEGRATION_TYPES.join(", ")));
        }
        let at_max_age = self.at_max_age.unwrap_or(0);
        if !(0..=Client::MAX_TOKEN_LIFETIME).contains(&at_max_age) {
            errors.push("at_max_age is 0 to 7200 seconds.".to_owned());
        }
        let bare = |issuer: &str| issuer.trim_end_matches('/').to_owned();
        let source = self.delegation_source.filter(|source| !source.is_empty());
        // What a scope has already stays right, also where the platform's address has changed.
        let unchanged = source.is_some() && source == scope.delegation_source;
        if !unchanged && source.as_ref().is_some_and(|source| bare(source) != bare(delegation_source)) {
            errors.push(format!("delegation_source is {delegation_source} or empty; see /api/v1/delegationsources."));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Scope {
            description: self.description,
            long_description,
            visibility,
            allowed_integration_types: types,
            accessible_for_all: self.accessible_for_all.unwrap_or(false),
            delegation_source: if unchanged { source } else { source.map(|_| delegation_source.to_owned()) },
            at_max_age,
            active: self.active.unwrap_or(scope.active),
            updated: now,
            ..scope
        })
    }
}

/// Whether a scope can be granted.
pub fn may_be_granted(scope: &Scope) -> Result<(), String> {
    if scope.active { Ok(()) } else { Err("The scope is deactivated. Make it active first.".into()) }
}

/// A new scope that nothing is said about yet.
pub fn new_scope(name: ScopeName, owner: OrgNumber, now: Timestamp) -> Scope {
    Scope {
        name,
        owner,
        description: String::new(),
        long_description: String::new(),
        visibility: ScopeVisibility::Public,
        allowed_integration_types: vec![],
        accessible_for_all: false,
        delegation_source: None,
        at_max_age: 0,
        active: true,
        created: now,
        updated: now,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use token::certificates::authority::{Authority, Profile, Subject};
    use token::keys::SigningKey;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn org() -> OrgNumber {
        "991825827".parse().unwrap()
    }

    fn input() -> ClientInput {
        ClientInput { integration_type: "maskinporten".into(), client_name: "x".into(), ..ClientInput::default() }
    }

    #[test]
    fn all_that_is_wrong_with_a_client_is_named_at_once() {
        let client = || new_client("1".into(), org(), None, now());
        let wrong = ClientInput {
            integration_type: "idporten".into(),
            client_name: " ".into(),
            scopes: Some(vec!["nocolon".into()]),
            grant_types: Some(vec!["implicit".into()]),
            token_endpoint_auth_method: Some("client_secret_basic".into()),
            access_token_lifetime: Some(7_201),
            ..ClientInput::default()
        };
        assert_eq!(wrong.apply(client(), now()).unwrap_err().len(), 6);
        let scopes = Some(vec!["a:b".into(), "a:b".into()]);
        let made = ClientInput { scopes, grant_types: Some(vec!["jwt_bearer_token".into()]), ..input() };
        let made = made.apply(client(), now()).unwrap();
        assert_eq!((made.scopes, made.access_token_lifetime), (vec!["a:b".to_owned()], 120));
    }

    #[test]
    fn the_certificates_of_a_key_must_be_its_own_and_its_owners() {
        let key = SigningKey::generate(2048).unwrap();
        let authority = Authority::new(2026).unwrap();
        let trusted = EnterpriseCertificates::new(&authority.root_pem()).unwrap();
        let jwk = |organisation: &str, signer: &SigningKey| {
            let subject = Subject {
                organisation: organisation.parse().unwrap(),
                name: "x".into(),
                profile: Profile::OrganizationIdentifier,
            };
            let chain = authority.issue(signer, &subject, 2026..2029, 3).unwrap();
            let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
            jwk["x5c"] = json!(CertificateChain::from_pem(&chain).unwrap().to_x5c());
            jwk
        };
        let rules = KeyRules { org: org(), certificates: Some(&trusted), now: now() };
        assert_eq!(rules.check(&[jwk("991825827", &key)]).unwrap()[0].x5c.len(), 2);
        let refused = |rules: &KeyRules<'_>, jwk: Value| rules.check(&[jwk]).unwrap_err().remove(0);
        assert!(refused(&rules, jwk("974761076", &key)).contains("another organisation's"));
        let other = SigningKey::generate(2048).unwrap();
        assert!(refused(&rules, jwk("991825827", &other)).contains("another key's"));
        let without = KeyRules { certificates: None, ..rules };
        assert!(refused(&without, jwk("991825827", &key)).contains("not accepted here"));
    }

    #[test]
    fn a_delegation_source_is_the_one_there_is() {
        let source = "https://platform.example/";
        let apply = |given: &str| {
            let input =
                ScopeInput { description: "x".into(), delegation_source: Some(given.into()), ..ScopeInput::default() };
            input.apply(new_scope("a:b".parse().unwrap(), org(), now()), source, now())
        };
        assert_eq!(apply("https://platform.example").unwrap().delegation_source.as_deref(), Some(source));
        assert_eq!(apply("").unwrap().delegation_source, None);
        assert!(apply("https://other.example/").is_err());
    }

    proptest! {
        #[test]
        fn checking_keys_never_panics(member in "[a-z0-9]{0,4}", text in "\\PC{0,80}") {
            let rules = KeyRules { org: org(), certificates: None, now: now() };
            let key = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k", "e": "AQAB", "n": text.clone(), member: text});
            let _ = rules.check(&[key, json!(text)]);
        }
    }
}
