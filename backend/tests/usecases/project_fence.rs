//! From the acceptance of a project's deletion on nothing starts in it, and nothing is made or changed in it.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::{Call, Receiver};
use crate::support::{ADA, World, actor, kind, project_draft, task_draft};
use backend::executions::trigger;
use backend::projects::{self, Change};
use backend::tasks::{self, delete_many};
use backend::{Policies, alerts, api_keys, groups, signing};
use domain::alert::AlertSettingsDraft;
use domain::api_key::ApiKeyDraft;
use domain::error::ProblemKind;
use domain::group::{GroupDeletion, TaskGroupDraft};
use domain::status::TaskStatus;
use domain::task::RunState;
use futures::FutureExt;
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeSet;
use std::time::Instant;
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn all_tasks_are_fenced_with_the_exact_list_of_what_is_in_flight(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (busy, off, alone) = (world.task("busy").await, world.task("off").await, world.task("alone").await);
    world.change(&off, tasks::Change::Status("DISABLED".to_owned())).await.unwrap();
    let mut running = [world.in_flight(&busy, "RUNNING").await, world.in_flight(&off, "RUNNING").await];
    running.sort_unstable();
    world.in_flight(&busy, "PENDING").await;
    world.in_flight(&busy, "RETRY_WAIT").await;
    let before = world.request(&alone).await;
    let other = projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    let foreign = tasks::create(&world.backend, &ADA, other.id, task_draft("foreign")).await.unwrap();
    let elsewhere = trigger(&world.backend, &actor(), other.id, foreign.uuid).await.unwrap();
    let record = world.delete_project().await;
    assert_eq!((record.tasks, &record.in_flight[..]), (3, &running[..]));
    assert_eq!(world.count("executions WHERE status = 'CANCELLED'").await, 2, "what waits is cancelled");
    assert_eq!(world.count(&format!("executions WHERE id = '{}' AND status = 'PENDING'", elsewhere.id)).await, 1);
    assert_eq!(world.count("task_schedules").await, 1, "only the foreign task still has a plan");
    for task in [&busy, &off, &alone] {
        assert_eq!(world.read(task).await.status, TaskStatus::PendingDelete);
    }
    assert_eq!(world.read(&alone).await.deletion.unwrap().id, before.id, "it keeps the deletion that it had");
    let of_busy = world.read(&busy).await.deletion.unwrap();
    assert_eq!((of_busy.in_flight.len(), of_busy.requested_by.as_str()), (1, "Ada"));
    let events: Vec<String> = sqlx::query_scalar("SELECT kind FROM events WHERE kind LIKE 'Project%' ORDER BY seq")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(events, ["ProjectCreated", "ProjectCreated", "ProjectDeletionRequested"]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_claimed_while_a_project_is_deleted_is_called_only_if_it_is_listed(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let task = world.firing(&receiver, "/ok", |_| {}).await;
    for _ in 1..40 {
        world.planned(world.project.id, |_| {}).await;
    }
    let mut nodes: Vec<Node> = (0..3)
        .map(|number| Node::start(world.node(&format!("node-{number}"), Policies::default()), SETTINGS))
        .collect();
    world.all_due().await;
    let by = actor();
    let by_hand = (0..5).map(|_| trigger(&world.backend, &by, world.project.id, task.uuid));
    let steps = join_all(nodes.iter_mut().map(Node::step));
    let deletion = world.delete_project().map(|deletion| (deletion, Instant::now()));
    let (_, by_hand, (deletion, answered)) = futures::join!(steps, join_all(by_hand), deletion);
    for node in &mut nodes {
        node.step().await;
    }
    nodes[0].until(&world, ALL_ENDED).await;
    let started = world.count("executions WHERE started_at IS NOT NULL").await;
    let calls = receiver.until(usize::try_from(started).unwrap()).await;
    let late = calls.iter().filter(|call| call.at > answered && !deletion.in_flight.contains(&call.id()));
    assert_eq!(late.count(), 0);
    let ids: BTreeSet<Uuid> = calls.iter().map(Call::id).collect();
    assert_eq!(ids.len(), calls.len(), "none is called twice");
    for refused in by_hand.into_iter().filter(Result::is_err) {
        assert_eq!(kind(refused), ProblemKind::ProjectPendingDelete);
    }
    assert_eq!((world.count("task_schedules").await, nodes[1].step().await.started), (0, 0));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn no_task_slips_in_beside_the_fence(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let seed = world.task("seed").await;
    let undoable = world.request(&seed).await;
    let create = |n: i32| tasks::create(&world.backend, &ADA, world.project.id, task_draft(&format!("{n}")));
    let undo = tasks::steer::undo(&world.backend, &ADA, world.project.id, undoable.id);
    let edit = world.change(&seed, tasks::Change::Status("ACTIVE".to_owned()));
    let (created, _, _, record) = futures::join!(join_all((0..30).map(create)), undo, edit, world.delete_project());
    let (made, refused): (Vec<_>, Vec<_>) = created.into_iter().partition(Result::is_ok);
    assert_eq!(record.tasks, made.len() as i64 + 1, "each that was made is counted");
    for refused in refused {
        assert_eq!(kind(refused), ProblemKind::ProjectPendingDelete);
    }
    assert_eq!(world.count("task_schedules").await, 0);
    assert_eq!(world.count("tasks WHERE status <> 'PENDING_DELETE'").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn nothing_is_made_or_changed_in_a_project_that_is_being_deleted(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (backend, project) = (&world.backend, world.project.id);
    let group = TaskGroupDraft { name: "Group".to_owned(), ..Default::default() };
    let made = groups::create(backend, &ADA, project, group.clone()).await.unwrap();
    let task = world.task("task").await;
    world.delete_project().await;
    let none = &Default::default();
    let told: AlertSettingsDraft = serde_json::from_value(serde_json::json!({})).unwrap();
    let key = ApiKeyDraft { name: "Key".to_owned(), scopes: None, expires_at: None };
    let status = tasks::Change::Status("DISABLED".to_owned());
    let refusals = [
        kind(tasks::create(backend, &ADA, project, task_draft("late")).await),
        kind(world.change(&task, status).await),
        kind(trigger(backend, &actor(), project, task.uuid).await),
        kind(groups::create(backend, &ADA, project, TaskGroupDraft { name: "late".to_owned(), ..group.clone() }).await),
        kind(groups::change(backend, &ADA, project, made.id, none, groups::Change::Replace(group)).await),
        kind(groups::steer(backend, &ADA, project, made.id, RunState::NotRunning).await),
        kind(groups::delete::delete(backend, &actor(), project, made.id, none, GroupDeletion::Orphan).await),
        kind(projects::change(backend, &ADA, project, none, Change::Replace(project_draft("late", 0))).await),
        kind(alerts::change(backend, &ADA, project, none, told).await),
        kind(api_keys::create(backend, &actor(), project, key).await),
        kind(signing::rotate(backend, &actor(), project).await.map(|_| ())),
    ];
    assert_eq!(refusals, [ProblemKind::ProjectPendingDelete; 11]);
    assert!(projects::get(backend, project).await.unwrap().deletion_requested_at.is_some(), "it is still seen");
    assert_eq!(world.read(&task).await.status, TaskStatus::PendingDelete);
    let again = delete_many::request_many(backend, &actor(), project, &[task.uuid]).await.unwrap();
    let own = world.read(&task).await.deletion.unwrap().id;
    assert_eq!(again, [delete_many::Outcome::Scheduled { deletion_id: own }], "a deletion in it is a repeat");
    world.end().await;
}
