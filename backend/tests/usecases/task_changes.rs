//! Changing tasks: replace, merge patch, status, ETags.

use crate::support::{ADA, World, kind, refused, task_draft};
use backend::tasks::etag::Precondition;
use backend::tasks::{self, Change};
use chrono::Utc;
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

fn replace(name: &str) -> Change {
    Change::Replace(Box::new(task_draft(name)))
}

fn status(status: &str) -> Change {
    Change::Status(status.to_owned())
}

#[sqlx::test(migrations = false)]
async fn a_replacement_keeps_the_status_and_plans_from_now(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    world.execute("UPDATE task_schedules SET next_run_at = now() - interval '1 day'").await;
    let changed = world.change(&task, replace("Renamed")).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.version, changed.status), ("Renamed", 2, TaskStatus::Active));
    assert!(changed.next_run_at.unwrap() > Utc::now(), "an edit never fires retroactively");
    let disabled = world.change(&task, status("DISABLED")).await.unwrap();
    assert_eq!((disabled.status, disabled.next_run_at), (TaskStatus::Disabled, None));
    assert_eq!(world.change(&task, replace("Again")).await.unwrap().status, TaskStatus::Disabled);
    assert_eq!(world.count("task_schedules").await, 0);
    let enabled = world.change(&task, status("ACTIVE")).await.unwrap();
    assert!(enabled.next_run_at.unwrap() > Utc::now());
    assert_eq!(world.events(&task).await[1..], ["TaskUpdated"; 4]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_merge_patch_changes_what_it_names_and_null_clears(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let merge = async |patch: Value| world.change(&task, Change::Merge(patch)).await;
    let patched =
        merge(json!({ "description": "text", "timeout_seconds": 90, "metadata": { "a": 1, "b": { "c": 2 } } }));
    let patched = patched.await.unwrap();
    assert_eq!((patched.name.as_str(), patched.description.as_str(), patched.timeout_seconds), ("Nightly", "text", 90));
    let cleared = merge(json!({ "description": null, "timeout_seconds": null, "metadata": { "a": null, "d": 3 } }));
    let cleared = cleared.await.unwrap();
    assert_eq!((cleared.description.as_str(), cleared.timeout_seconds), ("", 30));
    assert_eq!(cleared.metadata, json!({ "b": { "c": 2 }, "d": 3 }));
    let range = json!({ "start": "08:00", "end": "10:00", "frequency": { "value": 5, "unit": "m" } });
    let rescheduled =
        merge(json!({ "schedule_config": { "cron_expression": null, "time_range": range } })).await.unwrap();
    assert_eq!(rescheduled.schedule_config.timezone, "Europe/Berlin");
    assert!(rescheduled.schedule_config.cron_expression.is_none());
    for (patch, expected) in [
        (json!({ "name": null }), ProblemKind::InvalidRequest),
        (json!({ "unknown": 1 }), ProblemKind::InvalidRequest),
        (json!([]), ProblemKind::InvalidRequest),
        (json!({ "timeout_seconds": "soon" }), ProblemKind::InvalidRequest),
        (json!({ "name": "" }), ProblemKind::ValidationFailed),
        (json!({ "status": "DELETE_FAILED" }), ProblemKind::StatusNotSettable),
    ] {
        assert_eq!(kind(merge(patch.clone()).await), expected, "{patch}");
    }
    assert_eq!(world.read(&task).await, rescheduled, "a refused patch changes nothing");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn only_one_of_two_edits_with_the_same_etag_is_taken(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let seen = Precondition::OneOf(vec![task.version]);
    let edit = |name| tasks::change(&world.backend, &ADA, world.project.id, task.uuid, &seen, replace(name));
    let (first, second) = futures::join!(edit("first"), edit("second"));
    let refusals: Vec<_> = [first, second].into_iter().filter_map(Result::err).collect();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals.into_iter().next().unwrap().into_refusal().kind, ProblemKind::EtagMismatch);
    assert_eq!(world.read(&task).await.version, 2);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_that_is_being_deleted_takes_no_change_and_a_refused_status_is_named_first(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    world.request(&task).await;
    let pending = world.read(&task).await;
    for change in [replace("x"), status("ACTIVE"), status("DISABLED"), Change::Merge(json!({ "name": "x" }))] {
        assert_eq!(kind(world.change(&task, change).await), ProblemKind::TaskPendingDelete);
    }
    for forbidden in ["PENDING_DELETE", "DELETE_FAILED", "nonsense"] {
        let refusal = refused(world.change(&task, status(forbidden)).await);
        assert_eq!((refusal.kind, refusal.errors[0].field.as_str()), (ProblemKind::StatusNotSettable, "status"));
    }
    assert_eq!(world.read(&task).await, pending);
    world.end().await;
}
