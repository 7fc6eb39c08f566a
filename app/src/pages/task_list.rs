//! The rows of the task list and how they follow what happens: nothing reorders under the pointer, a lower version is
//! never applied, and a row leaves only when its task is gone.

use crate::api::{DeleteOutcome, TaskListView, TaskQuery, list_tasks};
use crate::browser;
use crate::components::delete_dialog::{self, DeleteDialog, DeleteDialogs};
use crate::components::task_row::TaskRow;
use crate::components::toast::Toasts;
use crate::live::Live;
use domain::status::TaskStatus;
use domain::task::Task;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

/// A row: its key and its changing content.
type Row = (Uuid, ArcRwSignal<Task>);

/// What is on the screen.
#[derive(Clone, Copy)]
struct Shown {
    rows: RwSignal<Vec<Row>>,
    counts: RwSignal<Vec<(TaskStatus, i64)>>,
    toasts: Toasts,
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
        for (id, row) in &rows {
            match view.page.data.iter().find(|task| task.uuid == *id) {
                Some(task) if row.with_untracked(|old| old.version <= task.version && old != task) => {
                    row.set(task.clone())
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
                rows.sort_by(|(a, _), (b, _)| b.cmp(a));
            });
        }
    }

    /// The task is gone: says so, and moves focus to the row before if it was in this one.
    fn leave(self, gone: Uuid) {
        let rows = self.rows.get_untracked();
        let Some(place) = rows.iter().position(|(id, _)| *id == gone) else { return };
        let name = rows[place].1.with_untracked(|task| task.name.clone());
        if browser::has_focus_within(&format!("[data-task='{gone}']")) {
            let neighbour = rows.get(place.wrapping_sub(1)).or_else(|| rows.get(place + 1));
            browser::focus(&neighbour.map_or("main".to_owned(), |(id, _)| format!("task-{id}")));
        }
        self.rows.update(|rows| rows.retain(|(id, _)| *id != gone));
        self.toasts.show("Task deleted", format!("{name} deleted"), None);
    }
}

/// The table.
#[component]
pub fn TaskList(
    project_id: Uuid,
    query: TaskQuery,
    rows: Vec<Task>,
    counts: RwSignal<Vec<(TaskStatus, i64)>>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let rows = rows.into_iter().map(|task| (task.uuid, ArcRwSignal::new(task))).collect();
    let shown = Shown { rows: RwSignal::new(rows), counts, toasts };
    let live = expect_context::<Live>();
    live.follow(project_id);
    let query = StoredValue::new(query);
    let refresh = move || {
        let Some(query) = query.try_get_value() else { return };
        spawn_local(async move {
            let first_page = query.cursor.is_none();
            if let Ok(view) = list_tasks(project_id, query, shown.ids()).await {
                shown.apply(view, first_page);
            }
        });
    };
    live.on_pulse(refresh);
    let dialogs = DeleteDialogs::new();
    let done = move |outcome: DeleteOutcome| {
        delete_dialog::tell(toasts, outcome);
        refresh();
    };
    view! {
        <div class="card table" class:hidden=move || shown.rows.with(Vec::is_empty)>
            <table>
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
                <tbody>
                    <For each=move || shown.rows.get() key=|(id, _)| *id let((_, task))>
                        <TaskRow task dialogs />
                    </For>
                </tbody>
            </table>
        </div>
        <DeleteDialog dialogs project_id done />
    }
}
