//! Task groups: the list with windows and states, the form of one, its deletion, and the choice of one in a task's form.

use super::address::{self, Address, href};
use super::html;
use super::parts::{button_form, empty, moment, next_page};
use crate::api::{DeleteGroup, Fragment, SaveGroup, StartGroup, StopGroup};
use crate::components::layout::{Crumbs, ProjectHead};
use crate::error::AppError;
use crate::view;
use crate::words;
use backend::Backend;
use domain::group::TaskGroup;
use domain::page::Page;
use domain::project::Project;
use domain::task::RunState;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use uuid::Uuid;

/// Groups that a task's form offers: the newest.
const OFFERED: u32 = 200;

/// The list.
pub async fn list(backend: &Backend, project: Uuid, address: &Address<'_>) -> Result<Fragment, AppError> {
    let project = backend::projects::get(backend, project).await?;
    let page = backend::groups::list(backend, project.id, address.get("cursor").as_deref(), None).await?;
    let ids: Vec<Uuid> = page.data.iter().map(|group| group.id).collect();
    let counts = backend::groups::counts(backend, &ids).await?;
    let title = format!("Groups of {}", project.name);
    Ok(Fragment::new(&title, &html(whole(project, &page, &counts))))
}

pub(super) fn whole(project: Project, page: &Page<TaskGroup>, counts: &[(Uuid, i64)]) -> AnyView {
    let base = format!("/projects/{}/groups", project.id);
    let rows = page.data.iter().map(|group| {
        let tasks = counts.iter().find(|(id, _)| *id == group.id).map_or(0, |(_, count)| *count);
        row(group, &base, tasks)
    });
    let list = match page.data.as_slice() {
        [] => empty("No group yet", "A group gives its tasks a daily window: they run only while it is open."),
        _ => view! {
            <div class="card table groups">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Group"</th>
                            <th scope="col">"Window"</th>
                            <th scope="col">"State"</th>
                            <th scope="col">"Tasks"</th>
                            <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        },
    };
    let next = page.next_cursor.as_deref().map(|cursor| href(&base, &[("cursor", Some(cursor))]));
    view! {
        <ProjectHead id=project.id name=project.name tab="Groups">
            <a class="btn primary" href=format!("{base}/new")>"New group"</a>
        </ProjectHead>
        {list}
        {next_page(next, "Next page")}
    }
}

fn row(group: &TaskGroup, base: &str, tasks: i64) -> AnyView {
    let fields = [("project_id", group.project_id), ("id", group.id)];
    let steer = match group.state {
        RunState::Running => button_form::<StopGroup>(fields, format!("stop-{}", group.id), "btn sm", "Stop"),
        RunState::NotRunning => button_form::<StartGroup>(fields, format!("start-{}", group.id), "btn sm", "Start"),
    };
    let of_group = format!("/projects/{}?group={}", group.project_id, group.id);
    view! {
        <tr data-testid="group-row">
            <td><a class="name" href=of_group.clone() id=format!("group-{}", group.id)>{group.name.clone()}</a></td>
            <td data-label="Window">{window_words(group)}</td>
            <td data-label="State">{state(group)}</td>
            <td data-label="Tasks"><a class="link" href=of_group>{words::capped(tasks)}</a></td>
            <td class="actions">
                {steer}
                <a class="btn sm" href=format!("{base}/{}", group.id)>"Edit"</a>
                <a class="btn sm" href=format!("{base}/{}/delete", group.id)>"Delete…"</a>
            </td>
        </tr>
    }
}

/// "22:00 to 06:00 the next day, Europe/Berlin".
fn window_words(group: &TaskGroup) -> String {
    match (&group.start_time, &group.end_time) {
        (Some(start), Some(end)) => {
            let next_day = if end < start { " the next day" } else { "" };
            format!("{start} to {end}{next_day}, {}", group.timezone)
        }
        _ => "Always open".to_owned(),
    }
}

/// The badge: open or not, and by whose word.
fn state(group: &TaskGroup) -> AnyView {
    let (tone, words) = match (group.state, group.is_overridden, group.start_time.is_some()) {
        (RunState::Running, true, _) => ("badge green", "Started by hand"),
        (RunState::NotRunning, true, _) => ("badge amber", "Stopped by hand"),
        (RunState::Running, false, true) => ("badge green", "Inside the window"),
        (RunState::Running, false, false) => ("badge green", "Open"),
        (RunState::NotRunning, false, _) => ("badge grey", "Outside"),
    };
    let until = group.override_until.map(|at| view! { <span class="sub">" until " {moment(at)}</span> });
    view! {
        <span class=tone data-testid="group-state">{words}</span>
        {until}
    }
}

/// The form of a new group, or of one that exists; with what was typed if it was refused.
pub async fn form(
    backend: &Backend,
    project: Uuid,
    group: Option<Uuid>,
    address: &Address<'_>,
) -> Result<Fragment, AppError> {
    let project = backend::projects::get(backend, project).await?;
    let group = match group {
        Some(id) => Some(backend::groups::get(backend, project.id, id).await?),
        None => None,
    };
    let title = group.as_ref().map_or_else(|| "New group".to_owned(), |group| format!("Edit {}", group.name));
    Ok(Fragment::new(&title, &html(fields(&project, group.as_ref(), &title, address))))
}

