//! The settings of a project: its details, the secret that its calls are signed with, and who is told what.

use super::address::Address;
use super::html;
use super::parts::moment;
use super::people;
use crate::api::{ForgetSecret, Fragment, RotateSecret, SaveAlerts, SaveSettings};
use crate::components::layout::ProjectHead;
use crate::error::AppError;
use crate::view;
use backend::Backend;
use domain::account::Member;
use domain::alert::{Alert, AlertKind, AlertSettings, AlertState};
use domain::api_key::ApiKey;
use domain::page::Limit;
use domain::project::Project;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use uuid::Uuid;

/// Alerts that are listed.
const LISTED: u32 = 20;

/// The page.
pub async fn page(
    backend: &Backend,
    project: Uuid,
    address: &Address<'_>,
    manages: bool,
) -> Result<Fragment, AppError> {
    let project = backend::projects::get(backend, project).await?;
    let members = backend::members::list(backend, project.id, None, Some(Limit::MAX)).await?.data;
    if !manages {
        // Secrets, and where alerts go, are not for everybody.
        return Ok(Fragment::new(&format!("Settings of {}", project.name), &html(for_all(project, &members, address))));
    }
    let keys = backend::api_keys::list(backend, project.id, None, Some(Limit::MAX)).await?.data;
    let is_rotating = backend::signing::is_rotating(backend, project.id).await?;
    let settings = backend::alerts::settings(backend, project.id).await?;
    let alerts = backend::alerts::list(backend, project.id, None, Some(LISTED), true).await?.data;
    let title = format!("Settings of {}", project.name);
    Ok(Fragment::new(
        &title,
        &html(whole(project, is_rotating, &settings, &alerts, &People { members, keys }, address)),
    ))
}

pub(super) fn whole(
    project: Project,
    is_rotating: bool,
    settings: &AlertSettings,
    alerts: &[Alert],
    others: &People,
    address: &Address<'_>,
) -> AnyView {
    let audit = format!("/projects/{}/audit", project.id);
    view! {
        <ProjectHead id=project.id name=project.name.clone() tab="Settings" />
        <div class="settings">
            {details(&project, address)}
            {people::members(project.id, &others.members, &address.get("email").unwrap_or_default())}
            {people::keys(project.id, &others.keys)}
            {signing(project.id, is_rotating)}
            {told(settings, address)}
            {recent(alerts)}
            <p><a class="link" href=audit>"What was done in this project, and by whom"</a></p>
            <p class="sub part">"Programs do all of this by the API: " <a class="link" href="/api/docs" rel="external">"its reference"</a></p>
            {danger(&project)}
        </div>
    }
}

/// People and programs that have to do with a project.
pub(super) struct People {
    pub members: Vec<Member>,
    pub keys: Vec<ApiKey>,
}

/// What everybody in the project may see of it.
fn for_all(project: Project, members: &[Member], address: &Address<'_>) -> AnyView {
    view! {
        <ProjectHead id=project.id name=project.name.clone() tab="Settings" />
        <div class="settings">
            <fieldset disabled>{details(&project, address)}</fieldset>
            {people::members(project.id, members, "")}
        </div>
    }
}

/// Where the project is deleted; or that it is being deleted.
fn danger(project: &Project) -> AnyView {
    let words = match project.deletion_requested_at {
        None => "Delete project…",
        Some(_) => "The project is being deleted: see how far",
    };
    view! {
        <section class="card pad" aria-labelledby="danger">
            <h2 id="danger">"Danger zone"</h2>
            <p class="sub">"Deleting the project stops all its tasks at once and removes them with their history. It cannot be undone."</p>
            <a class="btn danger" href=format!("/projects/{}/delete", project.id)>{words}</a>
        </section>
    }
}

/// One line of a form; what was typed if it was refused.
fn field(address: &Address<'_>, label: &'static str, name: &'static str, known: String, hint: &'static str) -> AnyView {
    let value = address.get(name).unwrap_or(known);
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input id=name name=format!("form[{name}]") value=value autocomplete="off" aria-describedby=format!("{name}-hint") />
            <p class="hint" id=format!("{name}-hint")>{hint}</p>
        </div>
    }
}

fn tick(label: &'static str, name: &'static str, is_ticked: bool) -> AnyView {
    view! {
        <label class="radio">
            <input type="checkbox" id=name name=format!("form[{name}]") value="on" checked=is_ticked />
            {label}
        </label>
    }
}

fn hidden(project: Uuid, version: i64) -> AnyView {
    view! {
        <input type="hidden" name="form[project_id]" value=project.to_string() />
        <input type="hidden" name="form[version]" value=version.to_string() />
    }
}

