#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! The last release, which the file `RELEASE` names: its binary, and what the tests of the upgrade need of its sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{cargo, process, repo};

/// What [`keep`] writes.
const KEPT: &str = "backend/tests/usecases/upgrade/release.json";

struct Release {
    version: String,
    commit: String,
    /// Where its sources and its build are.
    home: PathBuf,
}

impl Release {
    fn named() -> Result<Self> {
        let text = fs::read_to_string(repo::root().join("RELEASE")).context("could not read RELEASE")?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).with_context(|| format!("RELEASE has no line {name}"))
        };
        let commit = value("commit ")?;
        Ok(Self { version: value("version ")?, home: repo::target().join("releases").join(&commit), commit })
    }

    /// Its sources, taken out of git once.
    fn sources(&self) -> Result<PathBuf> {
        let sources = self.home.join("sources");
        if !sources.exists() {
            fs::create_dir_all(&self.home)?;
            let (archive, partial) = (self.home.join("sources.tar"), self.home.join("partial"));
            fs::create_dir_all(&partial)?;
            let git = ["archive", "--output", &archive.to_string_lossy(), &self.commit];
            process::run(Command::new("git").current_dir(repo::root()).args(git))?;
            process::run(Command::new("tar").arg("xf").arg(&archive).arg("-C").arg(&partial))?;
            fs::rename(partial, &sources)?;
        }
        Ok(sources)
    }
}

/// Builds the server of the last release and returns its path.
///
/// # Errors
/// When git does not have its commit, or it cannot be built.
pub fn binary() -> Result<PathBuf> {
    let release = Release::named()?;
    let (sources, target) = (release.sources()?, release.home.join("target"));
    let mut build = cargo::command(&["build", "--package", "server", "--bin", "sexton"]);
    process::run(build.current_dir(sources).env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug/sexton"))
}

/// Keeps the checksums of its migrations and its statements for tests, which may run without git.
///
/// # Errors
/// When git does not have its commit.
pub fn keep() -> Result<()> {
    let release = Release::named()?;
    let sources = release.sources()?;
    let mut migrations = BTreeMap::new();
    for file in files(&sources.join("migrations"))? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sum = process::output_of(Command::new("sha384sum").arg(&file))?;
        let (version, sum) = (name.split('_').next().unwrap_or_default(), sum.split(' ').next().unwrap_or_default());
        migrations.insert(version.to_owned(), sum.to_owned());
    }
    let mut statements = Vec::new();
    for file in files(&sources.join(".sqlx"))? {
        let kept: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
        statements.push(kept["query"].clone());
    }
    let (version, commit) = (&release.version, &release.commit);
    let kept = json!({ "version": version, "commit": commit, "migrations": migrations, "statements": statements });
    fs::write(repo::root().join(KEPT), serde_json::to_string_pretty(&kept)? + "\n")?;
    println!(
        "{KEPT} is of {version}; rows.sql beside it is a dump of a database that a server of {version} has filled"
    );
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
