//! The account of who looks: password, browsers, tokens.

use super::address::Address;
use super::html;
use super::parts::{moment, moment_or_dash, none};
use super::people::named;
use crate::api::{ChangePassword, DeleteToken, EndSession, Fragment};
use crate::error::AppError;
use crate::{view, viewer};
use backend::Backend;
use backend::access::{Caller, Person};
use domain::access::TokenScope;
use domain::account::{PersonalToken, Session};
use domain::display::{Display, Theme, Times};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use uuid::Uuid;

/// The page.
pub async fn page(backend: &Backend, caller: &Caller, address: &Address<'_>) -> Result<Fragment, AppError> {
    let person = caller.person()?;
    let sessions = backend::accounts::sessions(backend, person).await?;
    let tokens = backend::accounts::tokens::list(backend, person, None, Some(200)).await?.data;
    let notice = address.get("notice").and_then(|notice| match notice.as_ref() {
        "password" => Some("The password was changed. Other browsers were signed out."),
        "display" => Some("Saved for this browser."),
        _ => None,
    });
    Ok(Fragment::new("Account", &html(whole(person, &sessions, &tokens, viewer::display(), notice))))
}

pub(super) fn whole(
    person: &Person,
    sessions: &[Session],
    tokens: &[PersonalToken],
    display: Display,
    notice: Option<&'static str>,
) -> AnyView {
    let operates = person.is_admin.then(|| {
        view! {
            <a class="btn" href="/accounts">"Accounts"</a>
            <a class="btn" href="/audit">"Audit of this instance"</a>
        }
    });
    view! {
        <div class="head">
            <h1>"Account"</h1>
            <span class="space"></span>
            {operates}
            <form method="post" action="/logout" class="inline"><button type="submit" class="btn" id="sign-out">"Sign out"</button></form>
        </div>
        <p class="sub" data-testid="who">{person.email.clone()}</p>
        {notice.map(|words| view! { <p class="banner" role="status">{words}</p> })}
        <div class="settings">
            {password()}
            {shows(display)}
            {browsers(person, sessions)}
            {programs(tokens)}
        </div>
    }
}

fn password() -> AnyView {
    let field = |label: &'static str, name: &'static str, completion: &'static str| {
        view! {
            <div class="field">
                <label for=name>{label}</label>
                <input id=name name=name type="password" autocomplete=completion required />
            </div>
        }
    };
    view! {
        <form class="form card" method="post" action=ChangePassword::PATH aria-label="Password">
            <h2>"Password"</h2>
            {field("Present password", "current_password", "current-password")}
            {field("New password, at least 12 characters", "new_password", "new-password")}
            <div class="foot"><button type="submit" class="btn primary" id="change-password">"Change the password"</button></div>
        </form>
    }
}

/// What this browser shows.
fn shows(display: Display) -> AnyView {
    let choice = |name: &'static str, value: &'static str, words: &'static str, chosen: bool| {
        view! {
            <label class="radio">
                <input type="radio" name=name value=value checked=chosen />
                {words}
            </label>
        }
    };
    let themes = Theme::ALL.iter().map(|theme| {
        let words = match theme {
            Theme::System => "As the system is",
            Theme::Light => "Light",
            Theme::Dark => "Dark",
        };
        choice(Display::THEME, theme.as_str(), words, *theme == display.theme)
    });
    let times = Times::ALL.iter().map(|times| {
        let words = match times {
            Times::Relative => "Relative: 3 min ago",
            Times::Absolute => "Absolute, in your zone",
        };
        choice(Display::TIMES, times.as_str(), words, *times == display.times)
    });
    view! {
        <form class="form card" method="post" action="/account/display" aria-label="Display">
            <h2>"Display"</h2>
            <p class="sub">"In this browser."</p>
            <fieldset class="kinds"><legend>"Theme"</legend>{themes.collect_view()}</fieldset>
            <fieldset class="kinds"><legend>"Times"</legend>{times.collect_view()}</fieldset>
            <div class="foot"><button type="submit" class="btn primary" id="save-display">"Save"</button></div>
        </form>
    }
}

