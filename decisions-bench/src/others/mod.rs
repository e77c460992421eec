//! Other engines, each set up as its own documentation would have it for these questions, with all that can be done
//! beforehand done beforehand.
//!
//! None of them compares without regard to case, so that their questions come with roles and packages in lower case
//! already, which ours and the floor have to see to themselves.

pub mod casbin;
pub mod cedar;
pub mod rego;
