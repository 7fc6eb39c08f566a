//! A project is deleted: all its tasks at once, then itself, whatever happens in between; and nothing of it is left.

use crate::consumer::Consumer;
use crate::support::{ADA, World, actor, kind, project_draft, refused, task_draft};
use backend::projects;
use backend::projects::delete::{self, Answer};
use backend::tasks::etag::Precondition;
use backend::tasks::{self, steer};
use backend::{Policies, alerts, api_keys, deletions, groups};
use domain::alert::{AlertKind, AlertSettingsDraft};
use domain::api_key::ApiKeyDraft;
use domain::deletion::{DeletionState, FailureKind};
use domain::error::ProblemKind;
use domain::group::TaskGroupDraft;
use domain::project::ProjectDeletion;
use domain::status::TaskStatus;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;
use uuid::Uuid;

/// Tables that keep what they say of a project after it is gone.
const RECORDS: [&str; 4] = ["audit", "deletions", "events", "project_deletions"];

impl World {
    pub async fn try_delete_project(&self, precondition: &Precondition) -> backend::Result<Answer> {
        delete::request(&self.backend, &actor(), self.project.id, precondition).await
    }

    pub async fn delete_project(&self) -> ProjectDeletion {
        self.try_delete_project(&Precondition::None).await.unwrap().deletion
    }

    async fn project_deletion(&self, id: Uuid) -> ProjectDeletion {
        projects::deletions::get(&self.backend, id).await.unwrap()
    }

    /// Lets workers and the deletions of projects go on until every project that is being deleted is gone.
    async fn work_off(&self) {
        let consumer = Consumer::start(self);
        let work = async {
            while self.count("project_deletions WHERE completed_at IS NULL").await > 0 {
                self.execute("UPDATE project_deletions SET wake_at = now() WHERE completed_at IS NULL").await;
                delete::advance(&self.backend).await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(60), work).await.expect("the project never went");
        consumer.stop().await;
    }

    /// So many tasks more, each planned.
    async fn many_tasks(&self, count: i32) {
        let statement = "WITH new AS (INSERT INTO tasks (id, project_id, name, schedule_type, schedule_config, schedule_description, status,
                              timeout_seconds, overlap_policy, missed_run_policy, completion)
                 SELECT gen_random_uuid(), $1, 'Task ' || n, 'RECURRING', '{\"cron_expression\":\"0 3 * * *\",\"timezone\":\"UTC\"}', 'At 03:00', 'ACTIVE',
                        30, 'SKIP', 'SKIP', 'RESPONSE' FROM generate_series(1, $2) AS n RETURNING id)
             INSERT INTO task_schedules (task_id, next_run_at, version) SELECT id, now() + interval '1 day', 1 FROM new";
        sqlx::query(statement).bind(self.project.id).bind(count).execute(&self.pool).await.unwrap();
    }

    /// The tables that still have a row of the project, but for records.
    async fn left_over(&self) -> Vec<String> {
        let tables = "SELECT table_name::text, column_name::text FROM information_schema.columns
                      WHERE table_schema = 'public' AND column_name IN ('project_id', 'subject')";
        let tables: Vec<(String, String)> = sqlx::query_as(tables).fetch_all(&self.pool).await.unwrap();
        assert!(tables.len() > 8, "the check sees the tables: {tables:?}");
        let mut left = Vec::new();
        for (table, column) in tables.into_iter().filter(|(table, _)| !RECORDS.contains(&table.as_str())) {
            if self.count(&format!("{table} WHERE {column} = '{}'", self.project.id)).await > 0 {
                left.push(table);
            }
        }
        left
    }
}

