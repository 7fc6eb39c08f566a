//! Creating a project. Its settings are a page that the server renders.

use super::route;
use crate::api::{ProjectForm, SaveProject};
use crate::components::field::{FormError, TextField};
use crate::components::form::{ActionForm, form_action};
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
        <Form form=route::typed().unwrap_or_default() />
    }
}

#[component]
fn Form(form: ProjectForm) -> impl IntoView {
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
            <div class="foot">
                <button type="submit" class="btn primary" disabled=move || action.pending().get()>
                    "Create project"
                </button>
            </div>
        </ActionForm>
    }
}
