#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! From the compiled `frontend` to JavaScript and WASM for the browser: wasm-bindgen as a library
//! (it must be exactly the locked version of wasm-bindgen), then wasm-opt where npm installed it.
//! The result stays in `target/xtask` with a stamp of its input, so the second build is quick.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use super::unused;
use crate::{process, repo};

/// Features that rustc's WASM uses and wasm-opt would refuse by default.
const FEATURES: [&str; 8] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-call-indirect-overlong",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Small before fast; the shapes of blocks are made anew before that, after which more of them are alike. Then functions of
/// one name, which are much alike, come to stand beside each other: so brotli finds more.
const PASSES: [&str; 6] = [
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--one-caller-inline-max-function-size=200",
    "--reorder-functions-by-name",
];

/// What the browser loads, before it has its final name.
pub struct Glue {
    /// The module that `HydrationScripts` imports.
    pub js: String,
    /// The program.
    pub wasm: Vec<u8>,
    /// JavaScript that dependencies bring along; often missing.
    pub snippets: PathBuf,
}

/// Runs wasm-bindgen and wasm-opt unless the compiled `frontend` is that of the last time.
pub fn bindgen(dev: bool) -> Result<Glue> {
    let profile = if dev { "debug" } else { "wasm" };
    let input = repo::target().join(format!("wasm32-unknown-unknown/{profile}/frontend.wasm"));
    let compiled = fs::read(&input).with_context(|| format!("{} is missing", input.display()))?;
    let optimizer = if dev { None } else { wasm_opt() };
    let how = format!("6 {dev} {}", optimizer.is_some());
    let stamp = repo::short_hash(&[&compiled, how.as_bytes()]);

    let out = repo::target().join("xtask/site");
    if fs::read_to_string(out.join("stamp")).is_ok_and(|last| last == stamp) {
        return read(&out);
    }
    let _ = fs::remove_dir_all(&out);
    generate(&input, &out, optimizer.is_some())?;
    match optimizer {
        Some(program) => optimize(&program, &out.join("sexton_bg.wasm"))?,
        None if dev => {}
        None => println!("site: no wasm-opt, so the WASM is larger than need be (`npm ci` in end2end brings it)"),
    }
    let js = fs::read_to_string(out.join("sexton.js"))?;
    fs::write(out.join("sexton.js"), without_comments(&js))?;
    fs::write(out.join("stamp"), stamp)?;
    read(&out)
}

fn read(out: &Path) -> Result<Glue> {
    let js = fs::read_to_string(out.join("sexton.js")).context("wasm-bindgen left no JavaScript")?;
    let wasm = fs::read(out.join("sexton_bg.wasm")).context("wasm-bindgen left no WASM")?;
    Ok(Glue { js, wasm, snippets: out.join("snippets") })
}

/// With the names of functions where wasm-opt goes by them; it leaves them out itself.
fn generate(input: &Path, out: &Path, names: bool) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).out_name("sexton").typescript(false);
    bindgen.remove_name_section(!names).remove_producers_section(true);
    let mut output = bindgen.web(true).and_then(Bindgen::generate_output).context("wasm-bindgen failed")?;
    unused::trap(output.wasm_mut());
    output.emit(out).context("wasm-bindgen could not write what it made")
}

fn wasm_opt() -> Option<PathBuf> {
    let local = repo::end2end().join("node_modules/.bin/wasm-opt");
    if local.exists() && process::find("node").is_some() {
        return Some(local);
    }
    process::find("wasm-opt")
}

fn optimize(program: &Path, wasm: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.args(PASSES).args(FEATURES).arg(wasm).arg("-o").arg(wasm);
    process::run(&mut command).context("wasm-opt failed; `npm ci` in end2end brings the right version")
}

/// Drops the documentation comments that wasm-bindgen copies into the JavaScript.
fn without_comments(js: &str) -> String {
    let mut inside = false;
    let mut kept = String::with_capacity(js.len());
    for line in js.lines() {
        let text = line.trim_start();
        inside |= text.starts_with("/**");
        if !inside && !text.is_empty() {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !text.trim_end().ends_with("*/");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::without_comments;

    #[test]
    fn documentation_comments_are_dropped_and_code_is_kept() {
        let js = "/**\n * Starts.\n */\nexport function hydrate() {\n\n    wasm.hydrate();\n}\n/** one line */\nlet x = 1;\n";
        let kept = "export function hydrate() {\n    wasm.hydrate();\n}\nlet x = 1;\n";
        assert_eq!(without_comments(js), kept);
    }
}
