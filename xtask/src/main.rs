//! `cargo xtask <command>`: everything between the sources and a running or tested Sexton, so that
//! no tool has to be built from source first. Called by the Makefile and by people.

mod bench;
mod build;
mod cargo;
mod postgres;
mod process;
mod python;
mod release;
mod repo;
mod run;
mod setup;
mod signals;
mod site;
mod sqlx;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask <command>

  setup [--test]                  install what is missing (--test: the browser tests' tools too)
  build [--release] [--dev-wasm]  build the browser files and the server
  run [args of sexton serve]      build, start Postgres unless DATABASE_URL is set, serve the demo
  test [unit|browser]             lint, test and measure everything, or a part of it
  chaos                           the faults of the tests in their long form (CHAOS_KILLS=3000)
  bench [names] [--rounds N] [--seconds N]
                                  measure beside other queues on a Postgres as safe as in production
  lint                            formatting and clippy for server and browser, warnings denied
  fmt                             format the sources
  sqlx [--check]                  renew (or check) the committed .sqlx
  release                         keep what upgrades from the version in the file RELEASE are tested with";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<ExitCode> {
    match words {
        ["setup"] => setup::setup(setup::For::Running)?,
        ["setup", "--test"] => setup::setup(setup::For::Testing)?,
        ["build", flags @ ..] => build::build(build::Options::parse(flags)?)?,
        ["run", args @ ..] => return run::run(args),
        ["test"] => return test::test(test::Part::All),
        ["test", "unit"] => return test::test(test::Part::Unit),
        ["test", "browser"] => return test::test(test::Part::Browser),
        ["chaos"] => return test::chaos(),
        ["bench", words @ ..] => bench::run(words)?,
        ["lint"] => test::lint()?,
        ["fmt"] => cargo::cargo(&["fmt", "--all"])?,
        ["sqlx"] => sqlx::renew()?,
        ["sqlx", "--check"] => sqlx::check()?,
        ["release"] => release::keep()?,
        [] | ["help" | "--help" | "-h"] => eprintln!("{USAGE}"),
        _ => bail!("unknown command `{}`\n{USAGE}", words.join(" ")),
    }
    Ok(ExitCode::SUCCESS)
}
