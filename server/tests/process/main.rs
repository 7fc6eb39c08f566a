//! The real binary as a child process on a database of its own: killed, restarted, cut off from its database, doubled.
//! One binary, so that it links once; a file a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod client;
mod commands;
mod crashes;
mod database_away;
mod faults;
mod fleet;
mod invariants;
mod node;
mod roles;
mod shutdown;
mod stock;
mod takeover;
mod without_jobs;
