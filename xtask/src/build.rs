//! `xtask build`: the site, then the server that embeds it.
//! `frontend` turns on leptos' `hydrate` and `server` its `ssr`, so they are never one cargo command.

use anyhow::{Context, Result, bail};

use crate::{cargo, process, repo, site};

/// What to build, and how carefully.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// An optimised server with the site inside.
    pub release: bool,
    /// A large but quickly built WASM without compression, for an edit loop.
    pub dev_wasm: bool,
    /// A server with the points at which tests make it fail; never together with `release`.
    pub faults: bool,
}

impl Options {
    /// Reads the flags of `xtask build`.
    pub fn parse(flags: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        for flag in flags {
            match *flag {
                "--release" => options.release = true,
                "--dev-wasm" => options.dev_wasm = true,
                _ => bail!("unknown flag `{flag}`: build takes --release and --dev-wasm"),
            }
        }
        Ok(options)
    }
}

/// Builds everything. A release server embeds the site while it compiles, so the site comes first;
/// a dev server reads it at run time, so both compile at the same time.
pub fn build(options: Options) -> Result<()> {
    std::fs::create_dir_all(repo::site().join("pkg")).context("could not create target/site")?;
    if options.release {
        compile_wasm(options)?;
        site::publish(options.dev_wasm)?;
        return compile_server(options);
    }
    std::thread::scope(|scope| {
        let server = scope.spawn(|| compile_server(options));
        let site = compile_wasm(options).and_then(|()| site::publish(options.dev_wasm));
        let server = server.join().unwrap_or_else(|_| bail!("the build of the server panicked"));
        site.and(server)
    })
}

/// A release with the programs that measure it: in one cargo command, so that what they share is compiled once.
pub fn build_measured() -> Result<()> {
    std::fs::create_dir_all(repo::site().join("pkg")).context("could not create target/site")?;
    compile_wasm(Options::default())?;
    site::publish(false)?;
    compile(&["--release", "--package", "server", "--package", "bench"])
}

fn compile_server(options: Options) -> Result<()> {
    let release: &[&str] = if options.release { &["--release"] } else { &[] };
    let faults: &[&str] = if options.faults { &["--features", "faults"] } else { &[] };
    compile(&[&["--package", "server"], release, faults].concat())
}

fn compile(what: &[&str]) -> Result<()> {
    let mut command = cargo::command(&["build"]);
    process::run(command.args(what).env("CARGO_TERM_PROGRESS_WHEN", "never"))
}

/// `--crate-type cdylib`: beside an rlib, cargo would leave link-time optimisation out. Flags of the environment would take
/// the place of those in `.cargo/config.toml`, without which what becomes a trap could be needed.
fn compile_wasm(options: Options) -> Result<()> {
    let profile = if options.dev_wasm { "dev" } else { "wasm" };
    let mut command = cargo::command(&["rustc", "--package", "frontend", "--lib"]);
    command.args(["--target", "wasm32-unknown-unknown", "--profile", profile]);
    command.args(["--crate-type", "cdylib"]).env("CARGO_TERM_PROGRESS_WHEN", "never");
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut command)
}
