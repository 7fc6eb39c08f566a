//! What was done by whom: in a project, or in the whole instance.

use super::address::{Address, href};
use super::html;
use super::parts::{empty, moment, next_page};
use crate::api::Fragment;
use crate::components::layout::ProjectHead;
use crate::error::AppError;
use crate::view;
use backend::Backend;
use domain::audit::{AuditAction, AuditEntry};
use domain::page::Page;
use domain::project::Project;
use leptos::prelude::*;
use uuid::Uuid;

/// The page of a project, or of all.
pub async fn page(backend: &Backend, project: Option<Uuid>, address: &Address<'_>) -> Result<Fragment, AppError> {
    let page = backend::audit::list(backend, project, address.get("cursor").as_deref(), None).await?;
    let project = match project {
        Some(id) => Some(backend::projects::get(backend, id).await?),
        None => None,
    };
    let title = project.as_ref().map_or("Audit".to_owned(), |project| format!("Audit of {}", project.name));
    Ok(Fragment::new(&title, &html(whole(project, &page))))
}

pub(super) fn whole(project: Option<Project>, page: &Page<AuditEntry>) -> AnyView {
    let path = project.as_ref().map_or("/audit".to_owned(), |project| format!("/projects/{}/audit", project.id));
    let head = match project {
        Some(project) => view! { <ProjectHead id=project.id name=project.name tab="Settings" /> },
        None => view! { <div class="head"><h1>"Audit"</h1></div> },
    };
    let next = page.next_cursor.as_deref().map(|cursor| href(&path, &[("cursor", Some(cursor))]));
    let list = if page.data.is_empty() {
        empty("Nothing was done yet", "Whatever people and programs change is written down here.")
    } else {
        view! {
            <section class="card table">
                <table>
                    <thead><tr><th scope="col">"When"</th><th scope="col">"Who"</th><th scope="col">"What"</th><th scope="col">"From"</th></tr></thead>
                    <tbody>{page.data.iter().map(row).collect_view()}</tbody>
                </table>
            </section>
        }
    };
    view! {
        {head}
        <p class="sub">"What was done, by whom and from where. It is kept for 400 days."</p>
        {list}
        {next_page(next, "Older")}
    }
}

fn row(entry: &AuditEntry) -> AnyView {
    let request = entry.request_id.as_ref().map(|id| view! { <div class="sub mono">{format!("request {id}")}</div> });
    view! {
        <tr data-testid="audit-row">
            <td>{moment(entry.at)}</td>
            <td data-label="Who">{entry.actor.clone()}</td>
            <td data-label="What">{words(entry.action)}<div class="sub">{entry.detail.clone()}</div></td>
            <td data-label="From">{entry.address.clone().unwrap_or_else(|| "—".to_owned())}{request}</td>
        </tr>
    }
}

fn words(action: AuditAction) -> &'static str {
    use AuditAction as A;
    match action {
        A::InstanceClaimed => "Claimed the instance",
        A::UserCreated => "Created an account",
        A::UserDisabled => "Disabled an account",
        A::UserEnabled => "Enabled an account",
        A::RightsChanged => "Changed what an account may do",
        A::IdentityLinked => "Linked an account with an issuer",
        A::PasswordChanged => "Changed a password",
        A::SignedIn => "Signed in",
        A::SessionEnded => "Ended a session",
        A::SignedOutEverywhere => "Signed out everywhere",
        A::SignInRefused => "Was refused a sign-in",
        A::SignInLimited => "Tried to sign in too often",
        A::PermissionRefused => "Was refused a permission",
        A::TokenCreated => "Created a personal token",
        A::TokenDeleted => "Deleted a personal token",
        A::ProjectCreated => "Created the project",
        A::ProjectUpdated => "Changed the project",
        A::ProjectDeleted => "Deleted the project",
        A::MemberChanged => "Changed a member",
        A::MemberRemoved => "Removed a member",
        A::KeyCreated => "Created an API key",
        A::KeyDeleted => "Deleted an API key",
        A::SecretRead => "Read the signing secret",
        A::SecretRotated => "Replaced the signing secret",
        A::SecretForgotten => "Forgot the previous signing secret",
        A::AlertsChanged => "Changed the alerts",
        A::GroupCreated => "Created a group",
        A::GroupUpdated => "Changed a group",
        A::GroupSteered => "Started or stopped a group",
        A::GroupDeleted => "Deleted a group",
        A::TaskCreated => "Created a task",
        A::TaskUpdated => "Changed a task",
        A::TaskTriggered => "Ran a task",
        A::TaskDeleted => "Deleted a task",
        A::DeletionUndone => "Undid a deletion",
        A::DeletionRetried => "Retried a deletion",
        A::ExecutionCancelled => "Cancelled an execution",
    }
}
