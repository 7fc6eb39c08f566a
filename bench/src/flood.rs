//! What others notice of an attack: the list of a project while 64 clients try passwords, and while 2,000 connections send a
//! byte now and then.

use crate::client::Client;
use crate::figures::{percentile, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::report::Section;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use uuid::Uuid;

const GUESSERS: usize = 64;
const SLOW: usize = 2_000;
/// Requests a second of the one who is no attacker.
const A_SECOND: u64 = 50;

pub async fn run(stage: &Stage, seconds: u64) -> Result<Section> {
    let title = format!("Attacks: the list of a project, {A_SECOND} times a second, {seconds} s each");
    let mut section = Section::new(&title, "| meanwhile | p50 ms | p99 ms | p99 to undisturbed |");
    let place = stage.place(&Filling { tasks: 10_000, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let node = Node::start(stage, &place, &[("SEXTON_ROLES", "web")]).await?;
    let project: Uuid = sqlx::query_scalar("SELECT bench_project()").fetch_one(&place.pool).await?;
    let path = format!("/api/v1/projects/{project}/tasks");
    timed(&node, &path, 2).await?;
    let alone = timed(&node, &path, seconds).await?;
    let mut guessing = JoinSet::new();
    (0..GUESSERS).for_each(|n| drop(guessing.spawn(guess(node.host.clone(), n))));
    let guessed = timed(&node, &path, seconds).await?;
    guessing.shutdown().await;
    let mut dribbling = JoinSet::new();
    (0..SLOW).for_each(|_| drop(dribbling.spawn(dribble(node.host.clone()))));
    let dribbled = timed(&node, &path, seconds).await?;
    dribbling.shutdown().await;
    let base = percentile(&alone, 0.99);
    for (name, took) in
        [("nothing", &alone), ("64 clients try passwords", &guessed), ("2,000 slow connections", &dribbled)]
    {
        let (p50, p99) = (percentile(took, 0.5), percentile(took, 0.99));
        section.row(&format!("| {name} | {p50:.1} | {p99:.1} | {:.2} |", p99 / base));
        if name != "nothing" {
            section.goal(
                &format!("{name}: others' p99 ≤ 2 ×"),
                format!("{:.2} ×", p99 / base),
                verdict(p99 <= 2.0 * base),
            );
        }
    }
    section.note("The attackers run on the same two cores as the server and its database; their own work is part of the disturbance.");
    drop(node);
    stage.remove(place).await?;
    Ok(section)
}

/// Milliseconds of each request of one client that keeps its pace.
async fn timed(node: &Node, path: &str, seconds: u64) -> Result<Vec<f64>> {
    let mut client = node.client().await?;
    let mut clock = interval(Duration::from_micros(1_000_000 / A_SECOND));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut took = Vec::new();
    for _ in 0..seconds * A_SECOND {
        clock.tick().await;
        let begun = Instant::now();
        let answer = client.ask("GET", path, "", false).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(took)
}

/// Tries one password after the other; what is answered does not matter.
async fn guess(host: String, number: usize) {
    loop {
        if let Ok(mut client) = Client::connect(&host).await {
            let body = format!(r#"{{"email":"ada{number}@example.com","password":"not the one"}}"#);
            while client.ask("POST", "/api/v1/session", &body, false).await.is_ok() {}
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Begins a request that never ends.
async fn dribble(host: String) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(&host).await {
            let text = b"POST /api/v1/session HTTP/1.1\r\nhost: x\r\n".iter().chain(b"x-slow: 1\r\n".iter().cycle());
            for byte in text {
                if stream.write_all(&[*byte]).await.is_err() {
                    break;
                }
                sleep(Duration::from_millis(500)).await;
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}
