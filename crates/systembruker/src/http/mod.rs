//! What all handlers share: how requests are read, who calls, how refusals look, which host a face answers on.
//!
//! A request passes, from the outside in: [`literals`] (paths in any case), [`request_id`], a guard against panics,
//! limits on size and time, [`faces`] (right host for the path), and the readiness check, before its handler reads it
//! with the extractors of [`extract`] and [`caller`].

pub mod any_case;
pub mod caller;
pub mod conditional;
pub mod cookies;
pub mod extract;
pub mod faces;
pub mod language;
pub mod literals;
pub mod paging;
pub mod problem;
pub mod query;
pub mod request_id;
