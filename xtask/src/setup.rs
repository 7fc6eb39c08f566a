#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! `xtask setup`: installs what is missing, silently done where nothing is. Packages come from
//! apt as root on Debian and Ubuntu; elsewhere one line says what to install.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;

use crate::{postgres, process, repo};

const WASM: &str = "wasm32-unknown-unknown";
const OLDEST_NODE: u32 = 20;

/// What the machine must be able to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Compile server and site.
    Building,
    /// Also run a Postgres.
    Running,
    /// Also run the tests of Rust: one of them signs in at an issuer that runs on Node.js.
    TestingRust,
    /// Also run the browser tests.
    Testing,
}

/// Makes the machine ready.
pub fn setup(what: For) -> Result<()> {
    wasm_target()?;
    if what != For::Building {
        postgres_server()?;
    }
    if what == For::Testing && chromium().is_none() {
        apt(&["chromium", "fonts-liberation"], "Chromium (or set CHROMIUM to the program of a Chrome)")?;
    }
    if matches!(what, For::TestingRust | For::Testing) {
        node()?;
        npm_packages(&repo::end2end())?;
    }
    Ok(())
}

/// The browser for the tests: CHROMIUM, or what is installed.
pub fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let mac = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    names.into_iter().find_map(process::find).or_else(|| mac.exists().then_some(mac))
}

fn wasm_target() -> Result<()> {
    let sysroot = process::output_of(Command::new("rustc").args(["--print", "sysroot"]).current_dir(repo::root()))?;
    if PathBuf::from(sysroot).join("lib/rustlib").join(WASM).join("lib").exists() {
        return Ok(());
    }
    println!("setup: adding the Rust target {WASM}");
    let mut rustup = Command::new("rustup");
    process::run(rustup.args(["target", "add", WASM]).current_dir(repo::root()))
        .with_context(|| format!("the Rust target {WASM} is missing and rustup could not add it"))
}

fn postgres_server() -> Result<()> {
    if postgres::is_installed() {
        return Ok(());
    }
    let name = "the server of PostgreSQL 15 or newer (or set DATABASE_URL to a database that you have)";
    apt(&["postgresql"], name)?;
    if !postgres::is_installed() {
        bail!("the PostgreSQL of this system is older than 15: install {name}");
    }
    Ok(())
}

/// Node.js with npm.
pub fn node() -> Result<()> {
    let wanted = format!("Node.js {OLDEST_NODE} or newer, with npm");
    if process::find("node").is_none() || process::find("npm").is_none() {
        apt(&["nodejs", "npm"], &wanted)?;
    }
    let version = process::output_of(Command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major < Some(OLDEST_NODE) {
        bail!("this is Node.js {version}: install {wanted}");
    }
    Ok(())
}

/// Python with what makes virtual environments.
pub fn python() -> Result<()> {
    let mut command = Command::new("python3");
    let is_there = command.args(["-c", "import ensurepip, venv"]).status().is_ok_and(|status| status.success());
    if is_there { Ok(()) } else { apt(&["python3", "python3-venv"], "Python 3.10 or newer, with venv") }
}

/// `npm ci` in `dir`, where the lock file is not the one that was installed.
pub fn npm_packages(dir: &Path) -> Result<()> {
    let lock = fs::read(dir.join("package-lock.json")).with_context(|| format!("{} has no lock", dir.display()))?;
    let stamp = dir.join("node_modules/.installed");
    let hash = repo::short_hash(&[&lock]);
    if fs::read_to_string(&stamp).is_ok_and(|last| last == hash) {
        return Ok(());
    }
    println!("setup: installing the packages of {}", dir.strip_prefix(repo::root()).unwrap_or(dir).display());
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(dir);
    process::run(npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
    fs::write(stamp, hash).context("could not write the stamp of npm ci")
}

/// Installs Debian packages as root; says in one line what is missing where that is not possible.
fn apt(packages: &[&str], what: &str) -> Result<()> {
    if !geteuid().is_root() || process::find("apt-get").is_none() {
        bail!("install {what}; on Debian: sudo apt-get install {}", packages.join(" "));
    }
    println!("setup: installing {}", packages.join(", "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    process::run(apt().args(["update", "-qq"]))?;
    process::run(apt().args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages))
}
