//! The rows of the task list and how they follow what happens: nothing reorders under the pointer, a lower version is
//! never applied, and a row leaves only when its task is gone.

use crate::api::{DeleteOutcome, TaskListView, TaskQuery, list_tasks};
use crate::browser;
use crate::components::delete_dialog::{self, DeleteDialog, DeleteDialogs};
use crate::components::task_row::TaskRow;
use crate::components::toast::Toasts;
use crate::live::{Followed, Live};
use crate::view;
use domain::deletion::Deletion;
use domain::status::TaskStatus;
use domain::task::Task;
use leptos::prelude::*;
use uuid::Uuid;

/// A row: its key and its changing content.
type Row = (Uuid, ArcRwSignal<Task>);

/// What is on the screen.
#[derive(Clone, Copy)]
struct Shown {
    rows: RwSignal<Vec<Row>>,
    counts: RwSignal<Vec<(TaskStatus, i64)>>,
    groups: RwSignal<Vec<(Uuid, String)>>,
}

impl Shown {
    fn ids(self) -> String {
        let ids = |rows: &Vec<Row>| rows.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(",");
        self.rows.try_with_untracked(ids).unwrap_or_default()
    }

    /// Takes over what was read again. The page may be gone by now: then nothing happens.
    fn apply(self, view: TaskListView, first_page: bool) {
        let Some(rows) = self.rows.try_get_untracked() else { return };
        let _ = self.counts.try_set(view.counts);
        let _ = self.groups.try_set(view.groups);
        for (id, row) in &rows {
            match view.page.data.iter().find(|task| task.uuid == *id) {
                Some(task) if row.with_untracked(|old| old.version <= task.version && old != task) => {
                    row.set(task.clone());
                }
                Some(_) => {}
                None => self.leave(*id),
            }
        }
        let known = |task: &Task| rows.iter().any(|(id, _)| *id == task.uuid);
        let new: Vec<Task> = view.page.data.into_iter().filter(|task| first_page && !known(task)).collect();
        if !new.is_empty() {
            self.rows.update(|rows| {
                rows.extend(new.into_iter().map(|task| (task.uuid, ArcRwSignal::new(task))));
                rows.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
            });
        }
    }

    /// A deletion was accepted: its row says so at once, and keeps the focus.
    fn accepted(self, deletion: &Deletion) {
        let rows = self.rows.get_untracked();
        if let Some((_, row)) = rows.iter().find(|(id, _)| *id == deletion.task_uuid) {
            row.update(|task| {
                task.status = TaskStatus::PendingDelete;
                task.next_run_at = None;
                task.deletion = Some(deletion.clone());
            });
        }
        browser::focus(&format!("task-{}", deletion.task_uuid));
    }

    /// The task is gone: its row leaves, and focus moves to the row before if it was in this one.
    fn leave(self, gone: Uuid) {
        let rows = self.rows.get_untracked();
        let Some(place) = rows.iter().position(|(id, _)| *id == gone) else { return };
        if browser::has_focus_within(&format!("[data-task='{gone}']")) {
            let neighbour = rows.get(place.wrapping_sub(1)).or_else(|| rows.get(place + 1));
            browser::focus(&neighbour.map(|(id, _)| format!("task-{id}")).unwrap_or_default());
        }
        self.rows.update(|rows| rows.retain(|(id, _)| *id != gone));
    }
}

/// The table.
#[component]
pub fn TaskList(
    project_id: Uuid,
    query: TaskQuery,
    rows: Vec<Task>,
    groups: RwSignal<Vec<(Uuid, String)>>,
    counts: RwSignal<Vec<(TaskStatus, i64)>>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let rows = rows.into_iter().map(|task| (task.uuid, ArcRwSignal::new(task))).collect();
    let shown = Shown { rows: RwSignal::new(rows), counts, groups };
    let live = expect_context::<Live>();
    live.follow(Followed::Project(project_id));
    let (first_page, filtered) = (query.cursor.is_none(), query != TaskQuery::default());
    let read = move || list_tasks(project_id, query.clone(), shown.ids());
    live.keep_fresh(read, move |view| {
        if let Ok(view) = view {
            shown.apply(view, first_page);
        }
    });
    let dialogs = DeleteDialogs::new();
    let done = move |outcome: DeleteOutcome| {
        if let DeleteOutcome::Scheduled(deletion) = &outcome {
            shown.accepted(deletion);
        }
        delete_dialog::tell(toasts, outcome);
        live.nudge();
    };
    view! {
        {move || shown.rows.with(Vec::is_empty).then(|| view! { <Empty project_id filtered /> })}
        <div class="card table tasks" class:hidden=move || shown.rows.with(Vec::is_empty)>
            <table>
                <Head />
                <tbody>
                    <For each=move || shown.rows.get() key=|(id, _)| *id let((_, task))>
                        <TaskRow task groups dialogs />
                    </For>
                </tbody>
            </table>
        </div>
        <DeleteDialog dialogs project_id done />
    }
}

#[component]
fn Head() -> impl IntoView {
    view! {
        <thead>
            <tr>
                <th scope="col">"Task"</th>
                <th scope="col">"Status"</th>
                <th scope="col">"Schedule"</th>
                <th scope="col">"Next run"</th>
                <th scope="col">"Last run"</th>
                <th scope="col">
                    <span class="visually-hidden">"Actions"</span>
                </th>
            </tr>
        </thead>
    }
}

#[component]
fn Empty(project_id: Uuid, filtered: bool) -> impl IntoView {
    let content = if filtered {
        view! {
            <h2>"No task matches"</h2>
            <p>"Other words, or another status, may find it."</p>
            <p>
                <a class="btn" href=format!("/projects/{project_id}")>
                    "Show all tasks"
                </a>
            </p>
        }
    } else {
        view! {
            <h2>"No task yet"</h2>
            <p>"A task calls the project's endpoint on its schedule."</p>
            <p>
                <a class="btn" href=format!("/projects/{project_id}/tasks/new")>
                    "Create the first task"
                </a>
            </p>
        }
    };
    view! { <section class="empty" data-testid="empty">{content}</section> }
}
