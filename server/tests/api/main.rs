//! The router on a real Postgres, called as clients call it: what the HTTP API promises, one sentence a test. One binary,
//! so that it links once; a file a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod accept;
mod access;
mod accounts;
mod agree;
mod alerts;
mod app;
mod bad_bodies;
mod bad_requests;
mod bad_statuses;
mod batch;
mod board;
mod call;
mod callbacks;
mod database_away;
mod document;
mod events;
mod executions;
mod first_contact;
mod forgery;
mod forms;
mod groups;
mod health;
mod idempotency;
mod matrix;
mod moments;
mod observatory;
mod oidc;
mod oidc_issuer;
mod oidc_lies;
mod one_connection;
mod openapi;
mod preconditions;
mod project_deletions;
mod rate;
mod reserve;
mod runs;
mod sign_ins;
mod signing;
mod small_pool;
mod steer;
mod streams;
mod taking_back;
mod typed;
