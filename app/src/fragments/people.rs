//! Who is in a project and which programs have keys of it: sections of its settings.

use super::parts::{button_form, moment, moment_or_dash, none};
use crate::api::{DeleteKey, RemoveMember, SaveMember};
use crate::view;
use domain::access::Role;
use domain::account::Member;
use domain::api_key::{ApiKey, Scope};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use uuid::Uuid;

/// The people of a project.
pub fn members(project: Uuid, members: &[Member], typed_email: &str) -> AnyView {
    let row = |member: &Member| {
        let fields = [("project_id", project), ("user_id", member.user_id)];
        let role = match member.role {
            Role::Admin => "Administrator",
            Role::Readonly => "Looks only",
        };
        view! {
            <tr data-testid="member-row">
                <td>{member.email.clone()}</td>
                <td data-label="Role">{role}</td>
                <td data-label="Since">{moment(member.created_at)}</td>
                <td class="actions">
                    {button_form::<RemoveMember>(fields, format!("remove-{}", member.user_id), "btn", "Remove")}
                </td>
            </tr>
        }
    };
    let rows = members.iter().map(row).collect_view();
    let options = Role::ALL.iter().rev().map(|role| {
        let words = match role {
            Role::Admin => "Administrator: does everything in it",
            Role::Readonly => "Looks only",
        };
        view! { <option value=role.as_str()>{words}</option> }
    });
    view! {
        <section class="card table" aria-labelledby="members">
            <h2 id="members" class="pad">"Members"</h2>
            <table>
                <thead><tr><th scope="col">"Who"</th><th scope="col">"Role"</th><th scope="col">"Since"</th><th scope="col"><span class="visually-hidden">"Actions"</span></th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
            {none(members, "Nobody yet, but who administers the instance.")}
            <form class="form" method="post" action=SaveMember::PATH aria-label="Add a member">
                <input type="hidden" name="project_id" value=project.to_string() />
                <div class="field">
                    <label for="member-email">"E-mail"</label>
                    <input id="member-email" name="email" type="email" value=typed_email.to_owned() autocomplete="off" required aria-describedby="member-hint" />
                    <p class="hint" id="member-hint">"Of an account of this instance. Adding somebody again changes their role."</p>
                </div>
                <div class="field">
                    <label for="member-role">"Role"</label>
                    <select id="member-role" name="role">{options.collect_view()}</select>
                </div>
                <div class="foot"><button type="submit" class="btn primary" id="save-member">"Add"</button></div>
            </form>
        </section>
    }
}

/// The API keys of a project.
pub fn keys(project: Uuid, keys: &[ApiKey]) -> AnyView {
    let row = |key: &ApiKey| {
        let fields = [("project_id", project), ("id", key.id)];
        let scopes = key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
        view! {
            <tr data-testid="key-row">
                <td>{key.name.clone()}<div class="sub mono">{format!("{}…", key.hint)}</div></td>
                <td data-label="May">{scopes}</td>
                <td data-label="Last use">{moment_or_dash(key.last_used_at)}</td>
                <td data-label="Ends">{moment_or_dash(key.expires_at)}</td>
                <td class="actions">
                    {button_form::<DeleteKey>(fields, format!("delete-key-{}", key.id), "btn", "Delete")}
                </td>
            </tr>
        }
    };
    let rows = keys.iter().map(row).collect_view();
    let scopes = Scope::ALL.iter().map(|scope| {
        let (words, ticked) = match scope {
            Scope::Read => ("Read the project", false),
            Scope::Write => ("Change and start things", false),
            Scope::Delete => ("Delete things", false),
            Scope::Callbacks => ("Log and report the end of executions", true),
        };
        view! {
            <label class="radio">
                <input type="checkbox" name=scope.as_str() value="on" checked=ticked />
                {words}
            </label>
        }
    });
    view! {
        <section class="card table" aria-labelledby="keys">
            <h2 id="keys" class="pad">"API keys"</h2>
            <table>
                <thead><tr><th scope="col">"Name"</th><th scope="col">"May"</th><th scope="col">"Last use"</th><th scope="col">"Ends"</th><th scope="col"><span class="visually-hidden">"Actions"</span></th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
            {none(keys, "There is none.")}
            <form class="form" method="post" action=format!("/projects/{project}/api-keys") aria-label="Create an API key">
                {named("key")}
                <fieldset class="kinds"><legend>"It may"</legend>{scopes.collect_view()}</fieldset>
                <div class="foot"><button type="submit" class="btn primary" id="create-key">"Create a key"</button></div>
            </form>
        </section>
    }
}

/// What is asked of everything that is shown once: what it is called, and how long it lasts.
pub fn named(what: &'static str) -> AnyView {
    view! {
        <div class="field">
            <label for=format!("{what}-name")>"Name"</label>
            <input id=format!("{what}-name") name="name" autocomplete="off" required maxlength="255" />
        </div>
        <div class="field">
            <label for=format!("{what}-days")>"Ends after, in days"</label>
            <input id=format!("{what}-days") name="days" inputmode="numeric" autocomplete="off" aria-describedby=format!("{what}-days-hint") />
            <p class="hint" id=format!("{what}-days-hint")>"1 to 3,650. Empty means never."</p>
        </div>
    }
}
