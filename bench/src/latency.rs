//! P4: an open loop of 50 deletions a second without an undo window; from acceptance to gone by the database's clock, with the
//! commits. Also when every NOTIFY is lost. The contenders take turns, a part of the five minutes each.

use crate::accept::paths;
use crate::client::Client;
use crate::figures::{Spread, percentile, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::peers::Peer;
use crate::report::Section;
use crate::stage::{Place, Stage};
use anyhow::{Result, bail, ensure};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use uuid::Uuid;

const A_SECOND: u64 = 50;
const TASKS: i64 = 20_000;
const RUNS: i64 = 5;
const PATIENCE: Duration = Duration::from_secs(60);

/// Who tears down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// One process with all roles.
    Together,
    /// One that accepts and one that works, which hears of a deletion by NOTIFY.
    Apart,
    /// The same, and every NOTIFY is lost.
    Deaf,
    Other(Peer),
}

const ALL: [Who; 6] = [
    Who::Together,
    Who::Apart,
    Who::Deaf,
    Who::Other(Peer::Graphile),
    Who::Other(Peer::Boss),
    Who::Other(Peer::Procrastinate),
];

pub async fn run(stage: &Stage, rounds: usize, seconds: u64) -> Result<Section> {
    let count = (seconds * A_SECOND).min(TASKS as u64 - 1);
    let title = format!("P4: accepted to gone, open loop, {A_SECOND} a second, {rounds} × {seconds} s each");
    let mut section = Section::new(&title, "| who | deletions | p50 ms | p95 ms | p99 ms | max ms | p99 of a round |");
    let here = ALL.into_iter().filter(|who| !matches!(who, Who::Other(peer) if !peer.is_here(stage)));
    let mut lines: Vec<(Who, Vec<f64>, Vec<f64>)> = here.map(|who| (who, Vec::new(), Vec::new())).collect();
    for _ in 0..rounds {
        for (who, all, p99s) in &mut lines {
            let latencies = measure(stage, *who, count).await?;
            p99s.push(percentile(&latencies, 0.99));
            all.extend(latencies);
        }
    }
    for (who, all, p99s) in &lines {
        show(&mut section, *who, all, p99s);
    }
    section.note("Ours over HTTP, the peers' accepting transaction is one call of a function that does the same; workers and settings as in P2.");
    Ok(section)
}

fn show(section: &mut Section, who: Who, all: &[f64], p99s: &[f64]) {
    let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|share| percentile(all, share));
    let name = who.name();
    let rounds = Spread::of(p99s).show(1);
    section.row(&format!("| {name} | {} | {p50:.1} | {p95:.1} | {p99:.1} | {max:.1} | {rounds} |", all.len()));
    section.bar("Accepted to gone, p99 in ms", name, p99);
    match who {
        Who::Together | Who::Apart => {
            section.goal(&format!("{name}: p50 ≤ 10 ms"), format!("{p50:.1} ms"), verdict(p50 <= 10.0));
            section.goal(&format!("{name}: p99 ≤ 50 ms"), format!("{p99:.1} ms"), verdict(p99 <= 50.0));
            section.goal(&format!("{name}: never above 1 s"), format!("{max:.1} ms"), verdict(max <= 1000.0));
        }
        Who::Deaf => section.goal("all NOTIFY lost: p99 ≤ 1.5 s", format!("{p99:.0} ms"), verdict(p99 <= 1500.0)),
        Who::Other(_) => {}
    }
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Together => "**ours**, one process",
            Self::Apart => "**ours**, web and worker apart",
            Self::Deaf => "**ours**, apart, all NOTIFY lost",
            Self::Other(peer) => peer.title(),
        }
    }
}

