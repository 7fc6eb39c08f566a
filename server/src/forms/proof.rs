//! Forms that take a proof of who sends them: what they do gives access that lasts.
//!
//! Whoever has not proved it in the last ten minutes gets a page that asks for the password and sends the same form again with
//! it, so that nothing has to be typed twice. An account without a password proves it at its issuer.

use super::frame::{Frame, page};
use crate::AppState;
use crate::access::{actor, identified};
use crate::rest::extract::{ApiForm, invalid};
use crate::rest::problem::{Problem, status};
use app::documents;
use app::error::AppError;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use backend::access::Caller;
use backend::accounts;
use backend::accounts::oidc::Issuer;
use domain::error::Refusal;
use serde::de::DeserializeOwned;

/// The field that the page adds to the form.
const PASSWORD: &str = "proof_password";

/// What a form sends whose sender has proved who they are. It comes after the permission.
pub struct ProvedForm<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for ProvedForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let form = ApiForm::<Vec<(String, String)>>::from_request(request, state).await;
        let (given, fields) = form.map_err(IntoResponse::into_response)?.0.into_iter().partition::<Vec<_>, _>(is_proof);
        let caller = identified(&mut parts, state).await.0.map_err(|refusal| Problem(refusal).into_response())?;
        prove(state, &mut parts, &caller, given.into_iter().next(), &fields).await?;
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let read = serde_urlencoded::from_str(&form).map(Self);
        read.map_err(|error| invalid("(body)", &error.to_string()).into_response())
    }
}

fn is_proof((name, _): &(String, String)) -> bool {
    name == PASSWORD
}

async fn prove(
    state: &AppState,
    parts: &mut Parts,
    caller: &Caller,
    given: Option<(String, String)>,
    fields: &[(String, String)],
) -> Result<(), Response> {
    let refuse = |refusal: Refusal| Problem(refusal).into_response();
    let Err(missing) = caller.proved() else { return Ok(()) };
    let person = caller.person().map_err(refuse)?;
    let (code, error) = match given {
        None => (status(&missing), None),
        Some((_, password)) => match accounts::prove(&state.backend, &actor(parts, caller), person, &password).await {
            Ok(()) => return Ok(()),
            Err(error) => {
                let refusal = error.into_refusal();
                (status(&refusal), Some(AppError(refusal)))
            }
        },
    };
    let has_password =
        accounts::has_password(&state.backend, person).await.map_err(|error| refuse(error.into_refusal()))?;
    let action = parts.uri.path().to_owned();
    let asked = documents::Proof {
        action: &action,
        fields,
        error,
        has_password,
        issuer: state.oidc.as_ref().map(Issuer::name),
        back: &page_of(&action),
    };
    Err(answer(state, parts, code, asked).await)
}

async fn answer(state: &AppState, parts: &mut Parts, code: StatusCode, asked: documents::Proof<'_>) -> Response {
    let Ok(frame) = Frame::from_request_parts(parts, state).await;
    page(code, documents::proof(frame.files(), asked))
}

/// The page that a form stands on.
fn page_of(action: &str) -> String {
    match action.split('/').collect::<Vec<_>>()[..] {
        ["", "projects", project, ..] => format!("/projects/{project}/settings"),
        ["", "accounts", ..] => "/accounts".to_owned(),
        _ => "/account".to_owned(),
    }
}
