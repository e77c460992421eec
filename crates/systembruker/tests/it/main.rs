//! Everything that can be seen from outside, over real HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is a failure"
)]

mod access;
mod additions;
mod answers;
mod apis;
mod browser;
mod change_requests;
mod checklist;
mod chromium;
mod decisions;
mod http;
mod maskinporten;
mod modes;
mod own_system_users;
mod particulars;
mod platform_tokens;
mod policies;
mod portal;
mod portal_pages;
mod properties;
mod races;
mod refusals;
mod register;
mod registry;
mod scenarios;
mod sequences;
mod systems;
mod tokens;
mod world;
