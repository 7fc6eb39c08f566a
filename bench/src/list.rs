//! P7: the list of 1,000,000 tasks, as programs and people ask for it: the first page, the last one, by status, by a part of
//! the name.

use crate::client::Client;
use crate::figures::{percentile, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::report::Section;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::time::Instant;
use uuid::Uuid;

const TASKS: i64 = 1_000_000;
/// Rows of a page, as the list has them unless it is asked otherwise.
const PAGE: i64 = 50;
/// Requests before it is measured, and measured.
const WARM: usize = 20;

/// How long a page may take at the 99th percentile, in milliseconds.
const JSON_MS: f64 = 15.0;
const HTML_MS: f64 = 40.0;

pub async fn run(stage: &Stage, rounds: usize) -> Result<Section> {
    let title = "P7: the list of 1,000,000 tasks";
    let mut section = Section::new(title, "| page | JSON p50 ms | JSON p99 ms | HTML p50 ms | HTML p99 ms |");
    let place = stage.place(&Filling { tasks: TASKS, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    // One of a thousand, so that a page by status is not just the first fifty.
    let disable = "UPDATE tasks SET status = 'DISABLED' WHERE id IN (SELECT bench_id('task', n) FROM generate_series(1, $1::bigint, 1000) AS n)";
    sqlx::query(disable).bind(TASKS).execute(&place.pool).await?;
    sqlx::raw_sql("VACUUM ANALYZE tasks").execute(&place.pool).await?;
    let node = Node::start(stage, &place, &[("SEXTON_ROLES", "web")]).await?;
    let project: Uuid = sqlx::query_scalar("SELECT bench_project()").fetch_one(&place.pool).await?;
    // The rows are listed newest first: behind this one come the last fifty.
    let last: Uuid = sqlx::query_scalar("SELECT bench_id('task', $1)").bind(PAGE + 1).fetch_one(&place.pool).await?;
    let pages = [
        ("first", String::new()),
        ("20,000th", format!("cursor={}", last.simple())),
        ("by status, one of a thousand", "status=DISABLED".to_owned()),
        ("by a name that 11 tasks have", "search=task+99999".to_owned()),
        ("by a name that none has", "search=nothing+like+it".to_owned()),
    ];
    let (mut json_worst, mut html_worst, mut firsts) = (0.0_f64, 0.0_f64, Vec::new());
    let mut client = node.client().await?;
    for (name, query) in &pages {
        let json = format!("/api/v1/projects/{project}/tasks?{query}");
        let json = timed(&mut client, &json, rounds * 100).await?;
        let html = timed(&mut client, &format!("/projects/{project}?{query}"), rounds * 40).await?;
        json_worst = json_worst.max(percentile(&json, 0.99));
        html_worst = html_worst.max(percentile(&html, 0.99));
        firsts.push(percentile(&json, 0.5));
        let figure = |of: &[f64], share| format!("{:.1}", percentile(of, share));
        let (jsons, htmls) = ((figure(&json, 0.5), figure(&json, 0.99)), (figure(&html, 0.5), figure(&html, 0.99)));
        section.row(&format!("| {name} | {} | {} | {} | {} |", jsons.0, jsons.1, htmls.0, htmls.1));
    }
    let last_to_first = firsts[1] / firsts[0];
    section.goal("JSON p99 ≤ 15 ms", format!("{json_worst:.1} ms"), verdict(json_worst <= JSON_MS));
    section.goal("HTML p99 ≤ 40 ms", format!("{html_worst:.1} ms"), verdict(html_worst <= HTML_MS));
    section.goal("the last page ≤ 1.2 × the first", format!("{last_to_first:.2} ×"), verdict(last_to_first <= 1.2));
    section.note("One client, one connection, the whole answer; the HTML is the page as a browser without JavaScript gets it. No OFFSET, no count(*): counts stop at 1,000.");
    drop(node);
    stage.remove(place).await?;
    Ok(section)
}

async fn timed(client: &mut Client, path: &str, times: usize) -> Result<Vec<f64>> {
    let mut took = Vec::with_capacity(times);
    for n in 0..WARM + times {
        let begun = Instant::now();
        let answer = client.ask("GET", path, "", false).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        if n >= WARM {
            took.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok(took)
}
