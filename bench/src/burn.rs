//! P2: accepted deletions, each with 5 executions, burn down. The floor removes the same rows, 200 tasks a transaction on four
//! connections, with no queue at all. The clock is the database's: from the first commit that ends a deletion to the last.

use crate::figures::{Spread, ratios, remark, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::peers::Peer;
use crate::report::Section;
use crate::stage::{Place, Stage};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use uuid::Uuid;

const RUNS: i64 = 5;
/// A peer that is slower than this a second is asked for less.
const FEW: i64 = 2_000;
const PATIENCE: Duration = Duration::from_secs(900);

/// Who tears down, and in how many processes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Floor,
    Ours(usize),
    Other(Peer, usize),
}

const ALL: [Who; 10] = [
    Who::Floor,
    Who::Ours(1),
    Who::Ours(2),
    Who::Other(Peer::Graphile, 1),
    Who::Other(Peer::Graphile, 2),
    Who::Other(Peer::GraphileSet, 1),
    Who::Other(Peer::GraphileSet, 2),
    Who::Other(Peer::Boss, 1),
    Who::Other(Peer::BossSet, 1),
    Who::Other(Peer::Procrastinate, 1),
];

/// One contender and what it did in each round.
struct Line {
    who: Who,
    deletions: i64,
    rates: Vec<f64>,
}

pub async fn run(stage: &Stage, rounds: usize) -> Result<Section> {
    let head = "| deletions | who | a second | to the floor | to graphile-worker, one per job |";
    let mut section = Section::new(&format!("P2: burn down of accepted deletions, {RUNS} executions each"), head);
    for tasks in [20_000_i64, 100_000] {
        let mut lines: Vec<Line> = ALL
            .into_iter()
            .filter_map(|who| Some(Line { who, deletions: share(stage, who, tasks)?, rates: Vec::new() }))
            .collect();
        for _ in 0..rounds {
            for line in &mut lines {
                line.rates.push(rate(stage, line.who, line.deletions, line.deletions).await?);
            }
        }
        show(&mut section, tasks, &lines);
    }
    section.note("A worker is a process. Ours: the release binary with its defaults (4 teardowns at a time, batches of 16 jobs, 200 deletions a sweep), role `worker`.");
    for peer in [Peer::Graphile, Peer::GraphileSet, Peer::BossSet, Peer::Procrastinate] {
        if peer.is_here(stage) {
            section.note(&format!("{}: {}", peer.title(), peer.settings(stage).await?));
        }
    }
    Ok(section)
}

/// How much of the work a contender is given: the slow ones less, or a round would take minutes; who is not here none.
fn share(stage: &Stage, who: Who, tasks: i64) -> Option<i64> {
    match who {
        Who::Other(peer, _) if !peer.is_here(stage) => None,
        Who::Other(Peer::Procrastinate, _) => (tasks == 20_000).then_some(FEW),
        Who::Other(Peer::Boss, _) if tasks > 20_000 => None,
        _ => Some(tasks),
    }
}

fn show(section: &mut Section, tasks: i64, lines: &[Line]) {
    let rates = |who: Who| lines.iter().find(|line| line.who == who).map(|line| line.rates.as_slice());
    let floor = rates(Who::Floor).unwrap_or_default();
    let peer = rates(Who::Other(Peer::Graphile, 1));
    let against = |these: &[f64], other: Option<&[f64]>| {
        other.map_or("".to_owned(), |other| Spread::of(&ratios(these, other)).show(2))
    };
    for line in lines {
        let rate = Spread::of(&line.rates);
        let (name, deletions) = (line.who.name(), line.deletions);
        section.row(&format!(
            "| {deletions} | {name} | {} | {} | {} |",
            rate.show(0),
            against(&line.rates, Some(floor)),
            against(&line.rates, peer)
        ));
        if tasks == 100_000 || deletions == FEW {
            section.bar("Burn down, deletions a second", &name, rate.median);
        }
    }
    let median = |these: Who, to: Who| Some(Spread::of(&ratios(rates(these)?, rates(to)?)).median);
    let mut goal = |text: &str, least: f64, ratio: Option<f64>| {
        if let Some(ratio) = ratio {
            section.goal(&format!("{tasks}: {text}"), format!("{ratio:.2} ×"), verdict(ratio >= least));
        }
    };
    let ours = Who::Ours(1);
    goal("≥ 10 × graphile-worker tuned, one per job", 10.0, median(ours, Who::Other(Peer::Graphile, 1)));
    goal("the same with 2 workers", 10.0, median(Who::Ours(2), Who::Other(Peer::Graphile, 2)));
    goal("≥ 1 × graphile-worker with the same trick", 1.0, median(ours, Who::Other(Peer::GraphileSet, 1)));
    goal("the same with 2 workers", 1.0, median(Who::Ours(2), Who::Other(Peer::GraphileSet, 2)));
    goal("≥ 0.5 × the floor", 0.5, median(ours, Who::Floor));
    goal("two workers never slower than one", 1.0, median(Who::Ours(2), ours));
    section.remark(remark(&Spread::of(floor), &format!("{tasks} deletions")));
}

