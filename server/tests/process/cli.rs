//! The commands for people, against a real server: tasks are created, listed, deleted and brought back.

use crate::node::{Node, url};
use crate::person::run;
use crate::stock::{id_of, in_flight};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn tasks_are_created(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    run(&node, &["tasks", "list"]).await.bad(1, &["there is no project yet"]);
    node.client.project(600).await;
    run(&node, &["tasks", "list"]).await.well(&[]).bad(0, &["no tasks"]);
    assert_eq!(run(&node, &["tasks", "list", "--json"]).await.json(), json!({ "data": [], "next_cursor": null }));

    let create = ["tasks", "create", "Nightly", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--disabled"];
    run(&node, &create).await.well(&["created “Nightly” as ", "At 02:30, Europe/Berlin; no next run"]);
    let once = ["tasks", "create", "Once", "--at", "2999-01-01T00:00:00Z", "--metadata", "{\"a\": 1}", "--json"];
    let task = run(&node, &once).await.json();
    assert_eq!((&task["schedule_type"], &task["metadata"]), (&json!("ONEOFF"), &json!({ "a": 1 })));
    let often = ["tasks", "create", "Often", "--cron", "@every 90s", "--overlap", "allow", "--missed", "run_all"];
    run(&node, &often).await.well(&["Every 90 seconds, UTC; next run at "]);

    let listed = run(&node, &["tasks", "list"]).await;
    listed.well(&["UUID", "NEXT RUN (UTC)", "2999-01-01 00:00:00", "DISABLED"]);
    let starts: Vec<_> = listed.out.lines().map(|line| line.find("ACTIVE").or(line.find("DISABLED"))).collect();
    let head = listed.out.lines().next().unwrap().find("STATUS");
    assert_eq!(starts, [None, head, head, head], "columns are aligned:\n{}", listed.out);
    assert!(!listed.out.contains('\u{1b}'), "no colours outside of a terminal");

    let bad = ["tasks", "create", "Bad", "--cron", "99 2 * * *", "--timezone", "Nowhere"];
    let refused = run(&node, &bad).await;
    refused.bad(1, &["A value is not allowed\n  ", "schedule_config.cron_expression: ", "schedule_config.timezone: "]);
    assert_eq!(refused.out, "");
    run(&node, &["tasks", "create", "Bad"]).await.bad(2, &["--cron"]);
    run(&node, &["tasks", "create", "Bad", "--cron", "@daily", "--metadata", "{"]).await.bad(2, &["--metadata"]);
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn tasks_are_listed_page_after_page(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(600).await;
    node.client.tasks(&project, 203).await;
    run(&node, &["tasks", "create", "Other", "--cron", "@daily", "--disabled"]).await.well(&[]);
    let named = async |more: &[&str]| {
        let arguments: Vec<_> = ["tasks", "list", "--json"].iter().chain(more).copied().collect();
        let page = run(&node, &arguments).await.json();
        let names: Vec<_> = page["data"].as_array().unwrap().iter().map(|task| task["name"].clone()).collect();
        (names, page["next_cursor"].clone())
    };
    assert_eq!(named(&["--status", "disabled,delete_failed"]).await.0, ["Other"]);
    assert_eq!(named(&["--search", "OTH"]).await.0, ["Other"]);
    let (names, cursor) = named(&["--limit", "2"]).await;
    assert_eq!(names, ["Other", "Task 202"]);
    let cursor = cursor.as_str().unwrap();
    assert_eq!(named(&["--cursor", cursor, "--limit", "1"]).await.0, ["Task 201"]);
    assert_eq!(named(&["--all"]).await.0.len(), 204, "over several pages");
    assert_eq!(named(&["--limit", "201"]).await.0.len(), 201);
    assert_eq!(named(&["--cursor", cursor, "--limit", "202"]).await.1, Value::Null, "the last page");
    run(&node, &["tasks", "list", "--limit", "1"]).await.well(&["Other"]).bad(0, &["there are more", "--cursor "]);
    run(&node, &["tasks", "list", "--status", "gone"]).await.bad(2, &["must be one of ACTIVE"]);
    run(&node, &["tasks", "list", "--cursor", "x"]).await.bad(1, &["The request is malformed\n  cursor: "]);
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn a_project_is_named_where_there_are_several(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let first = node.client.project_named("First", 600).await;
    run(&node, &["tasks", "create", "Once", "--cron", "@daily"]).await.well(&[]);
    node.client.project_named("Second", 600).await;
    run(&node, &["tasks", "list"]).await.bad(2, &["--project or SEXTON_PROJECT:", "First", "Second"]);
    run(&node, &["tasks", "list", "--project", "second"]).await.bad(0, &["no tasks"]);
    run(&node, &["tasks", "list", "-p", "Third"]).await.bad(1, &["there is no project “Third”"]);
    run(&node, &["tasks", "list", "-p", &id_of(&first).to_string(), "--search", "once"]).await.well(&["Once"]);
    let nobodys = "019a0000-0000-7000-8000-000000000000";
    run(&node, &["tasks", "list", "-p", nobodys]).await.bad(1, &["No such project"]);
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn tasks_are_deleted_and_brought_back(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(1).connect_with(on.clone()).await.unwrap();
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(600).await;
    let tasks = node.client.tasks(&project, 4).await;
    let ids: Vec<String> = tasks.iter().map(|task| id_of(task).to_string()).collect();
    in_flight(&pool, &tasks[0]).await;
    let deleted = run(&node, &["tasks", "delete", "Task 0", &ids[1], "Task 1"]).await;
    deleted.well(&[
        "Task 0: deletion accepted as ",
        "1 execution had started before: ",
        "nothing is in flight",
        " UTC it can be undone",
    ]);
    assert_eq!(deleted.out.matches("deletion accepted").count(), 2, "named twice, deleted once: {deleted:?}");
    let again = run(&node, &["tasks", "delete", &ids[0], "--json"]).await.json();
    let record = again["results"][0]["deletion"].clone();
    assert_eq!(
        (&again["results"][0]["status"], &record["in_flight"][0].is_string()),
        (&json!("PENDING_DELETE"), &true)
    );
    run(&node, &["deletions", "list", "--state", "scheduled"]).await.well(&[
        "REQUESTED (UTC)",
        "Task 1",
        "accepted; can be undone until ",
    ]);

    let undone = run(&node, &["tasks", "undo", "Task 0", &ids[1]]).await;
    undone.well(&["Task 0: undone; the task is ACTIVE again", "Task 1: undone", "At 03:00, UTC; next run at "]);
    let by_record = run(&node, &["tasks", "undo", record["id"].as_str().unwrap(), "--json"]).await.json();
    assert_eq!(by_record["results"][0]["task"]["status"], "ACTIVE", "a repeat is fine");
    run(&node, &["tasks", "undo", "Task 2", "Task 9"])
        .await
        .bad(1, &["“Task 2” is not being deleted: it is ACTIVE", "Task 9: no task"]);
    assert_eq!(run(&node, &["deletions", "list", "--json"]).await.json()["data"].as_array().unwrap().len(), 2);
    node.kill();
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_not_meant_for_sure_is_not_deleted(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(600).await;
    let tasks = node.client.tasks(&project, 4).await;
    let ids: Vec<String> = tasks.iter().map(|task| id_of(task).to_string()).collect();
    let body = json!({ "name": "Task 3", "schedule_config": { "cron_expression": "0 4 * * *", "timezone": "UTC" } });
    node.client.send("POST", &format!("{project}/tasks"), Some(body)).await.unwrap();
    let ambiguous = run(&node, &["tasks", "delete", "Task 2", "Task 3"]).await;
    ambiguous.bad(1, &["“Task 3” names 2 tasks", &ids[3], "At 04:00"]);
    assert_eq!(node.client.get(&tasks[2]).await.body["status"], "ACTIVE", "nothing was deleted");
    run(&node, &["tasks", "delete", "Task"]).await.bad(1, &["no task of the project is named “Task”"]);
    let nobodys = "019a0000-0000-7000-8000-000000000000";
    run(&node, &["tasks", "delete", nobodys])
        .await
        .well(&["there is no such task in this project, and no record of one"]);
    run(&node, &["tasks", "delete", nobodys, "--strict", &ids[2]]).await.bad(1, &["No such task in this project"]);
    assert_eq!(node.client.get(&tasks[2]).await.body["status"], "PENDING_DELETE", "the others go on");
    run(&node, &["tasks", "undo", nobodys]).await.bad(1, &["No such task in this project"]);
    run(&node, &["tasks", "delete"]).await.bad(2, &["TASK"]);
    run(&node, &["tasks", "delete", " "]).await.bad(2, &["is empty"]);
    node.kill();
}
