//! What is true in Sexton: the types, the transition table, the policies of deletion and schedules.
//!
//! Pure: no I/O, no async, no clock (`now` is always an argument). The browser runs the same code, so a
//! button and the server ask the same function. Called by every other crate.
#![deny(clippy::wildcard_enum_match_arm, missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic"))]

mod text_enum;

pub mod access;
pub mod account;
pub mod alert;
pub mod api_key;
pub mod audit;
pub mod deletion;
pub mod display;
pub mod error;
pub mod event;
pub mod execution;
pub mod group;
#[cfg(feature = "parsing")]
pub mod json;
pub mod moment;
pub mod own_path;
pub mod page;
pub mod project;
pub mod schedule;
pub mod status;
pub mod target;
pub mod task;
pub mod text;
pub mod whole;
#[cfg(feature = "parsing")]
pub mod zone;