impl Who {
    fn name(self) -> String {
        let workers = |count| if count == 1 { "1 worker".to_owned() } else { format!("{count} workers") };
        match self {
            Self::Floor => "floor: batched deletes, no queue".to_owned(),
            Self::Ours(count) => format!("**ours**, {}", workers(count)),
            Self::Other(peer, count) => format!("{}, {}", peer.title(), workers(count)),
        }
    }
}

/// Deletions a second, of so many accepted ones among so many tasks.
pub async fn rate(stage: &Stage, who: Who, tasks: i64, accepted: i64) -> Result<f64> {
    let jobs = match &who {
        Who::Floor => Jobs::Nobodys,
        Who::Ours(_) => Jobs::Ours,
        Who::Other(peer, _) => Jobs::Of(peer),
    };
    let place = stage.place(&Filling { tasks, runs: RUNS, accepted, jobs }).await?;
    let (mut nodes, mut peers) = (Vec::new(), Vec::new());
    match who {
        Who::Floor => floor(&place).await?,
        Who::Ours(count) => {
            for node in
                futures::future::join_all((0..count).map(|_| Node::start(stage, &place, &[("SEXTON_ROLES", "worker")])))
                    .await
            {
                nodes.push(node?);
            }
        }
        Who::Other(peer, count) => {
            for worker in futures::future::join_all((0..count).map(|_| peer.work(stage, &place))).await {
                peers.push(worker?);
            }
        }
    }
    gone(&place).await?;
    drop((nodes, peers));
    finished(&place, tasks - accepted, accepted).await?;
    let rate = sqlx::query_scalar(include_str!("../sql/rate.sql")).fetch_one(&place.pool).await?;
    stage.remove(place).await?;
    Ok(rate)
}

async fn floor(place: &Place) -> Result<()> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT task_id FROM deletions ORDER BY wake_at").fetch_all(&place.pool).await?;
    let batches = tokio::sync::Mutex::new(ids.chunks(200));
    let one = || async {
        loop {
            let Some(batch) = batches.lock().await.next() else { return anyhow::Ok(()) };
            sqlx::query(include_str!("../sql/finish.sql")).bind(batch).execute(&place.pool).await?;
        }
    };
    futures::future::try_join_all((0..4).map(|_| one())).await?;
    Ok(())
}

/// Waits until no deletion is open.
async fn gone(place: &Place) -> Result<()> {
    let begun = Instant::now();
    let open = "SELECT EXISTS (SELECT FROM deletions WHERE completed_at IS NULL)";
    while sqlx::query_scalar(open).fetch_one(&place.pool).await? {
        ensure!(begun.elapsed() < PATIENCE, "not all are gone after {PATIENCE:?}");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Nobody may be fast by leaving something out.
async fn finished(place: &Place, left: i64, wanted: i64) -> Result<()> {
    let counts = "SELECT (SELECT count(*) FROM tasks), (SELECT count(*) FROM executions),
                         (SELECT count(*) FROM events WHERE kind = 'TaskDeleted'), (SELECT sum(executions_removed)::bigint FROM deletions)";
    let (tasks, runs, events, removed): (i64, i64, i64, i64) = sqlx::query_as(counts).fetch_one(&place.pool).await?;
    ensure!(
        [tasks, runs, events, removed] == [left, 0, wanted, wanted * RUNS],
        "{tasks} tasks and {runs} executions are left, {events} events, {removed} executions counted"
    );
    Ok(())
}
