//! P2: accepted deletions, each with 5 executions, burn down. The floor removes the same rows, 200 tasks a transaction,
//! with no queue.

use crate::report::{Report, Spread};
use crate::stage::Stage;
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const ROUNDS: usize = 3;
const RUNS: i32 = 5;

pub async fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    report.section("P2: burn down, deletions a second", "| deletions | who | a second | to the floor |");
    for tasks in [20_000_i64, 100_000] {
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (who, rates) in rates.iter_mut().enumerate() {
                stage.clear().await?;
                stage.fill(tasks, RUNS).await?;
                stage.accept_all().await?;
                let seconds = if who == 0 { floor(stage).await? } else { ours(stage, who).await? };
                rates.push(tasks as f64 / seconds);
            }
        }
        let [floor, one, two] = rates;
        let ratio =
            |rates: &[f64]| Spread::of(rates.iter().zip(&floor).map(|(ours, floor)| ours / floor).collect()).show(2);
        let (ratio_one, ratio_two) = (ratio(&one), ratio(&two));
        let spread = Spread::of(floor);
        let spoiled = if spread.is_spoiled() { " (the machine was noisy)" } else { "" };
        report.row(&format!("| {tasks} | floor, 4 connections | {}{spoiled} | 1 |", spread.show(0)));
        report.row(&format!("| {tasks} | 1 worker | {} | {ratio_one} |", Spread::of(one).show(0)));
        report.row(&format!("| {tasks} | 2 workers | {} | {ratio_two} |", Spread::of(two).show(0)));
    }
    stage.clear().await
}

async fn ours(stage: &Stage, workers: usize) -> Result<f64> {
    let begun = Instant::now();
    let workers = stage.work(workers)?;
    while stage.tasks_left().await? {
        sleep(Duration::from_millis(20)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    workers.stop().await;
    Ok(seconds)
}

async fn floor(stage: &Stage) -> Result<f64> {
    let begun = Instant::now();
    let one = || async {
        loop {
            let mut tx = stage.pool.begin().await?;
            let done = sqlx::query(include_str!("../sql/burn_floor.sql")).execute(&mut *tx).await?;
            tx.commit().await?;
            if done.rows_affected() == 0 {
                return Ok::<_, sqlx::Error>(());
            }
        }
    };
    futures::future::try_join_all((0..4).map(|_| one())).await?;
    Ok(begun.elapsed().as_secs_f64())
}
