//! Alerts: what is recorded of failures, recoveries, missed runs and deletions that were given up, once a cause.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::Receiver;
use crate::support::{ADA, World, actor, kind, message};
use backend::alerts;
use backend::jobs::{DeleteJobHandler, Handled};
use backend::tasks::delete;
use backend::tasks::etag::Precondition;
use backend::tasks::steer;
use backend::tasks::worker::Teardown;
use domain::alert::{Alert, AlertKind, AlertState};
use domain::deletion::FailureKind;
use domain::error::ProblemKind;
use domain::schedule::ScheduleConfig;
use domain::task::{MissedRunPolicy, Task, TaskDraft};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

impl World {
    /// Sets who is told what.
    pub async fn alert(&self, draft: Value) {
        let draft = serde_json::from_value(draft).unwrap();
        alerts::change(&self.backend, &ADA, self.project.id, &Precondition::None, draft).await.unwrap();
    }

    /// What was recorded, the oldest first.
    pub async fn alerts(&self) -> Vec<Alert> {
        let mut page = alerts::list(&self.backend, self.project.id, None, Some(200), true).await.unwrap().data;
        page.reverse();
        page
    }

    async fn told(&self) -> Vec<(AlertKind, AlertState)> {
        self.alerts().await.into_iter().map(|alert| (alert.kind, alert.state)).collect()
    }

    /// A task that makes one attempt a run, at an endpoint that fails.
    pub async fn failing(&self, receiver: &Receiver) -> Task {
        self.firing(receiver, "/status/500", |draft| draft.max_attempts = Some(1)).await
    }

    /// Sends the calls of the project to `path` from now on.
    pub async fn call(&self, receiver: &Receiver, path: &str) {
        let query = sqlx::query("UPDATE projects SET execution_endpoint = $1").bind(receiver.url(path));
        query.execute(&self.pool).await.unwrap();
    }
}

impl Node {
    /// Runs every task once, to its end.
    pub async fn run_all(&mut self, world: &World) {
        world.all_due().await;
        self.step().await;
        self.until(world, ALL_ENDED).await;
    }
}

const MAIL: &str = "ops@example.com";

