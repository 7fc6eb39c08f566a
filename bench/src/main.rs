//! `make bench`: the figures of speed. Every figure is a ratio in one run: the floor, ours and the peers in turn, the median of
//! several rounds with the smallest and the largest. Called through `cargo xtask bench`, which builds the product, installs the
//! peers and starts a Postgres with fsync, synchronous_commit and full_page_writes on.
#![allow(clippy::print_stdout, reason = "a benchmark reports to its terminal")]

mod accept;
mod batch;
mod burn;
mod client;
mod cost;
mod figures;
mod fill;
mod firing;
mod flood;
mod latency;
mod list;
mod machine;
mod memory;
mod node;
mod peers;
mod pgbench;
mod plot;
mod project;
mod receiver;
mod reconcile;
mod report;
mod soak;
mod stage;
mod start;

use anyhow::{Context, Result, bail};
use report::{Report, Section};
use stage::Stage;

/// The benchmarks, by the names of the figures that they measure. Called in this order.
const ALL: [&str; 13] = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "cost", "flood"];

/// What was asked for.
struct Asked {
    names: Vec<&'static str>,
    /// How often each contender is measured.
    rounds: usize,
    /// How long a round of an open loop lasts.
    seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let asked = Asked::read(std::env::args().skip(1))?;
    let stage = Stage::set().await?;
    let mut report = Report::open(&stage, asked.rounds).await?;
    let mut failed = Vec::new();
    for name in &asked.names {
        // One that fails does not take the others with it: together they take an hour.
        match measure(name, &stage, &asked).await {
            Ok(section) => report.keep(name, section)?,
            Err(error) => failed.push(format!("{name}: {error:#}")),
        }
    }
    if !failed.is_empty() {
        bail!("could not be measured: {}", failed.join("; "));
    }
    Ok(())
}

async fn measure(name: &str, stage: &Stage, asked: &Asked) -> Result<Section> {
    match name {
        "p1" => accept::run(stage, asked.rounds).await,
        "p2" => burn::run(stage, asked.rounds).await,
        "p3" => batch::run(stage, asked.rounds).await,
        "p4" => latency::run(stage, asked.rounds, asked.seconds).await,
        "p5" => firing::steady(stage, asked.seconds).await,
        "p6" => firing::at_once(stage).await,
        "p7" => list::run(stage, asked.rounds).await,
        "p8" => reconcile::run(stage, asked.rounds).await,
        "p9" => memory::run(stage).await,
        "p11" => soak::run(stage, asked.seconds).await,
        "flood" => flood::run(stage, asked.seconds).await,
        "p10" => start::run(stage, asked.rounds).await,
        _ => cost::run(stage, asked.rounds).await,
    }
}

impl Asked {
    fn read(words: impl Iterator<Item = String>) -> Result<Self> {
        let mut asked = Self { names: Vec::new(), rounds: 5, seconds: 60 };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut number = || words.next().and_then(|text| text.parse::<u64>().ok()).filter(|number| *number > 0);
            match word.as_str() {
                "--rounds" => asked.rounds = number().context("--rounds wants a number")? as usize,
                "--seconds" => asked.seconds = number().context("--seconds wants a number")?,
                name => match ALL.iter().find(|known| **known == name) {
                    Some(known) => asked.names.push(known),
                    None => {
                        bail!("there is no benchmark {name}; there are {}, --rounds N and --seconds N", ALL.join(", "))
                    }
                },
            }
        }
        if asked.names.is_empty() {
            asked.names = ALL.to_vec();
        }
        Ok(asked)
    }
}
