//! Creating, reading and listing tasks.

use crate::support::{ADA, World, kind, task_draft};
use backend::tasks::{self, ListQuery};
use chrono::Utc;
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use domain::task::Task;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

async fn names(world: &World, query: ListQuery) -> Vec<String> {
    let page = tasks::list(&world.backend, world.project.id, &query).await.unwrap();
    page.data.into_iter().map(|task| task.name).collect()
}

fn search(part: &str) -> ListQuery {
    ListQuery { search: Some(part.to_owned()), ..ListQuery::default() }
}

#[sqlx::test(migrations = false)]
async fn a_new_task_is_active_and_has_its_next_run_planned(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("  Nightly  ").await;
    assert_eq!((task.name.as_str(), task.status, task.version), ("Nightly", TaskStatus::Active, 1));
    assert!(task.next_run_at.unwrap() > Utc::now());
    assert!(task.schedule_description.contains("03:00"), "{}", task.schedule_description);
    assert_eq!(world.read(&task).await, task);
    assert_eq!(world.events(&task).await, ["TaskCreated"]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_disabled_task_has_no_schedule_row(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let mut draft = task_draft("Off");
    draft.status = Some("DISABLED".to_owned());
    let task = tasks::create(&world.backend, &ADA, world.project.id, draft).await.unwrap();
    assert_eq!((task.status, task.next_run_at), (TaskStatus::Disabled, None));
    assert_eq!(world.count("task_schedules").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_cannot_be_created_is_refused_and_leaves_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let create = |project, draft| tasks::create(&world.backend, &ADA, project, draft);
    let mut pending = task_draft("a");
    pending.status = Some("PENDING_DELETE".to_owned());
    assert_eq!(kind(create(world.project.id, pending).await), ProblemKind::StatusNotSettable);
    assert_eq!(kind(create(world.project.id, task_draft("")).await), ProblemKind::ValidationFailed);
    assert_eq!(kind(create(Uuid::now_v7(), task_draft("a")).await), ProblemKind::ProjectNotFound);
    let mut grouped = task_draft("a");
    grouped.task_group_id = Some(Uuid::now_v7());
    assert_eq!(kind(create(world.project.id, grouped).await), ProblemKind::ValidationFailed);
    assert_eq!((world.count("tasks").await, world.count("task_schedules").await), (0, 0));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn pages_are_newest_first_whole_and_stable_while_tasks_come_and_go(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let mut created = Vec::new();
    for n in 0..7 {
        created.push(world.task(&format!("{n}")).await);
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let query = ListQuery { cursor, limit: Some(3), ..ListQuery::default() };
        let page = tasks::list(&world.backend, world.project.id, &query).await.unwrap();
        seen.extend(page.data.into_iter().map(|task: Task| task.name));
        pages += 1;
        world.task("later").await;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((seen.join(" ").as_str(), pages), ("6 5 4 3 2 1 0", 3));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn lists_are_filtered_by_status_and_show_deletions_and_latest_runs(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let (kept, pending) = (world.task("kept").await, world.task("pending").await);
    world.history(&kept, 2, 0).await;
    let deletion = world.request(&pending).await;
    let with = |status: &str| ListQuery { status: Some(status.to_owned()), ..ListQuery::default() };
    assert_eq!(names(&world, ListQuery::default()).await, ["pending", "kept"]);
    assert_eq!(names(&world, with("PENDING_DELETE")).await, ["pending"]);
    assert_eq!(names(&world, with("ACTIVE, PENDING_DELETE")).await, ["pending", "kept"]);
    assert_eq!(names(&world, with("DELETE_FAILED")).await, Vec::<String>::new());
    let page = tasks::list(&world.backend, world.project.id, &ListQuery::default()).await.unwrap();
    assert_eq!(page.data[0].deletion.as_ref().map(|shown| shown.id), Some(deletion.id));
    assert!(page.data[1].deletion.is_none() && page.data[1].last_execution.is_some());
    let list = async |project, query| tasks::list(&world.backend, project, &query).await;
    assert_eq!(kind(list(world.project.id, with("GONE")).await), ProblemKind::InvalidRequest);
    let limit = ListQuery { limit: Some(201), ..ListQuery::default() };
    assert_eq!(kind(list(world.project.id, limit).await), ProblemKind::InvalidRequest);
    let cursor = ListQuery { cursor: Some("x".to_owned()), ..ListQuery::default() };
    assert_eq!(kind(list(world.project.id, cursor).await), ProblemKind::InvalidRequest);
    assert_eq!(kind(list(Uuid::now_v7(), ListQuery::default()).await), ProblemKind::ProjectNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_search_finds_a_part_of_the_name_and_takes_no_character_for_a_pattern(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    for name in ["100% done", "1000 done", "a_b", "axb", r"back\slash", "Übergabe ÉTÉ"] {
        world.task(name).await;
    }
    assert_eq!(names(&world, search("00%")).await, ["100% done"]);
    assert_eq!(names(&world, search("A_B")).await, ["a_b"]);
    assert_eq!(names(&world, search(r"ck\")).await, [r"back\slash"]);
    assert_eq!(names(&world, search("DONE")).await, ["1000 done", "100% done"]);
    assert_eq!(names(&world, search("Übergabe É")).await, ["Übergabe ÉTÉ"]);
    assert_eq!(names(&world, search("")).await.len(), 6);
    let blank = tasks::list(&world.backend, world.project.id, &search("  ")).await;
    assert_eq!(kind(blank), ProblemKind::InvalidRequest, "a search that cannot be made never means all");
    assert_eq!(names(&world, search("nothing")).await, Vec::<String>::new());
    world.end().await;
}
