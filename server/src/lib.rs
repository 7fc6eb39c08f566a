//! When and where: configuration, the URL map, REST, SSE, problems, loops and their shutdown.
//!
//! No rules and no SQL here: handlers authenticate, call a use case of `backend`, and give its answer an HTTP form.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic"))]

pub mod access;
mod claim;
pub mod cli;
pub mod config;
mod demo;
pub mod edge;
mod forms;
mod oidc;
pub mod operate;
pub mod pages;
pub mod rest;
pub mod router;
pub mod serve;
pub mod site;
pub mod telemetry;
pub mod workers;
pub mod zones;

use axum::extract::FromRef;
use backend::accounts::oidc::Issuer;
use backend::limits::Limiter;
use backend::{Backend, events::Bus, jobs::ApalisQueue};
use edge::Edge;
use edge::streams::Streams;
use leptos::config::LeptosOptions;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What handlers share.
#[derive(Clone)]
pub struct AppState {
    /// The use cases, over the API's pool.
    pub backend: Backend,
    /// Live events of this process.
    pub bus: Bus,
    /// Set when this node has the worker role: `readyz` says whether it works.
    pub queue: Option<ApalisQueue>,
    /// What `/metrics` shows.
    pub metrics: PrometheusHandle,
    /// Ends open streams.
    pub stop: CancellationToken,
    /// Names of the site's files.
    pub leptos: LeptosOptions,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Whether the demo's receiver is there.
    pub is_demo: bool,
    /// Where people can sign in besides.
    pub oidc: Option<Issuer>,
    /// Bytes of a request body.
    pub body_limit: usize,
    /// Open streams of events.
    pub streams: Arc<Streams>,
    /// The use cases, over a connection of the probes' own: they do not wait behind people.
    pub health: Backend,
    /// Whether `/metrics` has a listener of its own.
    pub has_admin_listener: bool,
    /// How many new idempotency keys a caller may use.
    pub keys: Arc<Limiter<Uuid>>,
    /// Who may ask, how often, and by which name.
    pub edge: Arc<Edge>,
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}
