#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! The files that the browser downloads: JavaScript, WASM and CSS under one content hash in
//! `target/site/pkg`, with `output-name.txt` for the server and the public files one level up.
//! A file name is never used twice for different content, so the server may cache it for ever.

mod compress;
mod css;
mod unused;
mod wasm;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repo;

/// Makes the site from the compiled `frontend` and `style/`; does nothing where nothing changed.
pub fn publish(dev: bool) -> Result<()> {
    let glue = wasm::bindgen(dev)?;
    let css = css::bundle(&repo::root().join("style/main.css"))?;
    copy_tree(&repo::root().join("style/public"), &repo::site())?;

    let hash = repo::short_hash(&[glue.js.as_bytes(), &glue.wasm, css.as_bytes()]);
    let name = format!("sexton-{hash}");
    let files: [(String, Vec<u8>); 3] = [
        (format!("{name}.js"), glue.js.replace("sexton_bg.wasm", &format!("{name}_bg.wasm")).into_bytes()),
        (format!("{name}_bg.wasm"), glue.wasm),
        (format!("{name}.css"), css.into_bytes()),
    ];
    let pkg = repo::site().join("pkg");
    if !is_complete(&pkg, &name, &files, !dev) {
        for (file, bytes) in &files {
            fs::write(pkg.join(file), bytes).with_context(|| format!("could not write {file}"))?;
        }
        if !dev {
            compress::compress(&pkg, &files)?;
        }
        println!("site: {name} ({} kB of WASM)", files[1].1.len() / 1000);
    }
    copy_tree(&glue.snippets, &pkg.join("snippets"))?;
    // The name comes last: a server that reads it finds all files.
    write_changed(&pkg.join("output-name.txt"), name.as_bytes())?;
    remove_others(&pkg, &name)
}

fn is_complete(pkg: &Path, name: &str, files: &[(String, Vec<u8>)], compressed: bool) -> bool {
    let named = fs::read_to_string(pkg.join("output-name.txt")).is_ok_and(|last| last == name);
    named
        && files.iter().all(|(file, _)| {
            pkg.join(file).exists() && (!compressed || compress::names(file).iter().all(|name| pkg.join(name).exists()))
        })
}

/// Removes what an earlier build left under another hash.
fn remove_others(pkg: &Path, name: &str) -> Result<()> {
    for entry in fs::read_dir(pkg)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.starts_with("sexton-") && !file.starts_with(name) {
            fs::remove_file(entry.path()).with_context(|| format!("could not remove {file}"))?;
        }
    }
    Ok(())
}

/// Copies a folder that may not exist.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    fs::create_dir_all(to).with_context(|| format!("could not create {}", to.display()))?;
    for entry in entries {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            write_changed(&target, &fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Leaves a file alone that is the same: a release embeds it, and cargo goes by its time.
fn write_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|last| last == bytes) {
        return Ok(());
    }
    fs::write(file, bytes).with_context(|| format!("could not write {}", file.display()))
}
