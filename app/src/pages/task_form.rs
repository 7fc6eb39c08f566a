//! Creating and editing a task. What a schedule means is shown while it is typed; the server says it.

use super::route;
use super::task::Run;
use crate::api::{Fragment, SaveTask, TaskForm, get_fragment, get_project, get_task, preview_schedule};
use crate::components::field::{Choice, FormError, TextArea, TextField};
use crate::components::form::{ActionForm, form_action};
use crate::components::layout::Crumbs;
use crate::components::loaded::loaded;
use crate::components::toast::Toasts;
use crate::error::AppError;
use crate::reactive::effect;
use crate::view;
use crate::{browser, words};
use domain::schedule::{SchedulePreview, zone_in};
use leptos::html::Form as FormElement;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_navigate;
use uuid::Uuid;

const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Paris",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Africa/Cairo",
    "Pacific/Honolulu",
];

/// The form of a new task.
#[component]
pub fn NewTaskPage() -> impl IntoView {
    let (id, chosen) = (route::id("project"), route::query("task_group_id"));
    loaded(
        move || (id(), chosen()),
        |(id, chosen)| async move {
            let project = get_project(id?).await?;
            let groups = choice(project.id, chosen).await?;
            Ok((project, groups))
        },
        |(project, groups)| {
            let form = route::typed().unwrap_or_else(|| TaskForm::new(project.id));
            view! {
                <Title text="New task" />
                <Crumbs project_id=project.id project=project.name here="New task".to_owned() />
                <div class="head">
                    <h1>"New task"</h1>
                </div>
                <Form form groups submit="Create task" />
            }
        },
    )
}

/// The form of a task that exists.
#[component]
pub fn EditTaskPage() -> impl IntoView {
    let (project, task) = (route::id("project"), route::id("task"));
    let chosen = route::query("task_group_id");
    loaded(
        move || (project(), task(), chosen()),
        |(project, task, chosen)| async move {
            let view = get_task(project?, task?).await?;
            let chosen = chosen.or_else(|| view.task.task_group_id.map(|id| id.to_string()));
            let groups = choice(view.project.id, chosen).await?;
            Ok((view, groups))
        },
        |(view, groups)| {
            let form = route::typed().unwrap_or_else(|| TaskForm::from(&view.task));
            let title = format!("Edit {}", view.task.name);
            view! {
                <Title text=title.clone() />
                <Crumbs project_id=view.project.id project=view.project.name here=title.clone() />
                <div class="head">
                    <h1>{title}</h1>
                </div>
                <Form form groups submit="Save task" />
            }
        },
    )
}

/// The field that chooses a group, as the server renders it.
async fn choice(project: Uuid, chosen: Option<String>) -> Result<Fragment, AppError> {
    get_fragment(format!("projects/{project}/groups/choice?chosen={}", chosen.unwrap_or_default())).await
}

/// The schedule preview: what was asked last, and its answer.
#[derive(Clone, Copy)]
struct Preview {
    asked: RwSignal<TaskForm>,
    answer: RwSignal<Option<Result<SchedulePreview, AppError>>>,
}

impl Preview {
    /// Asks the server what the form means now, once nothing has been typed for a moment.
    fn typed(self, form: Option<TaskForm>) {
        let Some(form) = form.filter(|form| self.asked.with_untracked(|asked| asked != form)) else { return };
        self.asked.set(form.clone());
        browser::after(std::time::Duration::from_millis(150), move || {
            if self.asked.try_get_untracked().as_ref() == Some(&form) {
                spawn_local(async move {
                    let answer = preview_schedule(form.clone()).await;
                    if self.asked.try_get_untracked().as_ref() == Some(&form) {
                        let _ = self.answer.try_set(Some(answer));
                    }
                });
            }
        });
    }
}

#[component]
fn Form(form: TaskForm, groups: Fragment, submit: &'static str) -> impl IntoView {
    let action = form_action::<SaveTask>();
    let value = action.value();
    route::show_refusals(move || value.get());
    let (navigate, toasts) = (StoredValue::new(use_navigate()), expect_context::<Toasts>());
    effect(move || {
        if let Some(Ok(task)) = value.get() {
            toasts.show("Task saved", format!("“{}”", task.name));
            let path = format!("/projects/{}/tasks/{}", task.project_id, task.uuid);
            navigate.get_value()(&path, Default::default());
        }
    });
    let element = NodeRef::<FormElement>::new();
    let preview = Preview { asked: RwSignal::new(TaskForm::default()), answer: RwSignal::new(None) };
    let read = move || preview.typed(browser::form_fields(element));
    effect(move || {
        if element.get().is_some() {
            read();
        }
    });
    view! {
        <div class="columns">
            <ActionForm action node_ref=element attr:class="form card" on:input=move |_| read()>
                <FormError />
                <Hidden form=form.clone() />
                <TextField label="Name" name="form[name]" field="name" value=form.name.clone() required=true hint="1 to 255 characters." />
                <TextField label="Description" name="form[description]" field="description" value=form.description.clone() />
                <ScheduleFields form=form.clone() />
                <Policies form=form.clone() />
                <div inner_html=groups.html().to_owned()></div>
                <TextArea label="Metadata" name="form[metadata]" field="metadata" value=form.metadata hint="A JSON object, sent with every call; 16 kB at most." />
                <div class="foot">
                    <button type="submit" class="btn primary" disabled=move || action.pending().get()>
                        {submit}
                    </button>
                </div>
            </ActionForm>
            <PreviewCard preview />
        </div>
    }
}

