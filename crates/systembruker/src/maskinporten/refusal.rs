//! Why `/token` refuses, and how that is said.
//!
//! Clients match on `error`, on the code at the end of `error_uri`, and on fixed parts of the text; those are Digdir's.
//! Between the fixed part and the trace id stand our own words: the exact reason, and what to do. They are ASCII
//! without quotation marks and backslashes, as RFC 6749 §5.2 wants it, and say nothing of other organisations' systems.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use model::OrgNumber;
use serde_json::json;
use token::certificates::{MalformedChain, UntrustedCertificate};
use token::grant::{AuthorizationDetailsError, MalformedGrant, WrongTime};
use token::jws::MalformedJws;

use crate::http::request_id;

/// A refusal of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The form lacks something or says something else than what is served.
    Form(String),
    /// The form is too large.
    FormTooLarge,
    /// Another grant type.
    GrantType,
    /// The assertion is no token.
    Malformed(MalformedJws),
    /// The header names no key and has no certificate.
    NoKeyId,
    /// The header has a certificate, and the client has registered keys.
    CertificateInsteadOfKey,
    /// What the header has as certificates are none.
    MalformedChain(MalformedChain),
    /// The certificate is not accepted.
    Certificate(UntrustedCertificate),
    /// The certificate is another organisation's than the client's.
    CertificateOfAnother,
    /// The payload is no grant.
    Claims(MalformedGrant),
    /// There is no such client, or it is not active.
    UnknownClient,
    /// The client has no such key.
    UnknownKey,
    /// The client's key has expired.
    ExpiredKey,
    /// The signature is wrong.
    Signature,
    /// The grant is for another audience.
    Audience {
        /// The one it should be for.
        expected: String,
    },
    /// The grant is not valid now.
    Time(WrongTime),
    /// The grant was used before.
    Used,
    /// The grant is from before the service started.
    FromBefore,
    /// Scopes that the client cannot get tokens for.
    InvalidScopes {
        /// Which.
        invalid: Vec<String>,
        /// Which of them are on the client, but do not exist or are deactivated.
        gone: Vec<String>,
    },
    /// A scope that is not for clients of this kind.
    ScopeNotForMaskinporten(String),
    /// A scope that was not granted to the client's organisation.
    ScopeNotGranted(String),
    /// The organisation named as consumer is the client's own.
    ConsumerIsOwn,
    /// Scopes whose delegations stand in different registries.
    DelegationSourcesDiffer,
    /// A system user and another organisation's scopes at once.
    DelegationAndSystemUser,
    /// The organisation named as consumer has delegated nothing to the client's.
    NotDelegated {
        /// The consumer.
        consumer: OrgNumber,
        /// The scope.
        scope: String,
        /// The client's organisation.
        supplier: OrgNumber,
        /// Whether it could be delegated at all.
        delegable: bool,
    },
    /// The end user named is not one.
    EndUser,
    /// What is asked for beside scopes cannot be understood.
    Details(AuthorizationDetailsError),
    /// There is no system user to be had.
    NoSystemUser(NoSystemUser),
    /// The client asks too often.
    TooMany {
        /// When it may ask again, in seconds from now.
        wait: u64,
    },
    /// Nothing can be decided now.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// Why there is no system user, as far as the caller may know: its own systems only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSystemUser {
    /// The client is registered on no system.
    ClientInNoSystem,
    /// The client's system is deleted.
    SystemDeleted {
        /// The system.
        system: String,
    },
    /// The client belongs to another organisation than its system.
    VendorDiffers,
    /// A request waits for the customer.
    RequestWaits,
    /// The customer rejected.
    RequestRejected,
    /// Nobody answered in time.
    RequestTimedOut,
    /// The vendor took the request back.
    RequestWithdrawn,
    /// The customer took it back.
    Deleted,
    /// The customer is a client of an agent that has one.
    ClientOfAgent,
    /// There is one under another reference.
    OtherReference,
    /// The customer is a sub-unit, and its main unit has one.
    MainUnitHasOne {
        /// The main unit.
        main_unit: OrgNumber,
    },
    /// There is none.
    None,
}

