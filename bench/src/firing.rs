//! P5 and P6: how late calls come, at a steady rate on one and three nodes, and when 10,000 tasks are due at once; what is
//! missed and what comes twice must be 0.

use crate::accept::paths;
use crate::figures::{percentile, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::receiver::Receiver;
use crate::report::Section;
use crate::stage::{Place, Stage};
use anyhow::{Result, bail, ensure};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::time::{interval, sleep};

pub const SETTINGS: [(&str, &str); 1] = [("SEXTON_ALLOW_PRIVATE_TARGETS", "true")];
/// What is due at the end of a run may come so much later.
const GRACE: Duration = Duration::from_secs(15);
/// Tasks that are deleted, not fired.
const BESIDE: i64 = 4_000;

/// P5: tasks that are spread over 300 seconds.
pub async fn steady(stage: &Stage, seconds: u64) -> Result<Section> {
    let title = format!("P5: lateness at the first byte, tasks spread over 300 s, {seconds} s each");
    let head = "| tasks | a second | nodes | calls | p50 ms | p99 ms | max ms | missed | twice |";
    let mut section = Section::new(&title, head);
    for (tasks, nodes, limit) in [(100_000, 1, 250.0), (100_000, 3, 250.0), (1_000_000, 1, 1_000.0)] {
        let place = stage.place(&Filling { tasks: 1, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
        let receiver = Receiver::start(Duration::ZERO).await?;
        fill(&place, tasks, &receiver, false).await?;
        let mut running = Vec::new();
        for _ in 0..nodes {
            running.push(Node::start(stage, &place, &SETTINGS).await?);
        }
        let from = now().ceil() + 3.0;
        let to = from + seconds as f64;
        sleep(Duration::from_secs_f64(to - now()) + GRACE).await;
        drop(running);
        let calls = receiver.calls();
        let twice = calls.iter().filter(|(_, calls)| calls.len() > 1).count();
        let within = calls.iter().filter_map(|(_, calls)| calls.first()).filter(|call| (from..to).contains(&call.due));
        let late: Vec<f64> = within.map(|call| call.late_ms).collect();
        ensure!(!late.is_empty(), "nothing was called, see {}", stage.folder.display());
        let missed = missed(&place, tasks, from, to).await?;
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| percentile(&late, share));
        let rate = tasks / 300;
        section.row(&format!(
            "| {tasks} | {rate} | {nodes} | {} | {p50:.0} | {p99:.0} | {max:.0} | {missed} | {twice} |",
            late.len()
        ));
        let what = format!("{rate} a second, {nodes} nodes");
        section.goal(&format!("{what}: p99 ≤ {limit:.0} ms"), format!("{p99:.0} ms"), verdict(p99 <= limit));
        section.goal(
            &format!("{what}: missed and twice 0"),
            format!("{missed}, {twice}"),
            verdict(missed == 0 && twice == 0),
        );
        stage.remove(place).await?;
    }
    section.note("The receiver runs in the measuring process, on the same cores as nodes and database.");
    Ok(section)
}

/// P6: everything at second 0, and what that does to those who delete meanwhile.
pub async fn at_once(stage: &Stage) -> Result<Section> {
    const TASKS: i64 = 10_000;
    let mut section = Section::new("P6: 10,000 tasks due at the same second", "| what | figure |");
    let place = stage.place(&Filling { tasks: BESIDE, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let receiver = Receiver::start(Duration::ZERO).await?;
    let node = Node::start(stage, &place, &SETTINGS).await?;
    let mut paths = paths(&place, BESIDE, BESIDE).await?.into_iter();
    let calm = delete_for(&node, &mut paths, |begun| begun.elapsed() > Duration::from_secs(10)).await?;
    fill(&place, TASKS, &receiver, true).await?;
    let begun = Instant::now();
    while receiver.count() == 0 {
        ensure!(begun.elapsed() < Duration::from_secs(90), "nothing is fired");
        sleep(Duration::from_millis(1)).await;
    }
    let busy = delete_for(&node, &mut paths, |begun| {
        receiver.count() >= TASKS as usize || begun.elapsed() > Duration::from_secs(60)
    })
    .await?;
    if receiver.count() < TASKS as usize {
        bail!("{} of {TASKS} were fired", receiver.count());
    }
    drop(node);
    stage.remove(place).await?;
    let late: Vec<f64> =
        receiver.calls().iter().filter_map(|(_, calls)| calls.first()).map(|call| call.late_ms).collect();
    let [p50, p99] = [0.5, 0.99].map(|share| percentile(&late, share));
    let (calm, busy) = (percentile(&calm, 0.99), percentile(&busy, 0.99));
    section.row(&format!("| lateness p50, ms | {p50:.0} |"));
    section.row(&format!("| lateness p99, ms | {p99:.0} |"));
    section.row(&format!("| accept p99 before, ms | {calm:.1} |"));
    section.row(&format!("| accept p99 meanwhile, ms | {busy:.1} |"));
    section.goal("lateness p99 ≤ 4 s", format!("{:.1} s", p99 / 1_000.0), verdict(p99 <= 4_000.0));
    section.goal("accept p99 meanwhile ≤ 2 ×", format!("{:.1} ×", busy / calm), verdict(busy <= 2.0 * calm));
    Ok(section)
}

/// Deletes 50 a second until `ends`; answers how long each was accepted in, in milliseconds.
async fn delete_for(
    node: &Node,
    paths: &mut impl Iterator<Item = String>,
    ends: impl Fn(Instant) -> bool,
) -> Result<Vec<f64>> {
    let (mut client, mut clock, begun) = (node.client().await?, interval(Duration::from_millis(20)), Instant::now());
    let mut took = Vec::new();
    while !ends(begun) {
        clock.tick().await;
        let Some(path) = paths.next() else { break };
        let asked = Instant::now();
        let answer = client.ask("DELETE", &path, "", false).await?;
        ensure!(answer.status == 202, "{path}: {}", answer.status);
        took.push(asked.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(took)
}

pub async fn fill(place: &Place, tasks: i64, receiver: &Receiver, at_once: bool) -> Result<()> {
    let fill = sqlx::query(include_str!("../sql/fill_firing.sql"));
    fill.bind(tasks).bind(&receiver.url).bind(at_once).execute(&place.pool).await?;
    sqlx::raw_sql("ANALYZE tasks; ANALYZE task_schedules").execute(&place.pool).await?;
    Ok(())
}

async fn missed(place: &Place, tasks: i64, from: f64, to: f64) -> Result<i64> {
    let query = sqlx::query_scalar(include_str!("../sql/missed.sql")).bind(tasks).bind(from).bind(to);
    Ok(query.fetch_one(&place.pool).await?)
}

pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
