//! The job queue on a real Postgres: what is promised by `backend::jobs`, one sentence a test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod cron;
mod endings;
mod faults;
mod publishing;
mod support;
