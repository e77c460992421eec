//! For those who use the system user chain: vendors, and owners of APIs.
//!
//! ```no_run
//! use client::{Connection, Environment, Maskinporten, SystemUser, TokenRequest};
//!
//! # async fn example(http: reqwest::Client, key: token::keys::SigningKey) -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::new("https://test.maskinporten.no/".parse()?, "https://platform.tt02.altinn.no/".parse()?);
//! let connection = Connection::new(http, environment);
//! let maskinporten = Maskinporten::new(connection, "my-client-id".into(), key);
//! let customer = SystemUser { org: "310904473".parse()?, external_ref: None };
//! let request = TokenRequest::scope("skatteetaten:kravogbetalinger").for_system_user(customer);
//! let token = maskinporten.token(&request).await?;
//! # let _ = token; Ok(()) }
//! ```
//!
//! Tokens are kept until shortly before they expire, each under everything that it was asked for with: client, scopes,
//! system user and resource are never mixed up. The caller brings the HTTP client, and with it TLS and time limits; it
//! should follow no redirects.

mod connection;
mod decisions;
mod maskinporten;
mod vendor;

pub use connection::{Connection, Environment, Error, Refusal};
pub use decisions::{Decision, DecisionPoint, DecisionQuery, ObligationValue};
pub use maskinporten::{AccessToken, Maskinporten, SystemUser, TokenRequest};
pub use vendor::{SystemRegistration, SystemUserAsked, SystemUserRequest, Vendor};
