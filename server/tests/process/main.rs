//! The real binary as a child process on a database of its own: killed, restarted, cut off from its database, doubled.
//! One binary, so that it links once; a file a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]
#![allow(clippy::print_stdout, reason = "what was measured is shown with --nocapture")]

mod alerts;
mod cli;
mod cli_follow;
mod cli_import;
mod cli_server;
mod client;
mod commands;
mod crashes;
mod database_away;
mod faults;
mod firing_faults;
mod fleet;
mod held_up;
mod history;
mod invariants;
mod load;
mod monitoring;
mod network;
mod node;
mod outages;
mod person;
mod poison;
mod project_faults;
mod promise;
mod promise_kept;
mod proxy;
#[path = "../../../backend/tests/usecases/receiver.rs"]
mod receiver;
#[cfg(feature = "rehearsal")]
mod rehearsal;
mod roles;
mod secrets;
mod shutdown;
mod slow_clients;
#[path = "../../../backend/tests/usecases/smtp.rs"]
mod smtp;
mod spare;
mod stock;
mod takeover;
mod tls;
mod without_jobs;
mod zones;
