//! What a server function has around it: the caller, the use cases, and the redirect that answers a plain form.

use crate::error::AppError;
use backend::access::{Caller, Person, admit};
use backend::refusals::noted;
use backend::{Actor, Backend};
use domain::access::{Permission, TokenScope};
use domain::error::{ProblemKind, Refusal};
use http::header::ACCEPT;
use http::request::Parts;
use leptos::prelude::use_context;
use serde::Serialize;
use uuid::Uuid;

/// Who calls, as the server has found out, and how records name them.
#[derive(Clone)]
pub struct Asking(pub Result<(Caller, Actor), Refusal>);

/// Who calls; this or [`may`] is the first line of every server function.
pub(super) fn authenticate() -> Result<(Caller, Actor), AppError> {
    let nobody = || Asking(Err(Refusal::new(ProblemKind::Unauthorized, "Nobody is signed in.")));
    Ok(use_context::<Asking>().unwrap_or_else(nobody).0?)
}

/// Who calls, if they have the permission in the project.
pub(super) async fn may(permission: Permission, project_id: Uuid) -> Result<Actor, AppError> {
    let (caller, actor) = authenticate()?;
    let backend = backend()?;
    let admitted = admit(&backend, &caller, project_id, permission).await;
    noted(&backend, &actor, Some(project_id), admitted).await?;
    Ok(actor)
}

/// Who calls, if they administer the instance.
pub(super) async fn operate() -> Result<Actor, AppError> {
    let (caller, actor) = authenticate()?;
    let operator = caller.may_use(TokenScope::Manage).and_then(|()| caller.operator().map(drop));
    noted(&backend()?, &actor, None, operator.map_err(Into::into)).await?;
    Ok(actor)
}

/// Who calls, if they may create projects.
pub(super) async fn creator() -> Result<Actor, AppError> {
    let (caller, actor) = authenticate()?;
    let creator = caller.may_use(TokenScope::Manage).and_then(|()| caller.creator().map(drop));
    noted(&backend()?, &actor, None, creator.map_err(Into::into)).await?;
    Ok(actor)
}

/// Who calls, if they are a person.
pub(super) async fn person() -> Result<(Person, Actor), AppError> {
    let (caller, actor) = authenticate()?;
    noted(&backend()?, &actor, None, caller.may_use(TokenScope::Manage).map_err(Into::into)).await?;
    let person = noted(&backend()?, &actor, None, caller.person().map_err(Into::into)).await?;
    Ok((person.clone(), actor))
}

/// The way to the use cases.
pub(super) fn backend() -> Result<Backend, AppError> {
    use_context::<Backend>().ok_or_else(|| Refusal::new(ProblemKind::Internal, "The server is not set up.").into())
}

/// Answers a plain form with a redirect: to where `done` says, or back to `form_path` with what was typed and what was
/// wrong with it. A call by the program in the browser is left alone.
pub(super) fn redirect_form<T, F: Serialize>(
    result: &Result<T, AppError>,
    typed: &F,
    form_path: &str,
    done: impl FnOnce(&T) -> String,
) {
    if !is_plain_form() {
        return;
    }
    match result {
        Ok(value) => redirect(&done(value)),
        Err(error) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            let typed = serde_json::to_value(typed).unwrap_or_default();
            for (key, value) in typed.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                query.append_pair(key, &text);
            }
            query.append_pair("error", &serde_json::to_string(&error.0).unwrap_or_default());
            redirect(&format!("{form_path}?{}", query.finish()));
        }
    }
}

/// To a page of ours; to the first one rather than to what is no address.
fn redirect(path: &str) {
    leptos_axum::redirect(if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        path
    } else {
        "/"
    });
}

fn is_plain_form() -> bool {
    let accepts_html = |parts: Parts| {
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        accept.contains("text/html")
    };
    use_context::<Parts>().is_some_and(accepts_html)
}
