#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! `xtask test`: lints, freshness of `.sqlx`, a build, tests of Rust, sizes, the contract of the API, tests in the
//! browser. Every step runs even after one failed; the last line counts the tests of all runners.

mod browser;
mod budget;
mod contract;
mod tally;
mod unit;

use std::process::ExitCode;

use anyhow::Result;

use crate::postgres::{Kind, Postgres};
use crate::{build, cargo, setup, sqlx};
use tally::Tally;

/// Which tests to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// Lints, freshness of `.sqlx`, a build, tests of Rust.
    Unit,
    /// A build, sizes, the contract of the API and tests in the browser.
    Browser,
}

/// Runs the tests and closes with one line of counts. A step that fails without a failed test
/// (a lint, a build) counts as one failure.
pub fn test(part: Part) -> Result<ExitCode> {
    setup::setup(if part == Part::Unit { setup::For::TestingRust } else { setup::For::Testing })?;
    let mut tally = Tally::default();
    if part != Part::Browser {
        tally.step("lint", |_| lint());
        tally.step("sqlx", |_| sqlx::check());
    }
    // First, for tests of Rust ask for files of the site too.
    let is_built = tally.step("build", |_| build::build(build::Options { faults: true, ..Default::default() }));
    let postgres = Postgres::start(Kind::Throwaway)?;
    if part != Part::Browser {
        tally.step("unit", |tally| unit::run(&postgres, tally));
    }
    if part != Part::Unit && is_built {
        tally.step("sizes", |_| budget::check());
        tally.step("contract", contract::run);
        tally.step("browser", |tally| browser::run(&postgres, tally));
    }
    drop(postgres);
    for step in &tally.broken {
        println!("failed: {step}");
    }
    println!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the long form of the faults: the fleet whose nodes are killed, thousands of times.
pub fn chaos() -> Result<ExitCode> {
    setup::setup(setup::For::Running)?;
    let mut tally = Tally::default();
    let postgres = Postgres::start(Kind::Throwaway)?;
    tally.step("chaos", |tally| unit::chaos(&postgres, tally));
    println!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Formatting and clippy, for the server and apart from it for the browser.
pub fn lint() -> Result<()> {
    setup::setup(setup::For::Building)?;
    cargo::cargo(&["fmt", "--all", "--check"])?;
    let all = ["clippy", "--workspace", "--exclude", "frontend", "--all-targets", "--features", unit::FAULTS];
    cargo::cargo(&[&all[..], &["--", "--deny", "warnings"]].concat())?;
    // As it is in a release: without the faults of the tests.
    cargo::cargo(&["clippy", "--package", "backend", "--", "--deny", "warnings"])?;
    let wasm = "wasm32-unknown-unknown";
    cargo::cargo(&["clippy", "--package", "frontend", "--target", wasm, "--", "--deny", "warnings"])
}