#[component]
fn Hidden(form: TaskForm) -> impl IntoView {
    view! {
        <input type="hidden" name="form[project_id]" value=form.project_id.to_string() />
        <input type="hidden" name="form[uuid]" value=form.uuid />
        <input type="hidden" name="form[version]" value=form.version />
        <input type="hidden" name="form[completion]" value=form.completion />
    }
}

#[component]
fn ScheduleFields(form: TaskForm) -> impl IntoView {
    let kind = |key: &'static str, words: &'static str| {
        view! {
            <label class="radio">
                <input type="radio" name="form[kind]" value=key checked=form.kind == key />
                {words}
            </label>
        }
    };
    let kinds =
        [kind("cron", "Cron expression"), kind("range", "Every so often in a daily window"), kind("once", "Once")];
    view! {
        <fieldset class="schedule">
            <legend>"Schedule"</legend>
            <div class="kinds">{kinds.into_iter().collect_view()}</div>
            <div class="of-cron">
                <TextField label="Cron expression" name="form[cron_expression]" field="schedule_config.cron_expression" value=form.cron_expression hint="5 fields, or 6 with seconds first; @daily; @every 90s." />
            </div>
            <div class="of-range">
                <TextField label="From" name="form[range_start]" field="schedule_config.time_range.start" value=form.range_start hint="HH:MM" />
                <TextField label="To" name="form[range_end]" field="schedule_config.time_range.end" value=form.range_end hint="HH:MM" />
                <TextField label="Every" name="form[every_value]" field="schedule_config.time_range.frequency" value=form.every_value />
                <Choice label="Unit" name="form[every_unit]" field="schedule_config.time_range.unit" value=form.every_unit options=vec![("s", "seconds"), ("m", "minutes"), ("h", "hours")] />
                <TextField label="Days" name="form[days_of_week]" field="schedule_config.days_of_week" value=form.days_of_week hint="Such as MON, TUE. Empty means every day." />
            </div>
            <div class="of-once">
                <TextField label="Moment" name="form[run_at]" field="schedule_config.run_at" value=form.run_at hint="Such as 2026-12-24T18:00:00+01:00." />
            </div>
            <TextField label="Time zone" name="form[timezone]" field="schedule_config.timezone" value=form.timezone list="zones" hint="IANA name, such as Europe/Berlin." />
            <datalist id="zones">{ZONES.map(|zone| view! { <option value=zone></option> }).collect_view()}</datalist>
            <TextField label="Except on" name="form[exclusions]" field="schedule_config.exclusions" value=form.exclusions hint="Dates (2026-12-24), ranges (2026-12-24/2027-01-01) or days (SUN), separated by commas." />
        </fieldset>
    }
}

#[component]
fn Policies(form: TaskForm) -> impl IntoView {
    view! {
        <div class="row">
            <TextField label="Timeout, in seconds" name="form[timeout_seconds]" field="timeout_seconds" value=form.timeout_seconds hint="1 to 86,400." />
            <TextField label="Calls until it counts as failed" name="form[max_attempts]" field="max_attempts" value=form.max_attempts hint="1 to 20; 1 means no retry." />
            <Choice label="Status" name="form[status]" field="status" value=form.status options=vec![("ACTIVE", "Active"), ("DISABLED", "Disabled")] />
            <Choice label="When a run is still going on" name="form[overlap_policy]" field="overlap_policy" value=form.overlap_policy options=words::OVERLAP.to_vec() />
            <Choice label="When runs were missed" name="form[missed_run_policy]" field="missed_run_policy" value=form.missed_run_policy options=words::MISSED.to_vec() />
        </div>
    }
}

/// The words and the next runs of what is typed.
#[component]
fn PreviewCard(preview: Preview) -> impl IntoView {
    let asked_zone = move || {
        let form = preview.asked.get();
        let named = zone_in(&form.cron_expression).filter(|_| form.kind == "cron").map(str::to_owned);
        named.unwrap_or(form.timezone)
    };
    let zone = move || preview.answer.with(|answer| matches!(answer, Some(Ok(_)))).then(asked_zone);
    // One field after the other is typed: what is wrong stands here in words, beside the field once it is sent.
    let refused = |error: &AppError| match error.0.errors.as_slice() {
        [] => error.detail().to_owned(),
        errors => errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join(" "),
    };
    let content = move || match preview.answer.get() {
        Some(Ok(answer)) => {
            let runs = answer.next_runs.into_iter().map(|run| view! { <Run run /> }).collect_view();
            view! {
                <p>
                    <b data-testid="schedule-words">{answer.description}</b>
                </p>
                <ol class="runs">{runs}</ol>
            }
        }
        Some(Err(error)) => view! { <p class="error">{refused(&error)}</p> },
        None => view! { <p class="sub">"The schedule in words and its next runs appear here while you type."</p> },
    };
    view! {
        <aside class="card pad" aria-live="polite">
            <h2>"Next runs " <span class="zone">{zone}</span></h2>
            {content}
        </aside>
    }
}
