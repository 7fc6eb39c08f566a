#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! `xtask sqlx`: renews the committed `.sqlx`, against which every build checks its queries.
//! Only `backend` sees the database: its `sqlx.toml` names `SEXTON_SQLX_URL`, so apalis-postgres
//! keeps to the data that it brings along.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::postgres::{Kind, Postgres};
use crate::{cargo, process, repo, setup};

/// File names and contents of a `.sqlx` folder.
type Queries = BTreeMap<String, Vec<u8>>;

/// Makes `.sqlx` what the queries and the migrations say now.
pub fn renew() -> Result<()> {
    let fresh = prepare()?;
    let dir = committed();
    fs::create_dir_all(&dir)?;
    for name in read(&dir)?.keys().filter(|name| !fresh.contains_key(*name)) {
        fs::remove_file(dir.join(name))?;
    }
    for (name, bytes) in &fresh {
        fs::write(dir.join(name), bytes)?;
    }
    println!("sqlx: {} queries in .sqlx", fresh.len());
    Ok(())
}

/// Fails where the committed `.sqlx` is not what [`renew`] would write.
pub fn check() -> Result<()> {
    let (fresh, old) = (prepare()?, read(&committed())?);
    let stale =
        fresh.iter().filter(|(name, bytes)| old.get(*name).map(Vec::as_slice) != Some(bytes.as_slice())).count();
    let left_over = old.keys().filter(|name| !fresh.contains_key(*name)).count();
    if stale + left_over > 0 {
        bail!(
            ".sqlx is out of date ({stale} missing or changed, {left_over} left over): run `make sqlx` and commit it"
        );
    }
    println!("sqlx: .sqlx is up to date ({} queries)", fresh.len());
    Ok(())
}

fn committed() -> PathBuf {
    repo::root().join(".sqlx")
}

/// Describes every query of `backend` against the migrations, into a folder of its own.
fn prepare() -> Result<Queries> {
    setup::setup(setup::For::Running)?;
    let postgres = Postgres::start(Kind::Throwaway)?;
    for file in migrations()? {
        postgres.apply(&file)?;
    }
    let out = repo::target().join("xtask/sqlx");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out)?;
    compile_backend(&postgres.url(), &out)?;
    read(&out)
}

/// The migrations of the repository in the order of their names, which start with their dates.
fn migrations() -> Result<Vec<PathBuf>> {
    let dir = repo::root().join("migrations");
    let entries = fs::read_dir(&dir).context("could not read migrations/")?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    // What changes apalis' schema needs that schema, and no checked query reads it.
    files.retain(|file| fs::read_to_string(file).is_ok_and(|sql| !sql.contains("apalis.jobs")));
    files.sort();
    Ok(files)
}

/// The macros write while they expand, so `backend` must compile even where cargo sees no change.
/// Its source gets a new time for that, and the old one back: no other build notices.
fn compile_backend(url: &str, out: &Path) -> Result<()> {
    let source = repo::root().join("backend/src/lib.rs");
    let file = fs::File::options().append(true).open(&source).context("backend/src/lib.rs is missing")?;
    let (before, touched) = (file.metadata()?.modified()?, SystemTime::now());
    file.set_modified(touched)?;
    let mut command = cargo::command(&["check", "--quiet", "--package", "backend", "--all-targets"]);
    command.env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", out).env("SEXTON_SQLX_URL", url);
    let compiled = process::run(&mut command);
    if file.metadata()?.modified()? == touched {
        file.set_modified(before)?;
    }
    compiled
}

fn read(dir: &Path) -> Result<Queries> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(Queries::new()) };
    let mut queries = Queries::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            queries.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(queries)
}
