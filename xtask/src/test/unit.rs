//! The tests of Rust. They are compiled without a DATABASE_URL and run with one: sqlx's macros
//! read it without telling cargo, so nothing is compiled again in between. A second Postgres is
//! there to be stopped and killed, which the others would not like.

use anyhow::Result;

use super::tally::Tally;
use crate::postgres::{Kind, Postgres};
use crate::{cargo, release};

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

/// How much `chaos` does, unless the environment says something else.
const CHAOS: [(&str, &str); 3] = [("CHAOS_KILLS", "3000"), ("CHAOS_DELETIONS", "2000"), ("CHAOS_STOPS", "100")];

/// Runs the tests of real processes with more kills, deletions and stops.
pub fn chaos(postgres: &Postgres, tally: &mut Tally) -> Result<()> {
    let spare = Postgres::start(Kind::Spare)?;
    let release = release::binary()?;
    let features = format!("{FAULTS},server/rehearsal");
    let test = || cargo::command(&["test", "--package", "server", "--test", "process", "--features", &features]);
    crate::process::run(test().arg("--no-run"))?;
    let amounts = CHAOS.map(|(name, usual)| (name, std::env::var(name).unwrap_or_else(|_| usual.to_owned())));
    let databases = [("DATABASE_URL", postgres.url()), ("SPARE_DATABASE_URL", spare.url())];
    tally.count(test().envs(databases).envs(amounts).env("RELEASE_BINARY", release))
}