pub(super) fn fields(project: &Project, group: Option<&TaskGroup>, title: &str, address: &Address<'_>) -> AnyView {
    let was_refused = address.get("error").is_some();
    let value = |name: &str, known: Option<String>| {
        let typed = if was_refused { Some(address.get(name).unwrap_or_default()) } else { known };
        typed.unwrap_or_default()
    };
    let field = |label: &'static str, name: &'static str, known: Option<String>, hint: &'static str| {
        view! {
            <div class="field">
                <label for=name>{label}</label>
                <input id=name name=format!("form[{name}]") value=value(name, known) autocomplete="off" aria-describedby=format!("{name}-hint") />
                <p class="hint" id=format!("{name}-hint")>{hint}</p>
            </div>
        }
    };
    let known = |read: fn(&TaskGroup) -> Option<String>| group.and_then(read);
    let hidden = [
        ("form[project_id]", project.id.to_string()),
        ("form[id]", group.map(|group| group.id.to_string()).unwrap_or_default()),
        ("form[version]", value("version", group.map(|group| group.version.to_string()))),
    ];
    let hidden = hidden.map(|(name, value)| view! { <input type="hidden" name=name value=value /> });
    let zone = known(|group| Some(group.timezone.clone())).or_else(|| Some("UTC".to_owned()));
    view! {
        <Crumbs project_id=project.id project=project.name.clone() here=title.to_owned() />
        <div class="head"><h1>{title.to_owned()}</h1></div>
        <form class="form card" method="post" action=SaveGroup::PATH>
            {hidden.into_iter().collect_view()}
            {field("Name", "name", known(|group| Some(group.name.clone())), "1 to 255 characters, unique in the project.")}
            {field("Opens at", "start_time", known(|group| group.start_time.clone()), "HH:MM. Empty, like the end: always open.")}
            {field("Closes at", "end_time", known(|group| group.end_time.clone()), "HH:MM. Earlier than it opens means the next day.")}
            {field("Time zone", "timezone", zone, "IANA name, such as Europe/Berlin.")}
            <div class="foot">
                <button type="submit" class="btn primary" id="save-group">"Save group"</button>
            </div>
        </form>
    }
}

/// What deleting a group does, to choose from.
pub async fn deletion(backend: &Backend, project: Uuid, group: Uuid) -> Result<Fragment, AppError> {
    let group = backend::groups::get(backend, project, group).await?;
    let counts = backend::groups::counts(backend, &[group.id]).await?;
    let tasks = counts.first().map_or(0, |(_, count)| *count);
    Ok(Fragment::new(&format!("Delete {}", group.name), &html(modes(&group, tasks))))
}

pub(super) fn modes(group: &TaskGroup, tasks: i64) -> AnyView {
    let mode = |value: &'static str, words: &'static str| {
        let is_default = value == "block";
        view! {
            <label class="radio">
                <input type="radio" name="mode" value=value checked=is_default id=format!("mode-{value}") />
                {words}
            </label>
        }
    };
    let modes = [
        mode("block", "Only if it has no tasks"),
        mode("orphan", "Keep its tasks, in no group"),
        mode("cascade", "Delete all its tasks with it: none of them starts a run any more"),
    ];
    let list = format!("/projects/{}/groups", group.project_id);
    view! {
        <section class="card dialog still">
            <h1>{format!("Delete “{}”", group.name)}</h1>
            <p>"Tasks in this group: " <b>{words::capped(tasks)}</b></p>
            <form method="post" action=DeleteGroup::PATH>
                <input type="hidden" name="project_id" value=group.project_id.to_string() />
                <input type="hidden" name="id" value=group.id.to_string() />
                <fieldset class="kinds">
                    <legend>"What becomes of its tasks"</legend>
                    {modes.into_iter().collect_view()}
                </fieldset>
                <p class="hint">"A deletion of a task can be undone for a while; the task is then in no group."</p>
                <div class="foot">
                    <a class="btn" href=list>"Cancel"</a>
                    <button type="submit" class="btn danger" id="delete-group">"Delete group"</button>
                </div>
            </form>
        </section>
    }
}

/// The field of a task's form that chooses its group.
pub async fn choice(backend: &Backend, project: Uuid, address: &Address<'_>) -> Result<Fragment, AppError> {
    let mut groups = backend::groups::list(backend, project, None, Some(OFFERED)).await?.data;
    let chosen = address.get("chosen").and_then(|id| address::id(&id).ok());
    if let Some(id) = chosen.filter(|id| groups.iter().all(|group| group.id != *id)) {
        groups.extend(backend::groups::get(backend, project, id).await.ok());
    }
    Ok(Fragment::new("Group", &html(select(&groups, chosen))))
}

pub(super) fn select(groups: &[TaskGroup], chosen: Option<Uuid>) -> AnyView {
    let option = |group: &TaskGroup| {
        view! {
            <option value=group.id.to_string() selected=chosen == Some(group.id)>
                {format!("{} ({})", group.name, window_words(group))}
            </option>
        }
    };
    view! {
        <div class="field">
            <label for="task_group_id">"Group"</label>
            <select id="task_group_id" name="form[task_group_id]">
                <option value="">"None"</option>
                {groups.iter().map(option).collect_view()}
            </select>
            <p class="hint">"It runs only while the window of its group is open."</p>
        </div>
    }
}
