//! What is in flight is one set, whoever asks; and what starts after the fence is counted, and nothing else.

use crate::node::{Node, SETTINGS};
use crate::receiver::Receiver;
use crate::support::World;
use backend::health::late_starts;
use backend::{deletions, projects};
use domain::task::OverlapPolicy;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use uuid::Uuid;

impl World {
    async fn late(&self) -> i64 {
        late_starts(&self.backend).await.unwrap()
    }

    async fn on(&self, statement: &'static str, task: Uuid) {
        sqlx::query(statement).bind(task).execute(&self.pool).await.unwrap();
    }
}

#[sqlx::test(migrations = false)]
async fn the_preview_says_of_each_run_what_the_deletion_then_does_with_it(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let mut listed = BTreeSet::from([world.in_flight(&task, "RUNNING").await]);
    // Cancelled, or ended by a callback: the node that had it learns of it later, and may still send a call.
    let leased = world.in_flight(&task, "RUNNING").await;
    let lease = "UPDATE executions SET status = 'CANCELLED', node = 'node-2', finished_at = now(), lease_until = now() + interval '1 min' WHERE id = $1";
    world.on(lease, leased).await;
    listed.insert(leased);
    let over = world.in_flight(&task, "RUNNING").await;
    let lease = "UPDATE executions SET status = 'CANCELLED', node = 'node-2', finished_at = now(), lease_until = now() - interval '1 s' WHERE id = $1";
    world.on(lease, over).await;
    for status in ["PENDING", "RETRY_WAIT", "RETRY_WAIT"] {
        world.in_flight(&task, status).await;
    }
    let preview = deletions::preview(&world.backend, world.project.id, task.uuid).await.unwrap();
    let of_project = projects::deletions::preview(&world.backend, world.project.id).await.unwrap();
    assert_eq!((preview.in_flight, preview.waiting), (2, 3));
    assert_eq!((of_project.in_flight, of_project.waiting), (2, 3));
    let deletion = world.request(&task).await;
    assert_eq!(deletion.in_flight.into_iter().collect::<BTreeSet<_>>(), listed);
    let cancelled = "executions WHERE status = 'CANCELLED' AND error LIKE 'Cancelled before it started%'";
    assert_eq!(world.count(cancelled).await, 3);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_was_recorded_before_the_fence_is_no_late_start_however_long_the_deletion_waited_for_it(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let mut held = world.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM tasks FOR NO KEY UPDATE").execute(&mut *held).await.unwrap();
    let deleting = async { world.request(&task).await };
    let meanwhile = async {
        world.until_somebody_waits().await;
        // The deletion has begun, and waits for the row of its task.
        let skipped = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, finished_at)
             SELECT gen_random_uuid(), id, project_id, 'SKIPPED', 'SCHEDULED', now(), now() FROM tasks";
        world.execute(skipped).await;
        let ended = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, started_at, finished_at)
             SELECT gen_random_uuid(), id, project_id, 'SUCCESS', 'MANUAL', clock_timestamp(), now(), clock_timestamp() FROM tasks";
        world.execute(ended).await;
        held.rollback().await.unwrap();
    };
    tokio::join!(deleting, meanwhile);
    assert_eq!(world.late().await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn each_way_of_starting_after_the_fence_is_counted_while_it_runs_and_when_it_has_ended(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let listed = world.in_flight(&task, "RUNNING").await;
    let again = world.in_flight(&task, "RETRY_WAIT").await;
    let taken_over = world.in_flight(&task, "PENDING").await;
    world.request(&task).await;
    assert_eq!(world.late().await, 0);
    // What is not allowed to happen, done at the database.
    let skipped = world.in_flight(&task, "PENDING").await;
    world.on("UPDATE executions SET status = 'SKIPPED', finished_at = now() WHERE id = $1", skipped).await;
    world.in_flight(&task, "PENDING").await;
    assert_eq!(world.late().await, 0, "nothing of that has started");
    let new = world.in_flight(&task, "RUNNING").await;
    assert_eq!(world.late().await, 1, "a new run");
    let restart = "UPDATE executions SET status = 'RUNNING', started_at = now(), finished_at = NULL WHERE id = $1";
    world.on(restart, again).await;
    assert_eq!(world.late().await, 2, "a retry");
    let rescue = "UPDATE executions SET status = 'RUNNING', finished_at = NULL WHERE id = $1";
    world.on(rescue, taken_over).await;
    assert_eq!(world.late().await, 3, "a run that was taken over: its start is old");
    let end = "UPDATE executions SET status = 'SUCCESS', started_at = coalesce(started_at, now() - interval '1 h'), finished_at = clock_timestamp()
         WHERE id = $1";
    for run in [new, again, taken_over, listed] {
        world.on(end, run).await;
    }
    assert_eq!(world.late().await, 3, "they have ended; the listed one was allowed to");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn ordinary_deletions_under_load_count_no_late_start(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let mut tasks = Vec::new();
    for (path, overlap) in
        [("/ok", OverlapPolicy::Allow), ("/status/503", OverlapPolicy::Skip), ("/after/50", OverlapPolicy::Skip)]
    {
        let project = world.calling(path, &receiver.url(path)).await;
        for _ in 0..10 {
            let draft = |draft: &mut domain::task::TaskDraft| draft.overlap_policy = Some(overlap);
            tasks.push(world.planned(project.id, draft).await);
        }
    }
    let firing = async {
        loop {
            world.all_due().await;
            world.execute("UPDATE executions SET retry_at = now() WHERE status = 'RETRY_WAIT'").await;
            node.step_at(Instant::now()).await;
        }
    };
    let deleting = async {
        for task in &tasks {
            receiver.goes_on(3).await;
            let actor = crate::support::actor();
            let none = backend::tasks::etag::Precondition::None;
            backend::tasks::delete::request(&world.backend, &actor, task.project_id, task.uuid, &none).await.unwrap();
            assert_eq!(world.late().await, 0);
        }
    };
    let limit = tokio::time::timeout(Duration::from_secs(60), deleting);
    tokio::select! { ended = limit => ended.unwrap(), () = firing => {} }
    assert_eq!((world.late().await, world.count("deletions").await), (0, 30));
    world.end().await;
}