fn details(project: &Project, address: &Address<'_>) -> AnyView {
    let optional = |number: Option<i32>| number.map(|number| number.to_string()).unwrap_or_default();
    let endpoint = project.execution_endpoint.clone();
    view! {
        <form class="form card" method="post" action=SaveSettings::PATH aria-label="Details">
            {hidden(project.id, project.version)}
            {field(address, "Name", "name", project.name.clone(), "1 to 255 characters, unique.")}
            {field(address, "Description", "description", project.description.clone(), "At most 1,000 characters.")}
            {field(address, "Execution endpoint", "execution_endpoint", endpoint, "Where the calls of this project's tasks go: an http or https URL.")}
            {field(address, "Undo window, in seconds", "undo_window_seconds", optional(project.undo_window_seconds), "How long a deletion can be undone: 0 to 2,592,000. Empty means the server's default.")}
            {field(address, "Keep executions, in days", "execution_days", optional(project.execution_days), "With their logs, after their end: 1 to 3,650. Empty means the server's default.")}
            {tick("A deletion cancels calls in flight at once", "cancel_on_delete", project.cancel_on_delete)}
            <div class="foot">
                <button type="submit" class="btn primary" id="save-settings">"Save"</button>
            </div>
        </form>
    }
}

/// The secrets themselves are on a page of their own: reading them is written into the audit.
fn signing(project: Uuid, is_rotating: bool) -> AnyView {
    let button = |action: &'static str, id: &'static str, words: &'static str| {
        view! {
            <form method="post" action=action class="inline">
                <input type="hidden" name="project_id" value=project.to_string() />
                <button type="submit" class="btn" id=id>{words}</button>
            </form>
        }
    };
    let previous = is_rotating.then(|| {
        view! {
            <p>"Calls carry a signature by each of two secrets, until the previous one is forgotten."</p>
            {button(ForgetSecret::PATH, "forget-secret", "Forget the previous secret")}
        }
    });
    view! {
        <section class="card pad" aria-labelledby="signing">
            <h2 id="signing">"Signing secret"</h2>
            <p class="sub">"Every call is signed with it, as Standard Webhooks says: your program can tell that it comes from here."</p>
            <form method="post" action=format!("/projects/{project}/signing-secret") class="inline">
                <button type="submit" class="btn" id="show-secret">"Show the secret"</button>
            </form>
            {button(RotateSecret::PATH, "rotate-secret", "Replace the secret")}
            {previous}
        </section>
    }
}

fn told(settings: &AlertSettings, address: &Address<'_>) -> AnyView {
    let tells = |kind: AlertKind| settings.kinds.contains(&kind);
    let webhook = settings.webhook_url.clone().unwrap_or_default();
    let throttle = settings.throttle_seconds.to_string();
    view! {
        <form class="form card" method="post" action=SaveAlerts::PATH aria-label="Alerts">
            <h2>"Alerts"</h2>
            {hidden(settings.project_id, settings.version)}
            {field(address, "Mail to", "emails", settings.emails.join(", "), "Addresses, separated by commas. The server must know a mail server (SEXTON_SMTP_URL).")}
            {field(address, "POST to", "webhook_url", webhook, "An http or https URL; signed as calls are.")}
            {tick("A task fails", "failure", tells(AlertKind::Failure))}
            {tick("A task works again", "recovery", tells(AlertKind::Recovery))}
            {tick("Runs were missed", "missed", tells(AlertKind::Missed))}
            {tick("A deletion failed", "delete_failed", tells(AlertKind::DeleteFailed))}
            {field(address, "Tell again after, in seconds", "throttle_seconds", throttle, "A task that goes on failing: 0 to 86,400.")}
            <div class="foot">
                <button type="submit" class="btn primary" id="save-alerts">"Save alerts"</button>
            </div>
        </form>
    }
}

fn recent(alerts: &[Alert]) -> Option<AnyView> {
    let row = |alert: &Alert| {
        let state = match alert.state {
            AlertState::Throttled => ("badge grey", "Not told: too soon"),
            AlertState::Pending => ("badge amber", "Being told"),
            AlertState::Sent => ("badge green", "Told"),
            AlertState::Failed => ("badge red", "Nobody could be told"),
        };
        let reason = alert.deliveries.iter().find_map(|delivery| delivery.error.clone());
        view! {
            <tr data-testid="alert-row">
                <td>{moment(alert.created_at)}</td>
                <td data-label="What">{alert.message.clone()}</td>
                <td data-label="State">
                    <span class=state.0>{state.1}</span>
                    <div class="sub">{reason}</div>
                </td>
            </tr>
        }
    };
    let rows = alerts.iter().map(row).collect_view();
    (!alerts.is_empty()).then(|| view! {
        <section class="card table" aria-labelledby="recent">
            <h2 id="recent" class="pad">"Latest alerts"</h2>
            <table>
                <thead><tr><th scope="col">"When"</th><th scope="col">"What"</th><th scope="col">"State"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    })
}
