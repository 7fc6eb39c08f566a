//! What stored schedules mean: those of an older version keep their rule, and moments that have passed are finished.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::Receiver;
use crate::support::{World, refused, task_draft};
use backend::tasks::{self, Change};
use chrono::{DateTime, Utc};
use domain::task::{MissedRunPolicy, ScheduleType, Task, TaskDraft};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

async fn create(world: &World, draft: TaskDraft) -> backend::Result<Task> {
    tasks::create(&world.backend, &crate::support::actor(), world.project.id, draft).await
}

fn cron(expression: &str) -> TaskDraft {
    let mut draft = task_draft(expression);
    draft.schedule_config.cron_expression = Some(expression.to_owned());
    draft
}

/// As version 0.1.0 wrote it: it does not know the column.
const AS_BEFORE: &str = "UPDATE tasks SET documented_cron = NULL, schedule_description = 'Some words'";

#[sqlx::test(migrations = false)]
async fn a_task_of_an_older_version_keeps_what_it_meant_until_its_expression_changes(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = create(&world, cron("0 0 */2 * MON")).await.unwrap();
    assert_eq!(task.schedule_description, "At 00:00, on odd days if it is Monday");
    world.execute(AS_BEFORE).await;
    let either = "At 00:00, on odd days or Monday";
    assert_eq!(world.read(&task).await.schedule_description, either, "the words are those of what runs");
    let next = tasks::schedule::next_runs(&world.backend, world.project.id, task.uuid, None, Some(40)).await.unwrap();
    assert_eq!(next.description, either);
    assert!(next.next_runs.windows(2).any(|pair| (pair[1].at - pair[0].at).num_days() == 1), "{next:?}");
    for change in [json!({ "name": "Renamed" }), json!({ "schedule_config": { "exclusions": ["2031-01-01"] } })] {
        let changed = world.change(&task, Change::Merge(change)).await.unwrap();
        assert_eq!(changed.schedule_description, either);
    }
    let other = json!({ "schedule_config": { "cron_expression": "0 1 */2 * MON" } });
    let changed = world.change(&task, Change::Merge(other)).await.unwrap();
    assert_eq!(changed.schedule_description, "At 01:00, on odd days if it is Monday");
    // A node of the older version changes the expression, and does not know the column.
    world
        .execute("UPDATE tasks SET schedule_config = schedule_config || '{\"cron_expression\": \"0 2 */2 * MON\"}'")
        .await;
    assert_eq!(world.read(&task).await.schedule_description, "At 02:00, on odd days or Monday");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_would_be_refused_today_keeps_running_and_can_be_edited_and_deleted(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = create(&world, cron("0 3 * * *")).await.unwrap();
    world
        .execute(
            "UPDATE tasks SET documented_cron = NULL, schedule_config = schedule_config ||
                    '{\"cron_expression\": \"0 0 * MON *\", \"days_of_week\": [\"NONSENSE\"]}'",
        )
        .await;
    assert_eq!(world.read(&task).await.schedule_description, "At 00:00, in January");
    let renamed = world.change(&task, Change::Merge(json!({ "name": "Renamed" }))).await.unwrap();
    assert!(renamed.next_run_at.is_some());
    let other = json!({ "schedule_config": { "cron_expression": "0 1 * MON *" } });
    let refusal = refused(world.change(&task, Change::Merge(other)).await);
    let fields: Vec<_> = refusal.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["schedule_config.cron_expression", "schedule_config.days_of_week"]);
    let deletion = world.request(&task).await;
    let actor = crate::support::actor();
    let undone = tasks::steer::undo(&world.backend, &actor, world.project.id, deletion.id);
    assert!(undone.await.unwrap().next_run_at.is_some());
    world.end().await;
}

fn once(run_at: &str, allow_past: bool) -> TaskDraft {
    let mut draft = TaskDraft { schedule_type: Some(ScheduleType::Oneoff), allow_past, ..task_draft("Once") };
    draft.schedule_config = serde_json::from_value(json!({ "run_at": run_at, "timezone": "UTC" })).unwrap();
    draft
}

#[sqlx::test(migrations = false)]
async fn a_moment_that_has_passed_is_refused_unless_it_is_allowed_or_stays(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let refusal = refused(create(&world, once("2020-01-01T00:00:00Z", false)).await);
    assert_eq!(refusal.errors[0].field, "schedule_config.run_at");
    assert!(refusal.errors[0].message.contains("allow_past"), "{refusal:?}");
    let task = create(&world, once("2020-01-01T00:00:00Z", true)).await.unwrap();
    assert_eq!((task.is_finished, task.next_run_at), (true, None));
    let moved = refused(world.change(&task, Change::Replace(Box::new(once("2020-01-02T00:00:00Z", false)))).await);
    assert_eq!(moved.errors[0].field, "schedule_config.run_at");
    let same = TaskDraft { name: "Renamed".to_owned(), ..once("2020-01-01T00:00:00Z", false) };
    assert!(world.change(&task, Change::Replace(Box::new(same))).await.unwrap().is_finished);
    let later: DateTime<Utc> = Utc::now() + chrono::TimeDelta::days(1);
    let later = world.change(&task, Change::Replace(Box::new(once(&later.to_rfc3339(), false)))).await.unwrap();
    assert!(!later.is_finished && later.next_run_at.is_some());
    assert!(!create(&world, cron("0 3 * * *")).await.unwrap().is_finished);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_moment_that_passes_while_the_task_is_disabled_is_left_to_the_policy_for_missed_runs(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    for (policy, status) in [(MissedRunPolicy::Skip, "SKIPPED"), (MissedRunPolicy::RunOnce, "SUCCESS")] {
        let later = (Utc::now() + chrono::TimeDelta::days(1)).to_rfc3339();
        let draft = |draft: &mut TaskDraft| {
            *draft = TaskDraft { missed_run_policy: Some(policy), ..once(&later, false) };
            draft.status = Some("DISABLED".to_owned());
        };
        let task = world.firing(&receiver, "/ok", draft).await;
        // An hour ago, and it has been disabled for two.
        world
            .execute(
                "UPDATE tasks SET status_changed_at = now() - interval '2 h', schedule_config = schedule_config ||
                        jsonb_build_object('run_at', now() - interval '1 h') WHERE status = 'DISABLED'",
            )
            .await;
        let enabled = world.change(&task, Change::Status("ACTIVE".to_owned())).await.unwrap();
        assert!(!enabled.is_finished);
        // A node that has looked at later times already comes back to this one with its next sweep.
        let mut node = Node::start(world.backend.clone(), SETTINGS);
        node.step().await;
        node.until(&world, ALL_ENDED).await;
        assert_eq!(world.statuses(&task).await, [status]);
        for status in ["DISABLED", "ACTIVE"] {
            world.change(&task, Change::Status(status.to_owned())).await.unwrap();
        }
        assert!(world.read(&task).await.is_finished, "it does not run again");
    }
    world.end().await;
}