fn browsers(person: &Person, sessions: &[Session]) -> AnyView {
    let row = |session: &Session| {
        let is_this = person.session == Some(session.id);
        let action = if is_this {
            view! { <span class="sub">"This browser"</span> }
        } else {
            one_button::<EndSession>(session.id, format!("end-{}", session.id), "Sign out")
        };
        view! {
            <tr data-testid="session-row">
                <td>{session.agent.clone().unwrap_or_else(|| "Unknown".to_owned())}<div class="sub">{session.address.clone()}</div></td>
                <td data-label="Since">{moment(session.created_at)}</td>
                <td data-label="Last seen">{moment(session.last_seen_at)}</td>
                <td class="actions">{action}</td>
            </tr>
        }
    };
    view! {
        <section class="card table" aria-labelledby="browsers">
            <h2 id="browsers" class="pad">"Browsers that are signed in"</h2>
            <table>
                <thead><tr><th scope="col">"Browser"</th><th scope="col">"Since"</th><th scope="col">"Last seen"</th><th scope="col"><span class="visually-hidden">"Actions"</span></th></tr></thead>
                <tbody>{sessions.iter().map(row).collect_view()}</tbody>
            </table>
            <form class="form" method="post" action="/logout/everywhere" aria-label="Sign out everywhere">
                <p class="sub">"If somebody else may have got in: ends every session, this one included, and deletes your tokens and sign-in links."</p>
                <div class="foot"><button type="submit" class="btn danger" id="sign-out-everywhere">"Sign out everywhere"</button></div>
            </form>
        </section>
    }
}

fn programs(tokens: &[PersonalToken]) -> AnyView {
    let row = |token: &PersonalToken| {
        view! {
            <tr data-testid="token-row">
                <td>{token.name.clone()}<div class="sub mono">{format!("{}…", token.hint)}</div></td>
                <td data-label="May">{may(token)}</td>
                <td data-label="Last use">{moment_or_dash(token.last_used_at)}</td>
                <td data-label="Ends">{moment_or_dash(token.expires_at)}</td>
                <td class="actions">{one_button::<DeleteToken>(token.id, format!("delete-{}", token.id), "Delete")}</td>
            </tr>
        }
    };
    let scopes = TokenScope::ALL.iter().map(|scope| {
        let words = match scope {
            TokenScope::Read => "Read",
            TokenScope::Write => "Change and start things",
            TokenScope::Delete => "Delete things",
            TokenScope::Manage => "Manage projects, their people, keys and secrets",
        };
        view! {
            <label class="radio">
                <input type="checkbox" name=scope.as_str() value="on" />
                {words}
            </label>
        }
    });
    view! {
        <section class="card table" aria-labelledby="tokens">
            <h2 id="tokens" class="pad">"Personal tokens"</h2>
            <table>
                <thead><tr><th scope="col">"Name"</th><th scope="col">"May"</th><th scope="col">"Last use"</th><th scope="col">"Ends"</th><th scope="col"><span class="visually-hidden">"Actions"</span></th></tr></thead>
                <tbody>{tokens.iter().map(row).collect_view()}</tbody>
            </table>
            {none(tokens, "There is none.")}
            <form class="form" method="post" action="/account/tokens" aria-label="Create a token">
                <p class="sub">"A program with your token acts as you: Authorization: Bearer sxt_…"</p>
                {named("token")}
                <fieldset class="kinds"><legend>"It may (nothing ticked: all that you may)"</legend>{scopes.collect_view()}</fieldset>
                <div class="foot"><button type="submit" class="btn primary" id="create-token">"Create a token"</button></div>
            </form>
        </section>
    }
}

/// What a token may be used for.
fn may(token: &PersonalToken) -> String {
    match &token.scopes {
        None => "all that you may".to_owned(),
        Some(scopes) => scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn one_button<F: ServerFn>(of: Uuid, id: String, words: &'static str) -> AnyView {
    view! {
        <form method="post" action=F::PATH class="inline">
            <input type="hidden" name="id" value=of.to_string() />
            <button type="submit" class="btn" id=id>{words}</button>
        </form>
    }
}