/// Milliseconds from accepted to gone, for each of `count` deletions.
async fn measure(stage: &Stage, who: Who, count: u64) -> Result<Vec<f64>> {
    let jobs = match &who {
        Who::Other(peer) => Jobs::Of(peer),
        Who::Together | Who::Apart | Who::Deaf => Jobs::Nobodys,
    };
    let place = stage.place(&Filling { tasks: TASKS, runs: RUNS, accepted: 0, jobs }).await?;
    match who {
        Who::Other(peer) => {
            let worker = peer.work(stage, &place).await?;
            by_function(&place, count).await?;
            settled(&place, count).await?;
            drop(worker);
        }
        Who::Together => {
            let node = Node::start(stage, &place, &[]).await?;
            over_http(&place, &node, count).await?;
            settled(&place, count).await?;
        }
        Who::Apart | Who::Deaf => {
            let place = if who == Who::Deaf { deafened(stage, &place).await? } else { &place };
            let web = Node::start(stage, place, &[("SEXTON_ROLES", "web")]).await?;
            let worker = Node::start(stage, place, &[("SEXTON_ROLES", "worker")]).await?;
            over_http(place, &web, count).await?;
            settled(place, count).await?;
            drop((web, worker));
        }
    }
    let latencies = sqlx::query_scalar(include_str!("../sql/latencies.sql")).fetch_all(&place.pool).await?;
    stage.remove(place).await?;
    Ok(latencies)
}

async fn deafened<'a>(stage: &Stage, place: &'a Place) -> Result<&'a Place> {
    sqlx::raw_sql(include_str!("../sql/silence.sql")).execute(&place.pool).await?;
    stage.setting(place, "search_path", "public, silence, pg_catalog").await?;
    Ok(place)
}

/// Accepts as programs do, on as many connections as it takes to keep the pace.
async fn over_http(place: &Place, node: &Node, count: u64) -> Result<()> {
    let paths = paths(place, TASKS, count as i64).await?;
    let idle = Arc::new(Mutex::new(Vec::<Client>::new()));
    open_loop(paths, |path| {
        let (idle, host) = (Arc::clone(&idle), node.host.clone());
        async move {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut client = match kept {
                Some(client) => client,
                None => Client::connect(&host).await?,
            };
            let answer = client.ask("DELETE", &path, "", false).await?;
            ensure!(answer.status == 202, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
            Ok(())
        }
    })
    .await
}

async fn by_function(place: &Place, count: u64) -> Result<()> {
    let order = "SELECT bench_id('task', k * 7919 % $2 + 1) FROM generate_series(1, $1::bigint) AS k";
    let ids: Vec<Uuid> = sqlx::query_scalar(order).bind(count as i64).bind(TASKS).fetch_all(&place.pool).await?;
    open_loop(ids, |task| {
        let pool = place.pool.clone();
        async move {
            sqlx::query("SELECT bench_accept($1, gen_random_uuid())").bind(task).execute(&pool).await?;
            Ok(())
        }
    })
    .await
}

/// Begins one after the other at the pace, however long each takes.
async fn open_loop<T, F>(items: Vec<T>, work: impl Fn(T) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut clock = interval(Duration::from_micros(1_000_000 / A_SECOND));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asked: Vec<JoinHandle<Result<()>>> = Vec::new();
    for item in items {
        clock.tick().await;
        asked.push(tokio::spawn(work(item)));
    }
    for answer in asked {
        answer.await??;
    }
    Ok(())
}

/// Waits until all are gone, and sees that each told it once.
async fn settled(place: &Place, count: u64) -> Result<()> {
    let begun = Instant::now();
    let gone = "SELECT count(*) FROM events WHERE kind = 'TaskDeleted'";
    loop {
        let gone: i64 = sqlx::query_scalar(gone).fetch_one(&place.pool).await?;
        if gone.unsigned_abs() == count {
            return Ok(());
        }
        if gone.unsigned_abs() > count || begun.elapsed() > PATIENCE {
            bail!("{gone} of {count} deletions are gone");
        }
        sleep(Duration::from_millis(100)).await;
    }
}
