//! Where things are: the repository, cargo's output, the site that the server embeds.
//! Nothing here is compiled in, so a moved checkout keeps working.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

/// The root of the repository: the parent of the `xtask` package that cargo runs, or else the
/// nearest folder upwards that holds one.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        if let Some(manifest) = std::env::var_os("CARGO_MANIFEST_DIR")
            && let Some(parent) = Path::new(&manifest).parent()
        {
            return parent.to_owned();
        }
        let here = std::env::current_dir().unwrap_or_default();
        let found = here.ancestors().find(|dir| dir.join("xtask/Cargo.toml").exists());
        found.unwrap_or(&here).to_owned()
    })
}

/// Cargo's output folder.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The folder that the server embeds (release) or reads (dev); it does not move with cargo's output.
pub fn site() -> PathBuf {
    root().join("target/site")
}

/// The built server.
pub fn server_binary(release: bool) -> PathBuf {
    target().join(if release { "release" } else { "debug" }).join("sexton")
}

/// The folder of the browser tests.
pub fn end2end() -> PathBuf {
    root().join("end2end")
}

/// A short stable name for some bytes: 16 hexadecimal digits.
pub fn short_hash(parts: &[&[u8]]) -> String {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    format!("{:016x}", hasher.finish())
}

/// Writes a file that only its owner may read; an older one is replaced.
pub fn write_private(file: &Path, text: &str) -> Result<()> {
    let _ = fs::remove_file(file);
    let mut options = fs::OpenOptions::new();
    let mut opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("could not create {}", file.display()))?;
    opened.write_all(text.as_bytes()).with_context(|| format!("could not write {}", file.display()))
}
