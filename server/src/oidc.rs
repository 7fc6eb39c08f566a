//! Signing in with OpenID Connect: to the issuer and back. Every refusal is the page where one signs in, with the reason.
//!
//! Invariant: a cookie that lasts ten minutes ties a flow to the browser that began it.

use crate::AppState;
use crate::access::visit;
use crate::config::CALLBACK;
use crate::forms::{Frame, login};
use crate::rest::problem::status;
use crate::rest::session::with_session;
use app::documents::Typed;
use app::error::AppError;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum_extra::extract::cookie::CookieJar;
use backend::accounts::oidc::{self, Arrival, Failure, Issuer};
use backend::accounts::setup;
use domain::error::{ProblemKind, Refusal};
use domain::own_path::own_path;
use serde::Deserialize;

/// There and back.
pub fn router() -> Router<AppState> {
    Router::new().route("/login/oidc", get(depart)).route(CALLBACK, get(arrive))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wanted {
    next: String,
    /// Not empty: they are to prove again who they are.
    proof: String,
}

async fn depart(State(state): State<AppState>, frame: Frame, query: Result<Query<Wanted>, QueryRejection>) -> Response {
    let Wanted { next, proof } = query.map(|Query(wanted)| wanted).unwrap_or_default();
    let next = own_path(&next).unwrap_or("/");
    if matches!(setup::is_claimed(&state.backend).await, Ok(false)) {
        return Redirect::to("/setup").into_response();
    }
    let departed = async { oidc::depart(&state.backend, issuer(&state)?, next, !proof.is_empty()).await };
    match departed.await {
        Ok(departure) => {
            let no_store = [(header::CACHE_CONTROL, "no-store")];
            (no_store, cookie(&state, &departure.browser), Redirect::to(&departure.url)).into_response()
        }
        Err(failure) => refused(&state, &frame, failure, next),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Brought {
    state: String,
    code: String,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

async fn arrive(
    State(state): State<AppState>,
    frame: Frame,
    parts: Parts,
    query: Result<Query<Brought>, QueryRejection>,
) -> Response {
    let arrived = async {
        let Query(brought) =
            query.map_err(|rejection| Refusal::new(ProblemKind::InvalidRequest, rejection.body_text()))?;
        let jar = CookieJar::from_headers(&parts.headers);
        let browser = jar.get(cookie_name(&state)).map(|cookie| cookie.value().to_owned()).unwrap_or_default();
        let Brought { state: flow, code, iss, error, error_description } = brought;
        let arrival = Arrival { browser, state: flow, code, iss, error, error_description };
        oidc::arrive(&state.backend, issuer(&state)?, &visit(&state, &parts), &arrival).await
    };
    match arrived.await {
        Ok((begun, next)) => {
            (with_session(&state, &begun), cookie(&state, ""), Redirect::to(own_path(&next).unwrap_or("/")))
                .into_response()
        }
        Err(failure) => refused(&state, &frame, failure, ""),
    }
}

fn issuer(state: &AppState) -> Result<&Issuer, Refusal> {
    let detail = "Nobody can sign in with OpenID Connect here: SEXTON_OIDC_ISSUER is not set.";
    state.oidc.as_ref().ok_or_else(|| Refusal::new(ProblemKind::RouteNotFound, detail))
}

fn refused(state: &AppState, frame: &Frame, failure: Failure, next: &str) -> Response {
    let (code, refusal) = match failure {
        Failure::Issuer(detail) => (StatusCode::BAD_GATEWAY, Refusal::new(ProblemKind::Unavailable, detail)),
        Failure::Refused(error) => {
            let refusal = error.into_refusal();
            (status(&refusal), refusal)
        }
    };
    login(state, frame, code, &Typed { next: next.to_owned(), error: Some(AppError(refusal)), ..Typed::default() })
}

fn cookie_name(state: &AppState) -> &'static str {
    if state.edge.is_https() { "__Host-sexton-oidc" } else { "sexton-oidc" }
}

/// Lax, because it must come along when the issuer sends the browser back; gone with its value.
fn cookie(state: &AppState, value: &str) -> AppendHeaders<[(HeaderName, String); 1]> {
    let (name, seconds) = (cookie_name(state), if value.is_empty() { 0 } else { 600 });
    let secure = if state.edge.is_https() { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    AppendHeaders([(header::SET_COOKIE, cookie)])
}
