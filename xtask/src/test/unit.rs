//! The tests of Rust. They are compiled without a DATABASE_URL and run with one: sqlx's macros
//! read it without telling cargo, so nothing is compiled again in between. A second Postgres is
//! there to be stopped and killed, which the others would not like.

use anyhow::Result;

use super::tally::Tally;
use crate::cargo;
use crate::postgres::{Kind, Postgres};

/// Named points at which tests make the server crash or fail.
pub const FAULTS: &str = "server/faults";

/// `xtask` goes apart from the others: together cargo would compile what they share anew.
const GROUPS: [&[&str]; 2] = [
    &["--package", "domain", "--package", "backend", "--package", "app", "--package", "server", "--features", FAULTS],
    &["--package", "xtask"],
];

/// Compiles and runs all tests.
pub fn run(postgres: &Postgres, tally: &mut Tally) -> Result<()> {
    let spare = Postgres::start(Kind::Spare)?;
    let mut result = Ok(());
    for group in GROUPS {
        result = result.and(run_group(group, postgres, &spare, tally));
    }
    result
}

fn run_group(packages: &[&str], postgres: &Postgres, spare: &Postgres, tally: &mut Tally) -> Result<()> {
    let test = || {
        let mut command = cargo::command(&["test", "--no-fail-fast"]);
        command.args(packages);
        command
    };
    crate::process::run(test().arg("--no-run"))?;
    tally.count(test().env("DATABASE_URL", postgres.url()).env("SPARE_DATABASE_URL", spare.url()))
}

/// Runs the tests of real processes with `CHAOS_KILLS` kills, 3,000 unless it is set.
pub fn chaos(postgres: &Postgres, tally: &mut Tally) -> Result<()> {
    let spare = Postgres::start(Kind::Spare)?;
    let test = || cargo::command(&["test", "--package", "server", "--test", "process", "--features", FAULTS]);
    crate::process::run(test().arg("--no-run"))?;
    let kills = std::env::var("CHAOS_KILLS").unwrap_or_else(|_| "3000".to_owned());
    let databases = [("DATABASE_URL", postgres.url()), ("SPARE_DATABASE_URL", spare.url())];
    tally.count(test().envs(databases).env("CHAOS_KILLS", kills))
}
