//! Searches of one or two characters: names that begin with them, answered by an index that is built beside the others' work.

use crate::support::World;
use backend::migrate::build_indexes;
use backend::tasks::{ListQuery, list};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

async fn found(world: &World, part: &str) -> Vec<String> {
    let query = ListQuery { search: Some(part.to_owned()), ..ListQuery::default() };
    let page = list(&world.backend, world.project.id, &query).await.unwrap();
    page.data.into_iter().map(|task| task.name).collect()
}

#[sqlx::test(migrations = false)]
async fn one_or_two_characters_find_the_names_that_begin_with_them(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    for name in ["Abacus", "Cab", "任务一", "每日任务", "%_ odd", "a", "AB"] {
        world.task(name).await;
    }
    let cases: [(&str, &[&str]); 8] = [
        ("ab", &["AB", "Abacus"]),
        ("A", &["AB", "a", "Abacus"]),
        ("任", &["任务一"]),
        ("任务", &["任务一"]),
        ("%", &["%_ odd"]),
        ("_", &[]),
        ("zz", &[]),
        ("bac", &["Abacus"]),
    ];
    for is_built in [false, true] {
        for (part, names) in cases {
            assert_eq!(found(&world, part).await, names, "{part} (with the index: {is_built})");
        }
        build_indexes(&world.pool).await.unwrap();
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn of_very_many_hits_the_newest_are_shown(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("Many").await;
    let many = "INSERT INTO tasks (id, project_id, name, schedule_type, schedule_config, schedule_description, status,
                    timeout_seconds, max_attempts, overlap_policy, missed_run_policy, completion)
                SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, project_id, 'More ' || n, schedule_type,
                    schedule_config, schedule_description, status, timeout_seconds, max_attempts, overlap_policy,
                    missed_run_policy, completion FROM tasks, generate_series(1, 2100) n WHERE id = $1";
    sqlx::query(many).bind(task.uuid).execute(&world.pool).await.unwrap();
    build_indexes(&world.pool).await.unwrap();
    let names = found(&world, "mo").await;
    assert_eq!((names.len(), names[0].as_str(), names[49].as_str()), (50, "More 2100", "More 2051"));
    assert_eq!(found(&world, "m").await[0], "Many");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_index_that_was_broken_off_is_built_anew_and_by_one_node(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let valid = "pg_index WHERE indexrelid = to_regclass('tasks_name_prefix') AND indisvalid";
    assert_eq!(world.count(valid).await, 0);
    let (one, two) = tokio::join!(build_indexes(&world.pool), build_indexes(&world.pool));
    one.and(two).unwrap();
    assert_eq!(world.count(valid).await, 1);
    world.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tasks_name_prefix'::regclass").await;
    build_indexes(&world.pool).await.unwrap();
    assert_eq!(world.count(valid).await, 1);
    world.end().await;
}
