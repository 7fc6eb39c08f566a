//! Projects: create, list, change.

use crate::support::{ADA, World, kind, operator, project_draft, refused};
use backend::projects::{self, Change};
use backend::tasks::etag::Precondition;
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn a_name_is_taken_regardless_of_case(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let refusal = refused(projects::create(&world.backend, &ADA, project_draft("pROJECT ", 0)).await);
    assert_eq!((refusal.kind, refusal.errors[0].field.as_str()), (ProblemKind::NameTaken, "name"));
    let other = projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    let rename = Change::Replace(project_draft("PROJECT", 0));
    let answer = projects::change(&world.backend, &ADA, other.id, &Precondition::None, rename).await;
    assert_eq!(kind(answer), ProblemKind::NameTaken);
    let again = Change::Replace(project_draft("OTHER", 0));
    assert!(projects::change(&world.backend, &ADA, other.id, &Precondition::None, again).await.is_ok(), "its own name");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_project_is_changed_by_merge_and_null_gives_back_the_default(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let project = &world.project;
    let merge = async |patch, seen: Precondition| {
        projects::change(&world.backend, &ADA, project.id, &seen, Change::Merge(patch)).await
    };
    let seen = || Precondition::OneOf(vec![project.version]);
    let changed = merge(json!({ "description": "text", "undo_window_seconds": null }), seen()).await.unwrap();
    assert_eq!((changed.version, changed.undo_window_seconds), (2, None));
    assert_eq!((changed.name.as_str(), changed.description.as_str()), ("Project", "text"));
    assert_eq!(kind(merge(json!({ "description": "" }), seen()).await), ProblemKind::EtagMismatch);
    let wrong = merge(json!({ "execution_endpoint": "ftp://x" }), Precondition::None).await;
    assert_eq!(kind(wrong), ProblemKind::ValidationFailed);
    assert_eq!(
        kind(merge(json!({ "execution_endpoint": null }), Precondition::None).await),
        ProblemKind::InvalidRequest
    );
    assert_eq!(projects::get(&world.backend, project.id).await.unwrap(), changed);
    assert_eq!(kind(projects::get(&world.backend, Uuid::now_v7()).await), ProblemKind::ProjectNotFound);
    assert_eq!(world.count("events WHERE kind = 'ProjectUpdated'").await, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn projects_are_listed_newest_first_in_pages(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    for n in 0..4 {
        projects::create(&world.backend, &ADA, project_draft(&format!("{n}"), 0)).await.unwrap();
    }
    let first = projects::list(&world.backend, &operator(), None, Some(3)).await.unwrap();
    let names = |page: &domain::page::Page<domain::project::Project>| {
        page.data.iter().map(|project| project.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&first), "3 2 1");
    let second = projects::list(&world.backend, &operator(), first.next_cursor.as_deref(), Some(3)).await.unwrap();
    assert_eq!((names(&second).as_str(), second.next_cursor), ("0 Project", None));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn tasks_are_counted_by_status(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let (a, _b) = (world.task("a").await, world.task("b").await);
    world.request(&a).await;
    let counts = projects::counts(&world.backend, world.project.id).await.unwrap();
    let count = |wanted| counts.iter().find(|(status, _)| *status == wanted).unwrap().1;
    assert_eq!((count(TaskStatus::Active), count(TaskStatus::PendingDelete), count(TaskStatus::Disabled)), (1, 1, 0));
    world.end().await;
}
