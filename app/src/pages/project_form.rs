//! Creating a project, and its settings.

use super::route;
use crate::api::{ProjectForm, SaveProject, get_project};
use crate::components::field::{FormError, TextField};
use crate::components::form::{ActionForm, form_action};
use crate::components::layout::ProjectHead;
use crate::components::loaded::loaded;
use crate::components::toast::Toasts;
use crate::reactive::effect;
use crate::view;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_navigate;

/// The form of a new project.
#[component]
pub fn NewProjectPage() -> impl IntoView {
    view! {
        <Title text="New project" />
        <div class="head">
            <h1>"New project"</h1>
        </div>
        <Form form=route::typed().unwrap_or_default() submit="Create project" />
    }
}

/// The settings of a project.
#[component]
pub fn ProjectSettingsPage() -> impl IntoView {
    let id = route::id("project");
    loaded(
        id,
        |id| async move { get_project(id?).await },
        |project| {
            let form = route::typed().unwrap_or_else(|| ProjectForm::from(&project));
            view! {
                <Title text=format!("Settings of {}", project.name) />
                <ProjectHead id=project.id name=project.name tab="Settings" />
                <Form form submit="Save" />
            }
        },
    )
}

#[component]
fn Form(form: ProjectForm, submit: &'static str) -> impl IntoView {
    let action = form_action::<SaveProject>();
    let value = action.value();
    route::show_refusals(move || value.get());
    let navigate = StoredValue::new(use_navigate());
    let toasts = expect_context::<Toasts>();
    effect(move || {
        if let Some(Ok(project)) = value.get() {
            toasts.show("Project saved", format!("“{}”", project.name));
            navigate.get_value()(&format!("/projects/{}", project.id), Default::default());
        }
    });
    view! {
        <ActionForm action attr:class="form card">
            <FormError />
            <input type="hidden" name="form[id]" value=form.id />
            <TextField label="Name" name="form[name]" field="name" value=form.name required=true hint="1 to 255 characters, unique." />
            <TextField label="Description" name="form[description]" field="description" value=form.description />
            <TextField
                label="Execution endpoint"
                name="form[execution_endpoint]"
                field="execution_endpoint"
                value=form.execution_endpoint
                required=true
                hint="Where the calls of this project's tasks go: an http or https URL."
            />
            <TextField
                label="Undo window, in seconds"
                name="form[undo_window_seconds]"
                field="undo_window_seconds"
                value=form.undo_window_seconds
                hint="How long a deletion can be undone: 0 to 2,592,000. Empty means the server's default."
            />
            <TextField
                label="Keep executions, in days"
                name="form[execution_days]"
                field="execution_days"
                value=form.execution_days
                hint="How long they are kept after their end, with their logs: 1 to 3,650. Empty means the server's default."
            />
            <div class="foot">
                <button type="submit" class="btn primary" disabled=move || action.pending().get()>
                    {submit}
                </button>
            </div>
        </ActionForm>
    }
}