#[sqlx::test(migrations = false)]
async fn a_project_goes_after_its_last_task_with_all_that_hangs_on_it(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (backend, project) = (&world.backend, world.project.id);
    let (busy, off) = (world.task("busy").await, world.task("off").await);
    world.change(&off, tasks::Change::Status("DISABLED".to_owned())).await.unwrap();
    world.history(&busy, 7, 2).await;
    groups::create(backend, &ADA, project, TaskGroupDraft { name: "Group".to_owned(), ..Default::default() })
        .await
        .unwrap();
    let key = ApiKeyDraft { name: "Key".to_owned(), scopes: None, expires_at: None };
    api_keys::create(backend, &actor(), project, key).await.unwrap();
    let told = AlertSettingsDraft {
        emails: vec!["ada@example.com".to_owned()],
        webhook_url: None,
        kinds: AlertKind::ALL.to_vec(),
        throttle_seconds: 300,
    };
    alerts::change(backend, &ADA, project, &Precondition::None, told).await.unwrap();
    world
        .execute(
            "INSERT INTO execution_counts (subject, bucket, failed) SELECT id, now(), 3 FROM projects;
             INSERT INTO task_troubles (task_id, project_id, failures, since) SELECT id, project_id, 1, now() FROM tasks LIMIT 1;
             INSERT INTO alerts (id, project_id, task_id, task_name, kind, subject_id, cause, message, is_throttled)
             SELECT gen_random_uuid(), id, id, 'busy', 'FAILURE', id, 'cause', 'It failed.', false FROM projects",
        )
        .await;
    let other = projects::create(backend, &ADA, project_draft("Other", 0)).await.unwrap();
    let kept = tasks::create(backend, &ADA, other.id, task_draft("kept")).await.unwrap();
    let record = world.delete_project().await;
    assert_eq!((record.tasks, record.tasks_left, record.state), (2, 2, DeletionState::Running));
    let name = projects::create(backend, &ADA, project_draft("PROJECT", 0)).await;
    assert_eq!(kind(name), ProblemKind::NameTaken, "the name is kept until the project is gone");
    world.work_off().await;
    assert_eq!(kind(projects::get(backend, project).await), ProblemKind::ProjectNotFound);
    assert_eq!(world.left_over().await, Vec::<String>::new());
    assert_eq!((world.count("executions").await, world.count("execution_logs").await), (0, 0));
    assert_eq!((world.count("alerts").await, world.count("apalis.jobs WHERE status <> 'Done'").await), (0, 0));
    let gone = world.project_deletion(record.id).await;
    let receipt = gone.receipt.unwrap();
    assert_eq!((receipt.tasks, receipt.task_groups, receipt.api_keys, receipt.alerts), (2, 1, 1, 1));
    assert_eq!((gone.state, gone.requested_by.as_str()), (DeletionState::Succeeded, "Ada"));
    let receipts = deletions::list(backend, None, Some("SUCCEEDED"), None, None).await.unwrap().data;
    let executions: i64 = receipts.iter().map(|record| record.receipt.as_ref().unwrap().executions).sum();
    assert_eq!((receipts.len(), executions), (2, 7), "the receipts of its tasks are readable");
    let events =
        "events WHERE kind = 'ProjectDeleted' AND seq > (SELECT max(seq) FROM events WHERE kind = 'TaskDeleted')";
    assert_eq!(world.count(events).await, 1, "told once, after the last task");
    assert_eq!(tasks::get(backend, other.id, kept.uuid).await.unwrap(), kept);
    projects::create(backend, &ADA, project_draft("Project", 0)).await.unwrap();
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_repeat_is_answered_the_same_and_the_etag_counts(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    world.task("task").await;
    let seen = |version| Precondition::OneOf(vec![version]);
    assert_eq!(kind(world.try_delete_project(&seen(7)).await), ProblemKind::EtagMismatch);
    assert_eq!((world.count("project_deletions").await, world.count("task_schedules").await), (0, 1));
    let first = world.try_delete_project(&seen(1)).await.unwrap();
    assert_eq!(first.version, 2);
    for version in [1, 2] {
        let again = world.try_delete_project(&seen(version)).await.unwrap();
        assert_eq!((again.deletion, again.version), (first.deletion.clone(), 2));
    }
    assert_eq!(kind(world.try_delete_project(&seen(3)).await), ProblemKind::EtagMismatch);
    assert_eq!((world.count("project_deletions").await, world.count("deletions").await), (1, 1));
    let nowhere = delete::request(&world.backend, &actor(), Uuid::now_v7(), &Precondition::None).await;
    assert_eq!(kind(nowhere), ProblemKind::ProjectNotFound);
    world.work_off().await;
    assert_eq!(kind(world.try_delete_project(&seen(1)).await), ProblemKind::ProjectNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_deletion_that_cannot_be_committed_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("task").await;
    let waiting = world.in_flight(&task, "PENDING").await;
    world.refuse("INSERT ON project_deletions", "53100").await;
    assert_eq!(kind(world.try_delete_project(&Precondition::None).await), ProblemKind::Unavailable);
    world.allow().await;
    assert_eq!(world.read(&task).await.status, TaskStatus::Active);
    assert_eq!(world.count(&format!("executions WHERE id = '{waiting}' AND status = 'PENDING'")).await, 1);
    assert_eq!((world.count("task_schedules").await, world.count("deletions").await), (1, 0));
    assert_eq!(projects::get(&world.backend, world.project.id).await.unwrap(), world.project);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_one_node_leaves_in_the_middle_another_one_finishes_without_a_job(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    world.many_tasks(1_003).await;
    let record = world.delete_project().await;
    assert_eq!((record.tasks, record.tasks_left), (1_003, 1_000), "counted up to a limit");
    assert_eq!(world.count("task_schedules").await, 0, "all are fenced");
    assert_eq!(world.count("tasks WHERE status = 'PENDING_DELETE'").await, 1_000, "the first are handed over");
    world.refuse("INSERT ON apalis.jobs", "53100").await;
    assert!(!delete::advance(&world.backend).await.unwrap(), "a step that fails is not repeated at once");
    let failed = world.project_deletion(record.id).await;
    assert_eq!((failed.state, failed.failed_attempts), (DeletionState::Retrying, 1));
    assert!(failed.last_error.unwrap().contains("refused by the test"));
    assert_eq!(world.count("tasks WHERE status = 'ACTIVE'").await, 3, "nothing of the step has happened");
    world.allow().await;
    let node = world.node("node-2", Policies::default());
    world.execute("UPDATE project_deletions SET wake_at = now()").await;
    assert!(delete::advance(&node).await.unwrap());
    assert_eq!(world.count("tasks WHERE status = 'PENDING_DELETE'").await, 1_003);
    assert_eq!(world.project_deletion(record.id).await.last_error, None);
    world.execute("TRUNCATE apalis.jobs; UPDATE deletions SET wake_at = now() - interval '6 min'").await;
    assert_eq!(tasks::delete::reconcile_now(&node).await.unwrap(), 1_003);
    world.work_off().await;
    assert_eq!(world.left_over().await, Vec::<String>::new());
    assert_eq!(world.count("deletions WHERE state = 'SUCCEEDED'").await, 1_003);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn two_nodes_at_once_hand_over_each_task_once(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    world.many_tasks(2_500).await;
    world.delete_project().await;
    let node = world.node("node-2", Policies::default());
    while world.count("tasks WHERE status = 'ACTIVE'").await > 0 {
        let (one, two) = futures::join!(delete::advance(&world.backend), delete::advance(&node));
        assert!(one.is_ok() && two.is_ok());
    }
    assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (2_500, 2_500));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_that_waits_for_its_undo_window_goes_too_and_cannot_be_undone(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let draft = projects::Change::Replace(project_draft("Project", 2_592_000));
    projects::change(&world.backend, &ADA, world.project.id, &Precondition::None, draft).await.unwrap();
    let (early, late) = (world.task("early").await, world.task("late").await);
    let alone = world.request(&early).await;
    world.delete_project().await;
    let with_all = world.read(&late).await.deletion.unwrap();
    assert!(!with_all.can_undo && with_all.undo_until.unwrap() <= with_all.requested_at);
    for id in [alone.id, with_all.id] {
        let undone = steer::undo(&world.backend, &ADA, world.project.id, id).await;
        assert_eq!(kind(undone), ProblemKind::ProjectPendingDelete);
    }
    world.work_off().await;
    assert_eq!(world.count("tasks").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_that_cannot_be_deleted_keeps_the_project_until_it_is_retried(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("held").await;
    let record = world.delete_project().await;
    let deletion = world.read(&task).await.deletion.unwrap();
    tasks::delete::failed(&world.backend, deletion.id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    for _ in 0..3 {
        world.execute("UPDATE project_deletions SET wake_at = now()").await;
        delete::advance(&world.backend).await.unwrap();
    }
    let held = world.project_deletion(record.id).await;
    assert_eq!((held.state, held.tasks_left, held.tasks_failed), (DeletionState::Failed, 1, 1));
    let again = world.delete_project().await;
    assert_eq!((again.id, again.tasks_failed), (record.id, 0), "a repeat starts it over");
    world.work_off().await;
    assert_eq!(world.project_deletion(record.id).await.state, DeletionState::Succeeded);
    let unknown = projects::deletions::get(&world.backend, Uuid::now_v7()).await;
    assert_eq!(refused(unknown).kind, ProblemKind::DeletionNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_empty_project_goes_at_once(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let record = world.delete_project().await;
    while delete::advance(&world.backend).await.unwrap() {}
    assert_eq!(world.project_deletion(record.id).await.state, DeletionState::Succeeded);
    let listed = projects::deletions::list(&world.backend, None, None).await.unwrap();
    assert_eq!((listed.data.len(), listed.data[0].id), (1, record.id));
    world.execute("UPDATE project_deletions SET completed_at = now() - interval '31 days'").await;
    world.clean_up(30, 100).await;
    assert_eq!(world.count("project_deletions").await, 0, "records are kept for a while");
    world.end().await;
}
