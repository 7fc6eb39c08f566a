//! P1: accepting, a closed loop of 32 clients that keep their connections, over HTTP. The floor is the same transaction by
//! pgbench, the peer the same with graphile-worker's `add_job` where our job is inserted. Also with 1/100 and 1/10 of the tasks.

use crate::client::Client;
use crate::figures::{Spread, percentile, ratios, remark, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::peers::Peer;
use crate::pgbench;
use crate::report::Section;
use crate::stage::{Place, Stage};
use anyhow::{Result, ensure};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::Mutex;
use uuid::Uuid;

const CLIENTS: usize = 32;
const SIZES: [i64; 3] = [10_000, 100_000, 1_000_000];
/// Deletions of one round at the most; half of a small table.
const DELETED: i64 = 10_000;
/// Before the clock runs: connections and prepared statements.
const WARM_UP: i64 = 320;

/// What one contender did in one round.
struct Round {
    per_second: f64,
    p50: f64,
    p99: f64,
}

#[derive(Default)]
struct Rounds(Vec<Round>);

pub async fn run(stage: &Stage, rounds: usize) -> Result<Section> {
    let mut section = Section::new(
        &format!("P1: accepting, {CLIENTS} clients, closed loop"),
        "| tasks | who | a second | to the floor | p50 ms | p99 ms | p99 to the floor |",
    );
    for table in SIZES {
        let (mut floor, mut ours, mut peer) = (Rounds::default(), Rounds::default(), Rounds::default());
        for _ in 0..rounds {
            floor.0.push(by_pgbench(stage, table, None).await?);
            ours.0.push(over_http(stage, table).await?);
            if Peer::Graphile.is_here(stage) {
                peer.0.push(by_pgbench(stage, table, Some(Peer::Graphile)).await?);
            }
        }
        for (who, these) in
            [("floor (pgbench)", &floor), ("**ours** over HTTP", &ours), ("graphile-worker's add_job (pgbench)", &peer)]
        {
            these.show(&mut section, table, who, &floor);
        }
        judge(&mut section, table, &floor, &ours, &peer);
    }
    section.note("Ours: the release binary with its defaults (16 connections of the API), roles `web`, and the HTTP clients on the same cores; \
                  the floor and the peer: the same statements by pgbench, prepared, 32 connections. Each round on a fresh copy of the same database.");
    Ok(section)
}

fn judge(section: &mut Section, table: i64, floor: &Rounds, ours: &Rounds, peer: &Rounds) {
    if table == SIZES[2] {
        let share = Spread::of(&ratios(&ours.rates(), &floor.rates())).median;
        section.goal("≥ 0.7 × the floor", format!("{share:.2} ×"), verdict(share >= 0.7));
        if !peer.0.is_empty() {
            let times = Spread::of(&ratios(&ours.rates(), &peer.rates())).median;
            section.goal("≥ 1.5 × graphile-worker's add_job", format!("{times:.2} ×"), verdict(times >= 1.5));
        }
        let late = Spread::of(&ratios(&ours.p99s(), &floor.p99s())).median;
        section.goal("p99 ≤ 4 × the floor's", format!("{late:.2} ×"), verdict(late <= 4.0));
    }
    section.remark(remark(&Spread::of(&floor.rates()), &format!("{table} tasks")));
}

impl Rounds {
    fn rates(&self) -> Vec<f64> {
        self.0.iter().map(|round| round.per_second).collect()
    }

    fn p99s(&self) -> Vec<f64> {
        self.0.iter().map(|round| round.p99).collect()
    }

    fn show(&self, section: &mut Section, table: i64, who: &str, floor: &Self) {
        if self.0.is_empty() {
            return;
        }
        let p50 = Spread::of(&self.0.iter().map(|round| round.p50).collect::<Vec<_>>());
        let (rate, p99) = (Spread::of(&self.rates()), Spread::of(&self.p99s()));
        let share = Spread::of(&ratios(&self.rates(), &floor.rates()));
        let late = Spread::of(&ratios(&self.p99s(), &floor.p99s()));
        section.row(&format!(
            "| {table} | {who} | {} | {} | {} | {} | {} |",
            rate.show(0),
            share.show(2),
            p50.show(1),
            p99.show(1),
            late.show(2)
        ));
    }
}

fn deletions(table: i64) -> i64 {
    DELETED.min(table / 2)
}

async fn by_pgbench(stage: &Stage, table: i64, peer: Option<Peer>) -> Result<Round> {
    let jobs = peer.as_ref().map_or(Jobs::Nobodys, Jobs::Of);
    let place = stage.place(&Filling { tasks: table, runs: 0, accepted: 0, jobs }).await?;
    let enqueue = match peer {
        None => include_str!("../sql/enqueue_ours.sql"),
        Some(_) => include_str!("../sql/enqueue_graphile.sql"),
    };
    let script = include_str!("../sql/accept.sql").replace("{enqueue}", enqueue);
    let each = deletions(table) as usize / CLIENTS;
    let measured = pgbench::run(stage, &place, &script, CLIENTS, each, table).await?;
    finished(&place, (each * CLIENTS) as i64).await?;
    stage.remove(place).await?;
    Ok(Round::of(measured.per_second, &measured.latencies_ms))
}

async fn over_http(stage: &Stage, table: i64) -> Result<Round> {
    let place = stage.place(&Filling { tasks: table, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let node = Node::start(stage, &place, &[("SEXTON_ROLES", "web")]).await?;
    let paths = paths(&place, table, WARM_UP + deletions(table)).await?;
    let (warm, measured) = paths.split_at(WARM_UP as usize);
    closed_loop(&node, warm).await?;
    let begun = Instant::now();
    let latencies = closed_loop(&node, measured).await?;
    let seconds = begun.elapsed().as_secs_f64();
    finished(&place, paths.len() as i64).await?;
    drop(node);
    stage.remove(place).await?;
    Ok(Round::of(measured.len() as f64 / seconds, &latencies))
}

/// Where the tasks are that are deleted first, in that order.
pub async fn paths(place: &Place, table: i64, count: i64) -> Result<Vec<String>> {
    let order = "SELECT bench_project(), bench_id('task', k * 7919 % $2 + 1) FROM generate_series(1, $1::bigint) AS k";
    let ids: Vec<(Uuid, Uuid)> = sqlx::query_as(order).bind(count).bind(table).fetch_all(&place.pool).await?;
    Ok(ids.iter().map(|(project, task)| format!("/api/v1/projects/{project}/tasks/{task}")).collect())
}

/// Deletes all of them, a request at a time for each client; answers how long each took, in milliseconds.
async fn closed_loop(node: &Node, paths: &[String]) -> Result<Vec<f64>> {
    let (next, latencies) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let client = || async {
        let (mut client, mut mine) = (Client::connect(&node.host).await?, Vec::new());
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begun = Instant::now();
            let answer = client.ask("DELETE", path, "", false).await?;
            mine.push(begun.elapsed().as_secs_f64() * 1000.0);
            ensure!(answer.status == 202, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        latencies.lock().await.extend(mine);
        anyhow::Ok(())
    };
    futures::future::try_join_all((0..CLIENTS).map(|_| client())).await?;
    Ok(latencies.into_inner())
}

/// Nobody may be fast by leaving something out.
async fn finished(place: &Place, wanted: i64) -> Result<()> {
    let counts =
        "SELECT (SELECT count(*) FROM deletions), (SELECT count(*) FROM tasks WHERE status = 'PENDING_DELETE'),
                         (SELECT count(*) FROM events)";
    let (records, pending, events): (i64, i64, i64) = sqlx::query_as(counts).fetch_one(&place.pool).await?;
    ensure!(
        [records, pending, events] == [wanted; 3],
        "{wanted} accepted, but {records} records, {pending} tasks, {events} events"
    );
    Ok(())
}

impl Round {
    fn of(per_second: f64, latencies_ms: &[f64]) -> Self {
        Self { per_second, p50: percentile(latencies_ms, 0.5), p99: percentile(latencies_ms, 0.99) }
    }
}
