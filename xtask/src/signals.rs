//! What happens on Ctrl-C and SIGTERM: a server that runs for us is asked to end, and otherwise
//! every Postgres that we started is stopped before we go. One place, because a process has one
//! set of signal handlers.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::postgres::Cluster;

#[derive(Default)]
struct State {
    child: Option<Pid>,
    asked: bool,
    clusters: Vec<Cluster>,
}

static STATE: Mutex<State> = Mutex::new(State { child: None, asked: false, clusters: Vec::new() });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts to watch for signals; once is enough.
pub fn watch() -> Result<()> {
    static STARTED: Once = Once::new();
    let mut result = Ok(());
    STARTED.call_once(|| result = start());
    result
}

fn start() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("could not watch for signals")?;
    thread::spawn(move || {
        for signal in signals.forever() {
            handle(signal);
        }
    });
    Ok(())
}

fn handle(signal: i32) {
    let mut state = state();
    if let Some(child) = state.child {
        // Who asks twice means it.
        let how = if state.asked { Signal::SIGKILL } else { Signal::SIGTERM };
        state.asked = true;
        let _ = kill(child, how);
        return;
    }
    for cluster in state.clusters.drain(..) {
        cluster.stop();
    }
    std::process::exit(128 + signal);
}

/// From now on signals are passed on to this process.
pub fn pass_to(child: u32) {
    state().child = i32::try_from(child).ok().map(Pid::from_raw);
}

/// The process that signals were passed on to has ended.
pub fn child_ended() {
    state().child = None;
}

/// Notes a Postgres that a signal must stop.
pub fn remember(cluster: Option<Cluster>) {
    state().clusters.extend(cluster);
}

/// The opposite of [`remember`].
pub fn forget(cluster: &Cluster) {
    state().clusters.retain(|other| other.data() != cluster.data());
}
