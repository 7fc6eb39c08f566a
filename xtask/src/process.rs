//! Running other programs: one way to say what failed, one way to find a program.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

/// Runs a command with our own input and output; an exit code other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a command and returns what it wrote to its standard output, trimmed. What it wrote to
/// standard error becomes part of the error.
pub fn output_of(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.output().with_context(|| format!("could not start {}", shown(command)))?;
    if !status.success() {
        let reason = String::from_utf8_lossy(&stderr);
        bail!("{} failed ({status}): {}", shown(command), reason.trim());
    }
    Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
}

/// The first executable of that name in PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Program and first arguments, for messages.
pub fn shown(command: &Command) -> String {
    let args = command.get_args().map(OsStr::to_string_lossy).take(4);
    let name = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    std::iter::once(name.to_string_lossy()).chain(args).collect::<Vec<_>>().join(" ")
}
