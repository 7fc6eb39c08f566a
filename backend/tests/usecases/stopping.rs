//! Running a task by hand, and stopping one that fires: disabled, deleted, undone.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::Receiver;
use crate::support::{ADA, World, actor, kind, project_draft};
use backend::tasks::Change;
use backend::tasks::delete::{self, Outcome};
use backend::{Policies, executions, tasks};
use domain::error::ProblemKind;
use domain::execution::ExecutionStatus;
use domain::project::ProjectDraft;
use domain::task::{OverlapPolicy, TaskDraft};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

fn queues(draft: &mut TaskDraft) {
    (draft.overlap_policy, draft.max_attempts) = (Some(OverlapPolicy::QueueOne), Some(3));
}

#[sqlx::test(migrations = false)]
async fn a_task_runs_by_hand_at_once_and_only_when_it_is_active(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/held", |_| {}).await;
    let trigger = async || executions::trigger(&world.backend, &actor(), world.project.id, task.uuid).await;
    for _ in 0..2 {
        let execution = trigger().await.unwrap();
        assert_eq!((execution.status, execution.requested_by.as_deref()), (ExecutionStatus::Pending, Some("Ada")));
    }
    assert_eq!(node.step().await.started, 2, "the overlap policy is for the schedule");
    receiver.until(2).await;
    receiver.open(true);
    node.until(&world, ALL_ENDED).await;
    assert!(world.runs(&task).await.iter().all(|run| run.status == "SUCCESS" && run.trigger == "MANUAL"));
    assert!(receiver.calls()[0].body.contains(r#""trigger":"MANUAL""#));
    world.change(&task, Change::Status("DISABLED".to_owned())).await.unwrap();
    assert_eq!(kind(trigger().await), ProblemKind::TaskDisabled);
    world.request(&task).await;
    assert_eq!(kind(trigger().await), ProblemKind::TaskPendingDelete);
    let unknown = executions::trigger(&world.backend, &actor(), world.project.id, Uuid::now_v7()).await;
    assert_eq!(kind(unknown), ProblemKind::TaskNotFound);
    world.end().await;
}

/// One call of the task is under way, one run waits for it, and one was asked for by hand.
async fn busy(world: &World, node: &mut Node, receiver: &Receiver) -> (domain::task::Task, Uuid) {
    let task = world.firing(receiver, "/held", queues).await;
    world.all_due().await;
    node.step().await;
    world.all_due().await;
    node.step().await;
    receiver.until(1).await;
    executions::trigger(&world.backend, &actor(), world.project.id, task.uuid).await.unwrap();
    assert_eq!(world.statuses(&task).await, ["RUNNING", "PENDING", "PENDING"]);
    let running = world.runs(&task).await[0].id;
    (task, running)
}

#[sqlx::test(migrations = false)]
async fn disabling_a_task_cancels_what_waits_and_lets_what_runs_end(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let (task, _) = busy(&world, &mut node, &receiver).await;
    let disabled = world.change(&task, Change::Status("DISABLED".to_owned())).await.unwrap();
    assert_eq!(disabled.next_run_at, None);
    receiver.open(true);
    node.until(&world, ALL_ENDED).await;
    assert_eq!(world.statuses(&task).await, ["SUCCESS", "CANCELLED", "CANCELLED"]);
    assert_eq!(world.runs(&task).await[1].error(), "Cancelled before it started: the task was disabled.");
    assert_eq!(receiver.calls().len(), 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_deletion_lists_what_runs_cancels_what_waits_and_lets_the_call_end(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let (task, running) = busy(&world, &mut node, &receiver).await;
    let deletion = world.request(&task).await;
    assert_eq!(deletion.in_flight, [running]);
    assert_eq!(world.statuses(&task).await, ["RUNNING", "CANCELLED", "CANCELLED"]);
    assert!(matches!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::NotYet(_)));
    receiver.open(true);
    node.until(&world, ALL_ENDED).await;
    assert_eq!(world.statuses(&task).await[0], "SUCCESS");
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    assert_eq!(receiver.calls().len(), 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_call_that_fails_while_its_task_is_being_deleted_is_not_tried_again(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/hang", |draft| draft.timeout_seconds = Some(1)).await;
    world.all_due().await;
    node.step().await;
    receiver.until(1).await;
    world.request(&task).await;
    node.until(&world, ALL_ENDED).await;
    assert_eq!(world.statuses(&task).await, ["FAILED"]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_project_that_does_not_wait_has_its_calls_cut_off(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let (task, running) = busy(&world, &mut node, &receiver).await;
    world.execute("UPDATE projects SET drain_policy = 'CANCEL'").await;
    let deletion = world.request(&task).await;
    assert_eq!(deletion.in_flight, [running]);
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    node.executor.look();
    receiver.until_hung_up(1).await;
    assert_eq!((receiver.calls().len(), world.count("executions").await), (1, 0));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_drain_whose_time_is_up_cancels_the_call_on_whatever_node_it_runs(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let policies = Policies { drain_seconds: 0, ..Policies::default() };
    let (world, receiver) = (World::with(&options, policies).await, Receiver::start().await);
    let mut other = Node::start(world.node("node-2", policies), SETTINGS);
    let (task, _) = busy(&world, &mut other, &receiver).await;
    let deletion = world.request(&task).await;
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    other.executor.look();
    receiver.until_hung_up(1).await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_undone_deletion_goes_on_with_the_next_run_to_come_and_makes_up_for_none(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let draft = ProjectDraft { execution_endpoint: receiver.url("/ok"), ..project_draft("Patient", 600) };
    let project = backend::projects::create(&world.backend, &ADA, draft).await.unwrap();
    let task = world.planned(project.id, |_| {}).await;
    world.all_due().await;
    let answer =
        delete::request(&world.backend, &actor(), project.id, task.uuid, &tasks::etag::Precondition::None).await;
    let deletion = crate::support::scheduled(answer.unwrap());
    assert_eq!(node.step().await.started, 0, "it is being deleted");
    let undone = tasks::steer::undo(&world.backend, &ADA, project.id, deletion.id).await.unwrap();
    assert_eq!(undone.next_run_at, task.next_run_at);
    assert_eq!(node.step().await.started, 0, "what was due meanwhile is not made up for");
    world.all_due().await;
    assert_eq!(node.step().await.started, 1);
    node.until(&world, ALL_ENDED).await;
    assert_eq!(receiver.calls().len(), 1);
    world.end().await;
}
