//! `make bench`: every figure is a ratio to its floor, ours and the floor in turn, median of several rounds with the
//! smallest and the largest. The floor is plain SQL from Rust with the same row work. Called through `cargo xtask bench`,
//! which starts a Postgres with fsync, synchronous_commit and full_page_writes on.
#![allow(clippy::print_stdout, reason = "a benchmark reports to its terminal")]

mod accept;
mod burn;
mod latency;
mod report;
mod stage;

use anyhow::{Context, Result, bail};
use report::Report;
use stage::Stage;

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::var("BENCH_DATABASE_URL").context("BENCH_DATABASE_URL is not set: run `make bench`")?;
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let all = ["p1", "p2", "p4"];
    if let Some(unknown) = asked.iter().find(|name| !all.contains(&name.as_str())) {
        bail!("there is no benchmark {unknown}; there are {}", all.join(", "));
    }
    let stage = Stage::set(&url).await?;
    let mut report = Report::new(&stage).await?;
    for name in all.into_iter().filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name)) {
        match name {
            "p1" => accept::run(&stage, &mut report).await?,
            "p2" => burn::run(&stage, &mut report).await?,
            _ => latency::run(&stage, &mut report).await?,
        }
    }
    report.write(asked.is_empty())
}
