//! P11: deletions and calls together for a while, and in the middle third a session that sits idle in a transaction, which
//! keeps every dead row from being vacuumed. What counts is how much is gone in each third, and how late calls come.

use crate::accept::paths;
use crate::client::Client;
use crate::figures::{percentile, verdict};
use crate::fill::{Filling, Jobs};
use crate::firing::{SETTINGS, fill, now};
use crate::node::Node;
use crate::receiver::Receiver;
use crate::report::Section;
use crate::stage::{Place, Stage};
use anyhow::{Result, ensure};
use sqlx::Connection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

const DELETIONS_A_SECOND: u64 = 300;
/// Spread over 300 seconds: 333 calls a second.
const FIRING: i64 = 100_000;
const CLIENTS: usize = 8;

/// One third of the time.
struct Third {
    name: &'static str,
    gone: i64,
    from: f64,
    to: f64,
}

pub async fn run(stage: &Stage, seconds: u64) -> Result<Section> {
    let each = Duration::from_secs(seconds.max(30) / 3);
    let deletions = (each.as_secs() * 3 + 10) * DELETIONS_A_SECOND;
    let title =
        format!("P11: {DELETIONS_A_SECOND} deletions and {} calls a second, {} s", FIRING / 300, each.as_secs() * 3);
    let mut section = Section::new(&title, "| third | gone a second | calls | p99 late, ms |");
    let place = stage.place(&Filling { tasks: deletions as i64, runs: 2, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let receiver = Receiver::start(Duration::ZERO).await?;
    fill(&place, FIRING, &receiver, false).await?;
    let node = Node::start(stage, &place, &SETTINGS).await?;
    let paths = paths(&place, deletions as i64, deletions as i64).await?;
    let mut asking = delete(&node, paths);
    sleep(Duration::from_secs(5)).await;
    let mut thirds = Vec::new();
    for name in ["before", "with an open transaction", "after"] {
        let mut idle = sqlx::PgConnection::connect(&place.url).await?;
        let held = name.starts_with("with");
        if held {
            sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM nodes")
                .execute(&mut idle)
                .await?;
        }
        let (from, before) = (now(), gone(&place).await?);
        sleep(each).await;
        thirds.push(Third { name, gone: gone(&place).await? - before, from, to: now() });
        drop(idle);
    }
    asking.abort_all();
    while let Some(ended) = asking.join_next().await {
        if let Ok(result) = ended {
            result?;
        }
    }
    drop(node);
    stage.remove(place).await?;
    show(&mut section, &thirds, &receiver);
    section.note("One process with all roles, undo window 0, 2 executions of history a task; the receiver and the clients run on the same cores.");
    Ok(section)
}

fn show(section: &mut Section, thirds: &[Third], receiver: &Receiver) {
    let calls = receiver.calls();
    let rate = |third: &Third| third.gone as f64 / (third.to - third.from);
    for third in thirds {
        let within = calls
            .iter()
            .filter_map(|(_, calls)| calls.first())
            .filter(|call| (third.from..third.to).contains(&call.due));
        let late: Vec<f64> = within.map(|call| call.late_ms).collect();
        section.row(&format!(
            "| {} | {:.0} | {} | {:.0} |",
            third.name,
            rate(third),
            late.len(),
            percentile(&late, 0.99)
        ));
    }
    let [before, held, after] = thirds else { return };
    let (held, after) = (rate(held) / rate(before), rate(after) / rate(before));
    section.goal("meanwhile ≥ 70 %", format!("{:.0} %", held * 100.0), verdict(held >= 0.7));
    section.goal("afterwards ≥ 98 %", format!("{:.0} %", after * 100.0), verdict(after >= 0.98));
    let twice = calls.iter().filter(|(_, calls)| calls.len() > 1).count();
    section.goal("calls twice: 0", twice.to_string(), verdict(twice == 0));
}

/// Deletes at the pace until all are asked for, each client as often as its turn comes.
fn delete(node: &Node, paths: Vec<String>) -> JoinSet<Result<()>> {
    let paths = Arc::new(Mutex::new(paths.into_iter()));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (paths, host) = (Arc::clone(&paths), node.host.clone());
        clients.spawn(async move {
            let mut client = Client::connect(&host).await?;
            let mut clock = interval(Duration::from_micros(1_000_000 * CLIENTS as u64 / DELETIONS_A_SECOND));
            clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
            loop {
                clock.tick().await;
                let Some(path) = paths.lock().await.next() else { return Ok(()) };
                let answer = client.ask("DELETE", &path, "", false).await?;
                ensure!(answer.status == 202, "{path}: {}", answer.status);
            }
        });
    }
    clients
}

async fn gone(place: &Place) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM deletions WHERE state = 'SUCCEEDED'").fetch_one(&place.pool).await?)
}