impl NoSystemUser {
    /// What is wrong and what to do.
    pub fn reason(&self) -> String {
        match self {
            Self::ClientInNoSystem => {
                "The client id is registered on no system in the system register. Add it to the system's clientId list.".into()
            }
            Self::SystemDeleted { system } => {
                format!("The system {system} that the client id belonged to is deleted. Register a new system.")
            }
            Self::VendorDiffers => {
                "The client and the system it is registered on belong to different organisations. Use a client of the vendor's own.".into()
            }
            Self::RequestWaits => {
                "A request for this system user waits for the customer's approval. Send the customer its confirmUrl, and try again when it is approved.".into()
            }
            Self::RequestRejected => {
                "The customer rejected the request for this system user. Delete the request and post a new one to ask again.".into()
            }
            Self::RequestTimedOut => {
                "The request for this system user was not answered in time. Post a new one.".into()
            }
            Self::RequestWithdrawn => {
                "The request for this system user was withdrawn before the customer answered. Post a new one.".into()
            }
            Self::ClientOfAgent => {
                "The organisation is a client of an agent that has a system user for this system: ask with the number of the agent, who owns it.".into()
            }
            Self::Deleted => "The customer has deleted the system user. Post a new request to ask again.".into(),
            Self::OtherReference => {
                "The customer has a system user for this system under another externalRef. Send the externalRef that the request was made with.".into()
            }
            Self::MainUnitHasOne { main_unit } => {
                format!("The organisation is a sub-unit. Its main unit {main_unit} has a system user: ask with that number.")
            }
            Self::None => {
                "The customer has no system user for this system. Post a request for one. systemuser_org must be the owner of the system user, not a client of the owner.".into()
            }
        }
    }
}

/// How a refusal is said: status, `error`, code, and the fixed and the own part of the text.
struct Said {
    status: StatusCode,
    error: &'static str,
    code: Option<&'static str>,
    fixed: String,
    own: String,
}

