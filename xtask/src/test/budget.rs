#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! How much a browser may have to download, compressed. A page that grows past it fails the tests.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::repo;

/// File name after the hash, and the most bytes that its `.br` may have.
const BUDGETS: [(&str, u64); 3] = [("_bg.wasm", 300_000), (".js", 20_000), (".css", 15_000)];

/// Prints the sizes; one above its budget is an error.
pub fn check() -> Result<()> {
    let pkg = repo::site().join("pkg");
    let name = fs::read_to_string(pkg.join("output-name.txt")).context("the site is not built")?;
    let mut over = Vec::new();
    for (suffix, most) in BUDGETS {
        let file = pkg.join(format!("{name}{suffix}.br"));
        let size = fs::metadata(&file).with_context(|| format!("{} is missing", file.display()))?.len();
        println!("{suffix:>9}: {size:>7} bytes with brotli, at most {most}");
        if size > most {
            over.push(suffix);
        }
    }
    if !over.is_empty() {
        bail!("over the size budget: {}", over.join(", "));
    }
    Ok(())
}
