#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! Programs of Python: each in a virtual environment in cargo's output folder, with the versions that its requirements pin.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, repo, setup};

/// The Python of the environment of this name, made anew when the requirements change.
pub fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let shown = requirements.strip_prefix(repo::root()).unwrap_or(requirements).display();
    let wanted = std::fs::read(requirements).with_context(|| format!("{shown} is missing"))?;
    let venv = repo::target().join(format!("{name}-python-{}", repo::short_hash(&[&wanted])));
    let (python, stamp) = (venv.join("bin/python"), venv.join("installed"));
    if !stamp.exists() {
        setup::python()?;
        println!("setup: installing {shown}");
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        process::run(pip.arg(requirements))?;
        std::fs::write(stamp, "").context("the virtual environment cannot be marked")?;
    }
    Ok(python)
}
