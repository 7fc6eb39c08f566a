//! The delete page: what the dialog shows, for those without JavaScript and for links.

use super::route::{self, RefusalBanner};
use crate::api::{DeleteOutcome, preview_deletion};
use crate::components::delete_dialog::{self, DeleteForm};
use crate::components::loaded::loaded;
use crate::components::toast::Toasts;
use crate::view;
use domain::deletion::DeletionPreview;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_navigate;
use uuid::Uuid;

/// The delete page of a task.
#[component]
pub fn DeletePage() -> impl IntoView {
    let (project, task) = (route::id("project"), route::id("task"));
    loaded(
        move || (project(), task()),
        |(project, task)| async move {
            let project = project?;
            Ok((project, preview_deletion(project, task?).await?))
        },
        |(project_id, preview)| view! { <Content project_id preview /> },
    )
}

#[component]
fn Content(project_id: Uuid, preview: DeletionPreview) -> impl IntoView {
    let (navigate, toasts) = (StoredValue::new(use_navigate()), expect_context::<Toasts>());
    let done = move |outcome: DeleteOutcome| {
        delete_dialog::tell(toasts, outcome);
        navigate.get_value()(&format!("/projects/{project_id}"), Default::default());
    };
    let back = format!("/projects/{project_id}/tasks/{}", preview.task_uuid);
    let cancel = view! {
        <a class="btn" href=back>
            "Cancel"
        </a>
    };
    view! {
        <Title text=format!("Delete {}", preview.name) />
        <RefusalBanner />
        <section class="card dialog still">
            <h1>{format!("Delete “{}”", preview.name)}</h1>
            <DeleteForm project_id preview done cancel />
        </section>
    }
}
