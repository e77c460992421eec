//! Systembruker: the whole Norwegian *system user* chain in one program.
//!
//! One process, one listener, several faces. The rooms, by the paths they answer:
//!
//! | Room | Paths |
//! |---|---|
//! | [`maskinporten`] | `/token`, `/jwk`, `/.well-known/oauth-authorization-server`, `/api/v1/{clients,scopes}` |
//! | [`system_register`] | `/authentication/api/v1/systemregister/…` |
//! | [`requests`], [`system_users`] | `/authentication/api/v1/systemuser/…` |
//! | [`resource_registry`] | `/resourceregistry/api/v1/…` |
//! | [`access`] | `/accessmanagement/api/v1/…`, `/systembruker/api/v1/scope-delegations` |
//! | [`authorization`] | `/authorization/api/v1/{authorize,decision}`, `/systembruker/api/v1/decisions` |
//! | [`login`], [`portal`] | what persons see |
//! | [`krav_og_betalinger`] | the sample API, in sandboxes |
//! | [`sandbox`] | what only a sandbox has |
//!
//! [`access`] knows parties, roles and what can be passed on; [`http`] is what all handlers share; [`read_model`] is the
//! memory that tokens and decisions are answered from; [`app`] puts it all together. `docs/ARCHITECTURE.md` is the tour.

pub mod access;
pub mod app;
pub mod authorization;
pub mod change_requests;
pub mod cli;
pub mod clock;
pub mod http;
pub mod krav_og_betalinger;
pub mod login;
pub mod maskinporten;
pub mod notices;
pub mod platform_tokens;
pub mod portal;
pub mod read_model;
pub mod requests;
pub mod resource_registry;
pub mod sandbox;
pub mod settings;
pub mod system_register;
pub mod system_users;
pub mod telemetry;
pub mod vault;
