//! What fragments are put together from: moments, buttons that post, heads of lists.

use crate::api::{CancelExecution, RetryDeletion, RunTask, UndoDeletion};
use crate::view;
use crate::words;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::deletion::Deletion;
use domain::execution::Execution;
use domain::status::TaskStatus;
use domain::task::Task;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use uuid::Uuid;

/// A moment: absolute, for the browser to say it relative to its own clock.
pub fn moment(at: DateTime<Utc>) -> AnyView {
    view! { <time datetime=exactly(at)>{words::absolute(at)}</time> }
}

fn exactly(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A moment, or a dash.
pub fn moment_or_dash(at: Option<DateTime<Utc>>) -> AnyView {
    at.map_or_else(|| "—".into_any(), moment)
}

/// A form of one button that calls a server function. The id keeps the focus when the part is rendered anew.
pub fn button_form<F: ServerFn>(
    fields: impl IntoIterator<Item = (&'static str, Uuid)>,
    id: String,
    class: &'static str,
    words: impl IntoView + 'static,
) -> AnyView {
    let words = words.into_any();
    let field = |(name, value): (_, Uuid)| view! { <input type="hidden" name=name value=value.to_string() /> };
    view! {
        <form method="post" action=F::PATH class="inline">
            {fields.into_iter().map(field).collect_view()}
            <button type="submit" class=class id=id>
                {words}
            </button>
        </form>
    }
}

/// Undoes a deletion; the browser says how long it can.
pub fn undo_form(deletion: &Deletion) -> AnyView {
    let left = deletion.undo_until.map(|until| view! { <time class="left" datetime=exactly(until)></time> });
    let words = view! { <span>"Undo"</span> {left} };
    button_form::<UndoDeletion>(steered(deletion), format!("undo-{}", deletion.id), "btn sm", words)
}

/// Gives a failed deletion a fresh cycle of attempts.
pub fn retry_form(deletion: &Deletion) -> AnyView {
    button_form::<RetryDeletion>(steered(deletion), format!("retry-{}", deletion.id), "btn sm", "Retry")
}

fn steered(deletion: &Deletion) -> [(&'static str, Uuid); 2] {
    [("project_id", deletion.project_id), ("deletion_id", deletion.id)]
}

/// Ends an execution.
pub fn cancel_form(execution: &Execution, class: &'static str) -> AnyView {
    let fields = [("project_id", execution.project_id), ("id", execution.id)];
    button_form::<CancelExecution>(fields, format!("cancel-{}", execution.id), class, "Cancel")
}

/// Starts the task by hand; or says why not.
pub fn run_form(task: &Task, words: &'static str) -> AnyView {
    let why_not = match task.status {
        TaskStatus::Active => {
            let fields = [("project_id", task.project_id), ("task_id", task.uuid)];
            return button_form::<RunTask>(fields, "run-task".to_owned(), "btn", words);
        }
        TaskStatus::Disabled => "The task is disabled.",
        TaskStatus::PendingDelete | TaskStatus::DeleteFailed => "The task is being deleted.",
    };
    view! {
        <span class="sub" id="why-not">{why_not}</span>
        <button type="button" class="btn" disabled aria-describedby="why-not">
            {words}
        </button>
    }
}

/// What a list says when it is empty.
pub fn empty(title: &'static str, hint: &'static str) -> AnyView {
    view! {
        <section class="empty">
            <h2>{title}</h2>
            <p>{hint}</p>
        </section>
    }
}

/// What a table says below its name when it has no rows; the stylesheet leaves out its head then.
pub fn none<T>(rows: &[T], words: &'static str) -> Option<AnyView> {
    rows.is_empty().then(|| view! { <p class="sub none">{words}</p> })
}

/// A link that chooses what is shown.
pub fn chip(href: String, words: &'static str, is_current: bool) -> AnyView {
    view! { <a class="chip" href=href aria-current=is_current.then_some("true")>{words}</a> }
}

/// The way to what comes after this page.
pub fn next_page(href: Option<String>, words: &'static str) -> Option<AnyView> {
    href.map(|href| view! { <p class="pager"><a class="btn" href=href id="next-page">{words}</a></p> })
}
