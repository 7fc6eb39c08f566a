//! What is handed out for monitoring fits what a node says of itself.

use crate::node::{Node, until, url};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeSet;

const DASHBOARD: &str = include_str!("../../../docs/monitoring/grafana-dashboard.json");
const ALERTS: &str = include_str!("../../../docs/monitoring/alerts.yml");
const WORDS: &str = include_str!("../../../docs/monitoring/README.md");

/// Every metric that a text names in full.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words.filter(|word| word.starts_with("sexton_") && !word.ends_with('_')).collect()
}

#[sqlx::test(migrations = false)]
async fn every_metric_of_dashboard_alerts_and_words_is_there(_: PgPoolOptions, on: PgConnectOptions) {
    serde_json::from_str::<Value>(DASHBOARD).unwrap();
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(0).await;
    let task = node.client.tasks(&project, 1).await.remove(0);
    let metrics = async || node.client.text("/metrics").await;
    node.client.send("POST", &format!("{task}/trigger"), None).await.unwrap();
    // Deleted before, the run would be cancelled and never called.
    until("a call was made", async || metrics().await.contains("sexton_execution_lateness_seconds_bucket")).await;
    node.client.accept(&task).await;
    until("the task is gone", async || node.client.status(&task).await == 404).await;
    let known = ["sexton_deletion_seconds_bucket", "sexton_deletion_late_starts", "sexton_worker_alive"];
    until("all is measured", async || {
        let text = metrics().await;
        known.iter().all(|name| text.contains(name))
    })
    .await;
    let text = metrics().await;
    assert!(text.contains("sexton_deletion_late_starts 0"), "{text}");
    assert!(text.contains("sexton_deletions_accepted_total 1"), "{text}");
    let there = named(&text);
    for document in [DASHBOARD, ALERTS, WORDS] {
        let missing: Vec<_> = named(document).into_iter().filter(|name| !there.contains(name)).collect();
        assert!(named(document).len() > 5 && missing.is_empty(), "{missing:?}");
    }
    node.kill();
}
