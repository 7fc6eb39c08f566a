//! Finding the programs of Postgres 15 or newer. A data folder only works with the major version
//! that made it, so an existing one decides; otherwise the newest wins.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::process;

const OLDEST: u32 = 15;

/// Folders whose children may hold a `bin` folder of Postgres: Debian, Red Hat, Homebrew.
const PARENTS: [&str; 4] = ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"];

/// Whether a Postgres is there that we can use.
pub fn is_installed() -> bool {
    !all().is_empty()
}

/// The folder of the programs for a data folder that may not exist yet.
pub fn find(data: &Path) -> Result<PathBuf> {
    let all = all();
    if let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) {
        let wanted = version.trim();
        let found = all.into_iter().find(|(major, _)| major.to_string() == wanted);
        return found.map(|(_, bin)| bin).ok_or_else(|| {
            anyhow!("{} was made by Postgres {wanted}: install that version, or remove the folder", data.display())
        });
    }
    let newest = all.into_iter().next().map(|(_, bin)| bin);
    newest.with_context(|| format!("no Postgres {OLDEST} or newer found: run `cargo xtask setup`"))
}

/// Every usable installation, newest first.
fn all() -> Vec<(u32, PathBuf)> {
    let mut found: Vec<_> = folders().into_iter().filter_map(|bin| Some((major(&bin)?, bin))).collect();
    found.retain(|(major, _)| *major >= OLDEST);
    found.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    found
}

fn folders() -> Vec<PathBuf> {
    let in_path = ["initdb", "postgres"].into_iter().filter_map(process::find);
    let in_path = in_path.filter_map(|file| Some(file.canonicalize().ok()?.parent()?.to_owned()));
    let children = PARENTS.iter().filter_map(|parent| fs::read_dir(parent).ok()).flatten().flatten();
    let known = children.map(|child| child.path().join("bin"));
    let mut folders: Vec<_> = in_path.chain(known).collect();
    folders.retain(|bin| ["initdb", "postgres", "pg_ctl", "psql"].iter().all(|name| bin.join(name).exists()));
    folders.dedup();
    folders
}

/// The major version out of `postgres (PostgreSQL) 15.14 (Debian …)`.
fn major(bin: &Path) -> Option<u32> {
    let text = process::output_of(Command::new(bin.join("postgres")).arg("--version")).ok()?;
    let version = text.split_whitespace().nth(2)?;
    version.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}
