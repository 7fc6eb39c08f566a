//! A tz database that is newer than the one that is compiled in.

use crate::node::{Node, output, until, url};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::fs;
use std::path::PathBuf;
use uuid::Uuid;

/// A compiled zone whose only rule is a TZ string of POSIX.
fn compiled(rule: &str) -> Vec<u8> {
    let block = [&b"TZif2"[..], &[0; 15], &[0; 12], &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4], &[0; 6], b"LMT\0"].concat();
    [&block[..], &block[..], b"\n", rule.as_bytes(), b"\n"].concat()
}

/// A directory as machines have it, of release 2099a, in which Vancouver is five hours behind.
fn directory() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("zoneinfo-{}", Uuid::new_v4()));
    fs::create_dir_all(dir.join("America")).unwrap();
    fs::write(dir.join("tzdata.zi"), "# version 2099a\n").unwrap();
    fs::write(dir.join("America/Vancouver"), compiled("<-05>5")).unwrap();
    dir
}

#[sqlx::test(migrations = false)]
async fn a_newer_tz_database_plans_tasks_anew_and_a_node_without_it_says_so(_: PgPoolOptions, on: PgConnectOptions) {
    let (database, dir) = (url(&on), directory());
    let newer = [("TZDIR", dir.to_str().unwrap())];
    let old = Node::ready(&database, &[]).await;
    let project = old.client.project(0).await;
    let schedule = json!({ "cron_expression": "0 9 * * *", "timezone": "America/Vancouver" });
    let body = json!({ "name": "Morning", "schedule_config": schedule });
    let task = old.client.create(&format!("{project}/tasks"), body).await;
    assert!(next_run(&old, &task).await.ends_with("T16:00:00Z"), "seven hours behind in winter, too, from 2026 on");
    old.kill();

    let new = Node::ready(&database, &newer).await;
    let health = new.client.get("/api/v1/health").await.body;
    assert_eq!(health["time_zones"], "2099a (system)");
    let metrics = new.client.text("/metrics").await;
    assert!(metrics.contains(r#"sexton_zone_data_info{release="2099a",source="system"} 1"#), "{metrics}");
    until("the task is planned anew", async || next_run(&new, &task).await.ends_with("T14:00:00Z")).await;

    let old = Node::ready(&database, &[]).await;
    until("it says that it is outdated", async || {
        old.client.text("/metrics").await.contains("sexton_zone_data_outdated 1")
    })
    .await;
    assert!(old.log().contains("another one has used 2099a"), "{}", old.log());
    assert!(next_run(&old, &task).await.ends_with("T14:00:00Z"), "it moves nothing back");
    old.kill();
    new.kill();
    let version = String::from_utf8(output(&["--version"], &newer).stdout).unwrap();
    assert!(version.contains("tz database 2099a (system)"), "{version}");
    fs::remove_dir_all(dir).unwrap();
}

async fn next_run(node: &Node, task: &str) -> String {
    node.client.get(task).await.body["next_run_at"].as_str().unwrap().to_owned()
}