impl Refusal {
    #[expect(clippy::too_many_lines, reason = "one row for each refusal, to be read together")]
    fn said(&self) -> Said {
        const AUTHENTICATION: &str = "Invalid assertion. Client authentication failed.";
        let bad = |error, code: Option<&'static str>, fixed: String, own: String| Said {
            status: StatusCode::BAD_REQUEST,
            error,
            code,
            fixed,
            own,
        };
        let grant = |code, fixed: &str, own: &str| bad("invalid_grant", code, fixed.to_owned(), own.to_owned());
        match self {
            Self::Form(reason) => bad("invalid_request", None, "Invalid request.".into(), reason.clone()),
            Self::FormTooLarge => Said {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                error: "invalid_request",
                code: None,
                fixed: "Invalid request.".into(),
                own: "The form is too large.".into(),
            },
            Self::GrantType => bad(
                "unsupported_grant_type",
                None,
                "Unsupported grant type.".into(),
                "Use urn:ietf:params:oauth:grant-type:jwt-bearer.".into(),
            ),
            Self::Malformed(error) => bad(
                "invalid_request",
                Some("MP-011"),
                "Invalid assertion. Invalid parameter value".into(),
                sentence(error),
            ),
            Self::NoKeyId => grant(
                None,
                "Invalid assertion. Client authentication failed. Invalid JWT. The client requires pre-registered jwk and no key identifier (kid) provided",
                "Name the key in the header's kid.",
            ),
            Self::CertificateInsteadOfKey => grant(
                None,
                "Invalid assertion. Client authentication failed. Invalid JWT. The client requires pre-registered jwk and no key identifier (kid) provided",
                "Sign with a registered key and name it in the header's kid instead of x5c.",
            ),
            Self::MalformedChain(error) => grant(
                Some("MP-123"),
                "Invalid assertion. Client authentication failed. Invalid JWT header x5c",
                &sentence(error),
            ),
            Self::Certificate(error) => grant(
                Some("MP-120"),
                "Invalid assertion. Client authentication failed. The JWT is signed with an invalid certificate.",
                &sentence(error),
            ),
            Self::CertificateOfAnother => grant(
                Some("MP-122"),
                "Invalid assertion. Client authentication failed. Invalid JWT. Invalid organization number for client. Does not match certificate orgno",
                "Sign with a certificate of the organisation that owns the client.",
            ),
            Self::Claims(error @ (MalformedGrant::Unknown(_) | MalformedGrant::Refused(..))) => {
                grant(Some("MP-011"), "Invalid assertion. Invalid parameter value", &sentence(error))
            }
            Self::Claims(error) => bad(
                "invalid_request",
                Some("MP-011"),
                "Invalid assertion. Invalid parameter value".into(),
                sentence(error),
            ),
            Self::UnknownClient => grant(
                Some("MP-100"),
                "Invalid assertion. Client authentication failed. Client not found",
                "Check iss: it is the client id, and clients belong to one environment.",
            ),
            Self::UnknownKey => grant(
                None,
                "Invalid assertion. Client authentication failed. Unknown key identifier (kid) for client.",
                "Register the key on the client, or name one that is.",
            ),
            Self::ExpiredKey => grant(
                Some("MP-121"),
                "Invalid assertion. Client authentication failed. Expired key",
                "A registered key lasts a year. Post it again, or a new one.",
            ),
            Self::Signature => grant(
                Some("MP-124"),
                "Invalid assertion. Client authentication failed. Invalid JWT signature",
                "The signature is not of the key or certificate that the header names, with the algorithm that the key is registered for.",
            ),
            Self::Audience { expected } => grant(
                Some("MP-110"),
                "Invalid assertion. Client authentication failed. Invalid JWT claim aud",
                &format!("aud must be {expected}"),
            ),
            Self::Time(error @ WrongTime::Ahead { .. }) => grant(None, "Issue time is after now", &sentence(error)),
            Self::Time(error @ WrongTime::Expired { .. }) => grant(Some("MP-130"), "JWT is expired", &sentence(error)),
            Self::Time(error @ WrongTime::Lifetime { .. }) => grant(None, AUTHENTICATION, &sentence(error)),
            Self::Used => grant(Some("MP-012"), "Grant is used before", "Sign a new one, with a new jti, for every request."),
            Self::FromBefore => grant(
                None,
                AUTHENTICATION,
                "The grant was signed before the service started last. Sign a new one, in a few seconds.",
            ),
            Self::InvalidScopes { invalid, gone } => bad(
                "invalid_scope",
                Some("MP-200"),
                format!("Token request contains invalid scopes for client, {}", invalid.join(" ")),
                invalid_scopes(invalid, gone),
            ),
            Self::ScopeNotForMaskinporten(scope) => bad(
                "invalid_scope",
                Some("MP-201"),
                "Token request contains scopes not allowed for maskinporten".into(),
                format!("The owner of {scope} does not allow it for maskinporten clients."),
            ),
            Self::ScopeNotGranted(scope) => bad(
                "invalid_scope",
                Some("MP-250"),
                format!("Consumer has not been granted access to the scope {scope}."),
                "Ask the owner of the scope to grant it to your organisation.".into(),
            ),
            Self::ConsumerIsOwn => bad(
                "invalid_request",
                None,
                "Validation of JWT claim failed: The combination consumer_org in claim and delegation scope on client is invalid".into(),
                "consumer_org is the client's own organisation. Leave it out.".into(),
            ),
            Self::DelegationSourcesDiffer => bad(
                "invalid_request",
                None,
                "Validation of JWT claim failed: The combination consumer_org in claim and delegation scope on client is invalid".into(),
                "The scopes are delegated in different registries. Ask for them one by one.".into(),
            ),
            Self::DelegationAndSystemUser => bad(
                "invalid_authorization_details",
                Some("MP-303"),
                "Invalid authorization_details.".into(),
                "A system user cannot be combined with consumer_org. Leave one of them out.".into(),
            ),
            Self::NotDelegated { consumer, scope, supplier, delegable } => Said {
                status: StatusCode::FORBIDDEN,
                error: "forbidden",
                code: Some("MP-251"),
                fixed: format!("Consumer {consumer} has not delegated access to the scope {scope} to supplier {supplier}."),
                own: if *delegable {
                    "Ask the consumer to delegate it.".into()
                } else {
                    "The scope cannot be delegated: its owner has set no delegation_source. Leave consumer_org out, or ask the owner.".into()
                },
            },
            Self::EndUser => bad(
                "invalid_request",
                Some("MP-011"),
                "Invalid assertion. Invalid parameter value".into(),
                "The claim pid is not a national identity number.".into(),
            ),
            Self::Details(error) => {
                let code = match error {
                    AuthorizationDetailsError::UnknownType(_) => "MP-301",
                    AuthorizationDetailsError::UnknownField(_) => "MP-302",
                    _ => "MP-303",
                };
                let fixed = "Invalid authorization_details.".to_owned();
                bad("invalid_authorization_details", Some(code), fixed, sentence(error))
            }
            Self::NoSystemUser(reason) => bad(
                "invalid_altinn_customer_configuration",
                Some("MP-303"),
                "Invalid authorization_details. No matching system user found.".into(),
                reason.reason(),
            ),
            Self::TooMany { wait } => Said {
                status: StatusCode::TOO_MANY_REQUESTS,
                error: "temporarily_unavailable",
                code: None,
                fixed: "Too many requests.".into(),
                own: format!("The client may ask again in {wait} s. Use a token until shortly before it expires."),
            },
            Self::Unavailable => Said {
                status: StatusCode::SERVICE_UNAVAILABLE,
                error: "temporarily_unavailable",
                code: None,
                fixed: "The service cannot answer right now.".into(),
                own: "Try again shortly, with a new grant.".into(),
            },
            Self::Internal => Said {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                error: "server_error",
                code: None,
                fixed: "Something failed on our side.".into(),
                own: "Say the trace id when you report it.".into(),
            },
        }
    }

    /// The answer. `issuer` ends with a slash.
    pub fn response(&self, issuer: &str) -> Response {
        let Said { status, error, code, fixed, own } = self.said();
        let stop = if fixed.ends_with('.') { "" } else { "." };
        let text = format!("{fixed}{stop} {own} (trace_id: {})", request_id::current());
        let mut body = json!({"error": error, "error_description": printable(&text)});
        if let (Some(code), Some(members)) = (code, body.as_object_mut()) {
            members.insert("error_uri".into(), format!("{issuer}errors/{code}").into());
        }
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        let mut response = (status, headers, body.to_string()).into_response();
        let wait = match self {
            Self::TooMany { wait } => Some(*wait),
            Self::Unavailable => Some(1),
            _ => None,
        };
        if let Some(wait) = wait {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        response
    }

    /// The code, or the error where there is none, for the log.
    pub fn name(&self) -> &'static str {
        let said = self.said();
        said.code.unwrap_or(said.error)
    }
}

fn invalid_scopes(invalid: &[String], gone: &[String]) -> String {
    let add = "Add them to the client. A scope that is granted to the organisation is not on its clients by itself.";
    match (gone.len(), invalid.len()) {
        (0, _) => add.to_owned(),
        (gone_ones, all) => {
            let gone = format!("On the client, but deactivated or not existing (ask the owner): {}.", gone.join(" "));
            if gone_ones == all { gone } else { format!("{gone} The others are not on the client: add them.") }
        }
    }
}

/// The words of an error as a sentence. What begins with a name of the wire stays as it is.
fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let is_name = |word: &str| word.contains('_') || word == "x5c";
    if text.split(' ').next().is_some_and(is_name) {
        return format!("{text}.");
    }
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}

/// What may stand in `error_description` (RFC 6749 §5.2).
fn printable(text: &str) -> String {
    let allowed = |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\');
    text.chars().map(|c| if allowed(c) { c } else { '?' }).collect()
}
