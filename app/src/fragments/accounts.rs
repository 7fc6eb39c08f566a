//! The accounts of the instance, for who administers it.

use super::address::{Address, href};
use super::html;
use super::parts::{moment, next_page};
use crate::api::{Fragment, SetAccount, SetCreator};
use crate::error::AppError;
use crate::view;
use backend::Backend;
use backend::access::Caller;
use domain::account::User;
use domain::page::Page;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use uuid::Uuid;

/// The page.
pub async fn page(backend: &Backend, caller: &Caller, address: &Address<'_>) -> Result<Fragment, AppError> {
    let viewer = caller.operator()?.id;
    let page = backend::accounts::users::list(backend, address.get("cursor").as_deref(), None).await?;
    Ok(Fragment::new("Accounts", &html(whole(&page, viewer))))
}

pub(super) fn whole(page: &Page<User>, viewer: Uuid) -> AnyView {
    let next = page.next_cursor.as_deref().map(|cursor| href("/accounts", &[("cursor", Some(cursor))]));
    view! {
        <div class="head"><h1>"Accounts"</h1></div>
        <p class="sub">"Who may sign in here. What they may do in a project is in its settings."</p>
        <div class="settings">
            <section class="card table">
                <table>
                    <thead><tr><th scope="col">"Who"</th><th scope="col">"May"</th><th scope="col">"Since"</th><th scope="col"><span class="visually-hidden">"Actions"</span></th></tr></thead>
                    <tbody>{page.data.iter().map(|user| row(user, viewer)).collect_view()}</tbody>
                </table>
            </section>
            {next_page(next, "Older")}
            {new()}
        </div>
    }
}

fn row(user: &User, viewer: Uuid) -> AnyView {
    let may = match (user.disabled_at, user.is_admin) {
        (Some(at), _) => view! { "Nothing: disabled " {moment(at)} },
        (None, true) => "Administer this instance".into_any(),
        (None, false) if user.may_create_projects => "Create projects, and what projects allow".into_any(),
        (None, false) => "What projects allow".into_any(),
    };
    let creator = (user.disabled_at.is_none() && !user.is_admin).then(|| {
        let words = if user.may_create_projects { "Forbid new projects" } else { "Let create projects" };
        view! {
            <form method="post" action=SetCreator::PATH class="inline">
                <input type="hidden" name="id" value=user.id.to_string() />
                <input type="hidden" name="may_create" value=(!user.may_create_projects).to_string() />
                <button type="submit" class="btn" id=format!("creator-{}", user.id)>{words}</button>
            </form>
        }
    });
    let is_disabled = user.disabled_at.is_some();
    let password = (!is_disabled && user.id != viewer).then(|| {
        view! {
            <form method="post" action=format!("/accounts/{}/password", user.id) class="inline">
                <button type="submit" class="btn" id=format!("password-{}", user.id)>"New password"</button>
            </form>
        }
    });
    view! {
        <tr data-testid="account-row">
            <td>{user.email.clone()}</td>
            <td data-label="May">{may}</td>
            <td data-label="Since">{moment(user.created_at)}</td>
            <td class="actions">
                {creator}
                {password}
                <form method="post" action=SetAccount::PATH class="inline">
                    <input type="hidden" name="id" value=user.id.to_string() />
                    <input type="hidden" name="is_disabled" value=(!is_disabled).to_string() />
                    <button type="submit" class="btn" id=format!("disable-{}", user.id)>{if is_disabled { "Enable" } else { "Disable" }}</button>
                </form>
            </td>
        </tr>
    }
}

fn new() -> AnyView {
    view! {
        <form class="form card" method="post" action="/accounts/new" aria-label="Add an account">
            <h2>"Add an account"</h2>
            <p class="sub">"It gets a password that you see once, and that its owner changes."</p>
            <div class="field">
                <label for="account-email">"E-mail"</label>
                <input id="account-email" name="email" type="email" autocomplete="off" required />
            </div>
            <label class="radio">
                <input type="checkbox" name="admin" value="on" />
                "Administers this instance"
            </label>
            <label class="radio">
                <input type="checkbox" name="create_projects" value="on" />
                "May create projects"
            </label>
            <div class="foot"><button type="submit" class="btn primary" id="add-account">"Add"</button></div>
        </form>
    }
}