#[sqlx::test(migrations = false)]
async fn a_task_is_told_when_it_begins_to_fail_and_once_when_it_works_again(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    use AlertKind::{Failure, Recovery};
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.failing(&receiver).await;
    world.alert(json!({ "emails": [MAIL] })).await;
    node.run_all(&world).await;
    node.run_all(&world).await;
    assert_eq!(world.told().await, [(Failure, AlertState::Pending)], "the second is counted");
    let first = world.alerts().await.remove(0);
    assert_eq!(first.message, "\"Fires\" failed: The endpoint answered 500.");
    let run = world.runs(&task).await.remove(0);
    assert_eq!((first.task_uuid, first.execution_id, first.deletion_id), (task.uuid, Some(run.id), None));
    assert_eq!(first.deliveries.len(), 1);
    world.call(&receiver, "/ok").await;
    node.run_all(&world).await;
    node.run_all(&world).await;
    assert_eq!(world.told().await[1..], [(Recovery, AlertState::Pending)], "once");
    let recovery = world.alerts().await.remove(1).message;
    assert!(recovery.starts_with("\"Fires\" works again, after 2 failures since 20"), "{recovery}");
    world.call(&receiver, "/status/500").await;
    node.run_all(&world).await;
    world.call(&receiver, "/ok").await;
    node.run_all(&world).await;
    let throttled = [(Failure, AlertState::Throttled), (Recovery, AlertState::Throttled)];
    assert_eq!(world.told().await[2..], throttled, "a task that goes up and down is throttled as well");
    node.stop().await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_that_goes_on_failing_is_told_again_after_its_throttle(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    world.failing(&receiver).await;
    world.alert(json!({ "emails": [MAIL], "throttle_seconds": 60 })).await;
    node.run_all(&world).await;
    world.execute("UPDATE task_troubles SET told_at = told_at - interval '50 s'").await;
    node.run_all(&world).await;
    assert_eq!(world.alerts().await.len(), 1, "not yet");
    world.execute("UPDATE task_troubles SET told_at = told_at - interval '11 s'").await;
    node.run_all(&world).await;
    let again = world.alerts().await.remove(1);
    assert_eq!((again.kind, again.state), (AlertKind::Failure, AlertState::Pending));
    assert!(again.message.starts_with("\"Fires\" is still failing, 3 times since 20"), "{}", again.message);
    node.stop().await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn when_everything_fails_at_once_a_project_is_told_twenty_times(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    for _ in 0..25 {
        world.failing(&receiver).await;
    }
    world.alert(json!({ "emails": [MAIL, "dev@example.com"] })).await;
    node.run_all(&world).await;
    assert_eq!(world.count("alerts WHERE NOT is_throttled").await, 20);
    assert_eq!(world.count("alerts WHERE is_throttled").await, 5);
    assert_eq!(world.count("alert_deliveries").await, 40);
    world.call(&receiver, "/ok").await;
    node.run_all(&world).await;
    assert_eq!(world.count("alerts WHERE kind = 'RECOVERY' AND NOT is_throttled").await, 20, "of what is known");
    node.stop().await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn without_somebody_to_tell_or_for_another_kind_nothing_is_recorded(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    world.failing(&receiver).await;
    node.run_all(&world).await;
    world.alert(json!({})).await;
    node.run_all(&world).await;
    assert_eq!((world.count("alerts").await, world.count("task_troubles").await), (0, 0));
    world.alert(json!({ "emails": [MAIL], "kinds": ["RECOVERY"] })).await;
    node.run_all(&world).await;
    assert_eq!((world.count("alerts").await, world.count("task_troubles").await), (0, 1), "it is known, but not told");
    world.call(&receiver, "/ok").await;
    node.run_all(&world).await;
    assert_eq!(world.told().await, [(AlertKind::Recovery, AlertState::Pending)]);
    world.alert(json!({ "kinds": [] })).await;
    assert_eq!(world.count("task_troubles").await, 0);
    node.stop().await;
    world.end().await;
}

fn each_minute(policy: MissedRunPolicy) -> impl FnOnce(&mut TaskDraft) {
    move |draft| {
        let (cron, timezone) = (Some("* * * * *".to_owned()), "UTC".to_owned());
        draft.schedule_config = ScheduleConfig { cron_expression: cron, timezone, ..ScheduleConfig::default() };
        draft.missed_run_policy = Some(policy);
    }
}

#[sqlx::test(migrations = false)]
async fn missed_runs_are_told_whether_they_are_skipped_or_made_up_for(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let once = world.firing(&receiver, "/ok", each_minute(MissedRunPolicy::RunOnce)).await;
    let skip = world.planned(world.project.id, |draft| draft.missed_run_policy = Some(MissedRunPolicy::Skip)).await;
    world.alert(json!({ "webhook_url": receiver.url("/ok") })).await;
    world.execute("UPDATE task_schedules SET next_run_at = date_trunc('minute', now()) - interval '5 min'").await;
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    let alerts = world.alerts().await;
    let of = |task: &Task| alerts.iter().find(|alert| alert.task_uuid == task.uuid).unwrap();
    assert_eq!(alerts.len(), 2);
    let message = &of(&once).message;
    // Should the minute turn while the test looks, there is one more.
    assert!(
        message.starts_with("\"Fires\" missed 5 runs before") || message.starts_with("\"Fires\" missed 6"),
        "{message}"
    );
    let message = &of(&skip).message;
    assert!(message.starts_with("\"Fires\" missed 1 run, the last one of"), "{message}");
    world.execute("DELETE FROM executions").await;
    let mut other = Node::start(world.backend.clone(), SETTINGS);
    world.execute("UPDATE task_schedules SET next_run_at = date_trunc('minute', now()) - interval '7 min'").await;
    other.step().await;
    other.until(&world, ALL_ENDED).await;
    let states: Vec<_> = world.told().await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states[2..], [AlertState::Throttled, AlertState::Throttled], "soon after");
    node.stop().await;
    other.stop().await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_deletion_that_is_given_up_is_told_once_a_cycle_of_attempts(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    world.alert(json!({ "emails": [MAIL] })).await;
    let deletion = world.request(&world.task("Nightly").await).await;
    let fail = async || {
        delete::failed(&world.backend, deletion.id, FailureKind::Conflict, "extra refers to it", 0.0).await.unwrap()
    };
    assert_eq!((fail().await, fail().await), (None, None));
    let alerts = world.alerts().await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(
        (alerts[0].kind, alerts[0].deletion_id, alerts[0].execution_id),
        (AlertKind::DeleteFailed, Some(deletion.id), None)
    );
    let message = &alerts[0].message;
    assert!(message.starts_with("\"Nightly\" could not be deleted. Something still refers to the task"), "{message}");
    assert!(message.ends_with(": extra refers to it"), "{message}");
    steer::retry(&world.backend, &actor(), world.project.id, deletion.id).await.unwrap();
    fail().await;
    assert_eq!(world.alerts().await.len(), 2, "another cycle is another cause");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_known_of_a_failing_task_goes_with_it_and_its_alerts_stay(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let tasks = [world.failing(&receiver).await, world.failing(&receiver).await];
    world.alert(json!({ "emails": [MAIL] })).await;
    node.run_all(&world).await;
    assert_eq!(world.count("task_troubles").await, 2);
    let alone = world.request(&tasks[0]).await;
    assert_eq!(delete::perform(&world.backend, alone.id).await.unwrap(), delete::Outcome::Deleted);
    assert_eq!(world.count("task_troubles").await, 1);
    let swept = world.request(&tasks[1]).await;
    assert_eq!(Teardown::new(world.backend.clone()).handle(message(&swept)).await, Ok(Handled::Done));
    assert_eq!((world.count("task_troubles").await, world.count("alerts").await), (0, 2));
    node.stop().await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn settings_are_changed_as_they_were_read_and_of_a_project_that_is_there(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let draft = |address: &str| serde_json::from_value(json!({ "emails": [address] })).unwrap();
    let change = async |version, address| {
        alerts::change(&world.backend, &ADA, world.project.id, &Precondition::OneOf(vec![version]), draft(address))
            .await
    };
    assert_eq!(alerts::settings(&world.backend, world.project.id).await.unwrap().version, 0);
    assert_eq!(change(0, MAIL).await.unwrap().version, 1);
    assert_eq!(kind(change(0, "other@example.com").await), ProblemKind::EtagMismatch);
    assert_eq!(change(1, "dev@example.com").await.unwrap().version, 2);
    assert_eq!(kind(change(2, "nobody").await), ProblemKind::ValidationFailed);
    assert_eq!(alerts::settings(&world.backend, world.project.id).await.unwrap().emails, ["dev@example.com"]);
    let stranger = uuid::Uuid::now_v7();
    assert_eq!(kind(alerts::settings(&world.backend, stranger).await), ProblemKind::ProjectNotFound);
    assert_eq!(kind(alerts::list(&world.backend, stranger, None, None, true).await), ProblemKind::ProjectNotFound);
    world.end().await;
}
