//! P3, the second half: one request deletes a project of 100,000 tasks. Meanwhile, and before it, somebody deletes tasks of
//! another project one by one, 50 a second: how long it takes until each is accepted is compared.

use crate::figures::{Spread, percentile, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::report::Section;
use crate::stage::{Place, Stage};
use anyhow::{Result, bail, ensure};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use uuid::Uuid;

const TASKS: i64 = 100_000;
const OTHERS: i64 = 10_000;
/// Connections of the others, each with a request at so many milliseconds: 50 a second.
const CLIENTS: usize = 8;
const EVERY: Duration = Duration::from_millis(160);
/// How long the others are alone.
const ALONE: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(300);

/// What one round came to.
struct Round {
    fenced_ms: f64,
    gone_ms: f64,
    alone_p99: f64,
    meanwhile_p99: f64,
}

pub async fn run(stage: &Stage, section: &mut Section, rounds: usize) -> Result<()> {
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(measure(stage).await?);
    }
    let spread = |pick: fn(&Round) -> f64| Spread::of(&all.iter().map(pick).collect::<Vec<_>>());
    let (fenced, gone) = (spread(|round| round.fenced_ms), spread(|round| round.gone_ms));
    let late = spread(|round| round.meanwhile_p99 / round.alone_p99);
    section.row(&format!("| a project of 100,000, to the 202 (all fenced) | {} |", fenced.show(0)));
    section.row(&format!("| a project of 100,000, until it is gone | {} |", gone.show(0)));
    section.row(&format!("| others' accept p99, 50 a second, before | {} |", spread(|round| round.alone_p99).show(1)));
    section.row(&format!("| others' accept p99 meanwhile | {} |", spread(|round| round.meanwhile_p99).show(1)));
    section.goal("100,000: fenced ≤ 3 s", format!("{:.1} s", fenced.median / 1e3), verdict(fenced.median <= 3_000.0));
    section.goal("100,000: gone ≤ 60 s", format!("{:.1} s", gone.median / 1e3), verdict(gone.median <= 60_000.0));
    section.goal("others' p99 ≤ 2 ×", format!("{:.2} ×", late.median), verdict(late.median <= 2.0));
    section.note("The project: one process with all roles, which the others use, too; the clients on the same cores.");
    Ok(())
}

async fn measure(stage: &Stage) -> Result<Round> {
    let place = stage.place(&Filling { tasks: TASKS, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let other = Uuid::now_v7();
    sqlx::query(include_str!("../sql/fill_others.sql")).bind(other).bind(OTHERS).execute(&place.pool).await?;
    sqlx::raw_sql("ANALYZE").execute(&place.pool).await?;
    let node = Node::start(stage, &place, &[]).await?;
    let others = Others::of(&place, other).await?;
    others.during(&node, sleep(Duration::from_secs(2))).await?;
    let (_, alone) = others.during(&node, sleep(ALONE)).await?;
    let (deleted, meanwhile) = others.during(&node, delete_project(&node, &place)).await?;
    let (fenced_ms, gone_ms) = deleted?;
    drop(node);
    stage.remove(place).await?;
    Ok(Round { fenced_ms, gone_ms, alone_p99: percentile(&alone, 0.99), meanwhile_p99: percentile(&meanwhile, 0.99) })
}

/// Milliseconds to the 202, and until the project is gone.
async fn delete_project(node: &Node, place: &Place) -> Result<(f64, f64)> {
    let project: Uuid = sqlx::query_scalar("SELECT bench_project()").fetch_one(&place.pool).await?;
    let mut client = node.client().await?;
    let begun = Instant::now();
    let ms = || begun.elapsed().as_secs_f64() * 1000.0;
    let answer = client.ask("DELETE", &format!("/api/v1/projects/{project}"), "", false).await?;
    let fenced_ms = ms();
    ensure!(answer.status == 202, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    let body: Value = serde_json::from_slice(&answer.body)?;
    ensure!(body["deletion"]["tasks"] == TASKS, "not all tasks are fenced: {body}");
    let left =
        "SELECT count(*) FROM task_schedules s JOIN tasks t ON t.id = s.task_id WHERE t.project_id = bench_project()";
    ensure!(sqlx::query_scalar::<_, i64>(left).fetch_one(&place.pool).await? == 0, "a task can still start");
    let there = "SELECT EXISTS (SELECT FROM projects WHERE id = bench_project())";
    while sqlx::query_scalar::<_, bool>(there).fetch_one(&place.pool).await? {
        if begun.elapsed() > PATIENCE {
            bail!("the project is not gone after {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok((fenced_ms, ms()))
}

/// Tasks of another project, each deleted once.
struct Others {
    paths: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
}

impl Others {
    async fn of(place: &Place, project: Uuid) -> Result<Self> {
        let order = "SELECT id FROM tasks WHERE project_id = $1 ORDER BY md5(id::text)";
        let ids: Vec<Uuid> = sqlx::query_scalar(order).bind(project).fetch_all(&place.pool).await?;
        let paths = ids.iter().map(|task| format!("/api/v1/projects/{project}/tasks/{task}")).collect();
        Ok(Self { paths: Arc::new(paths), next: Arc::default() })
    }

    /// Deletes them while `work` goes on; answers its result and how long each took to be accepted, in milliseconds.
    async fn during<T>(&self, node: &Node, work: impl Future<Output = T>) -> Result<(T, Vec<f64>)> {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (paths, next, is_over) = (Arc::clone(&self.paths), Arc::clone(&self.next), Arc::clone(&is_over));
            let mut client = node.client().await?;
            clients.spawn(async move {
                sleep(EVERY * number as u32 / CLIENTS as u32).await;
                let mut ticks = interval(EVERY);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                let mut took = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    // From when it was due: one that waits for another that is slow is slow, too.
                    let due = ticks.tick().await;
                    let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let answer = client.ask("DELETE", path, "", false).await?;
                    took.push(due.elapsed().as_secs_f64() * 1000.0);
                    ensure!(answer.status == 202, "{}", answer.status);
                }
                anyhow::Ok(took)
            });
        }
        let result = work.await;
        is_over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(took) = clients.join_next().await {
            all.extend(took??);
        }
        Ok((result, all))
    }
}
