//! The use cases on a real Postgres, called directly: what the backend promises, one sentence a test. One binary, so that
//! it links once; a file a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod accept;
mod acceptance_races;
mod against_the_rules;
mod alert_sending;
mod alerts;
mod api_keys;
mod attempts;
mod batch;
mod board;
mod callbacks;
mod calls;
mod claiming;
mod consumer;
mod events;
mod executions;
mod failures;
mod groups;
mod histories;
mod idempotency;
mod in_flight;
mod moves;
mod node;
mod plans;
mod policies;
mod pools;
mod preconditions;
mod project_deletion;
mod project_fence;
mod projects;
mod quotas;
mod receiver;
mod reconciler;
mod reference;
mod retention;
mod short_searches;
mod smtp;
mod steering;
mod stopping;
mod support;
mod sweeping;
mod task_changes;
mod tasks;
mod teardown;
mod undo_races;
