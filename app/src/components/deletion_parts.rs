//! Parts of a deletion's record: its state in words, what a deletion would remove.

use crate::view;
use crate::words;
use domain::deletion::{DeletionPreview, DeletionState};
use domain::page::HISTORY_CAP;
use leptos::prelude::*;

/// The state of a deletion as a badge.
#[component]
pub fn DeletionBadge(state: DeletionState) -> impl IntoView {
    let (words, tone) = match state {
        DeletionState::Scheduled => ("Scheduled", "badge amber"),
        DeletionState::Running => ("Running", "badge amber"),
        DeletionState::Retrying => ("Retrying", "badge amber"),
        DeletionState::Succeeded => ("Gone", "badge green"),
        DeletionState::Failed => ("Delete failed", "badge red"),
        DeletionState::Undone => ("Undone", "badge grey"),
    };
    view! {
        <span class=tone data-state=state.as_str()>
            {words}
        </span>
    }
}

/// What deleting would stop, let end and remove.
#[component]
pub fn PreviewList(preview: DeletionPreview) -> impl IntoView {
    let not = match preview.next_runs.as_slice() {
        [] => "nothing is planned".to_owned(),
        [only] => format!("the run of {}", words::wall_clock(&only.local)),
        [next, ..] => format!("runs from {} on", words::wall_clock(&next.local)),
    };
    let in_flight = match (preview.in_flight, preview.drain_seconds) {
        (0, _) => "none".to_owned(),
        (runs, 0) => format!("{}, cancelled at once", words::count(runs, "run")),
        (runs, seconds) => format!("{}, may end within {seconds} s", words::count(runs, "run")),
    };
    let waiting = (preview.waiting > 0).then(|| {
        let runs = words::count(preview.waiting, "run");
        view! {
            <dt>"Waiting, will be cancelled"</dt>
            <dd>{runs}</dd>
        }
    });
    let has_more_runs = preview.executions >= HISTORY_CAP;
    // Lines are counted of the runs that were counted.
    let has_more_lines = has_more_runs || preview.execution_logs >= HISTORY_CAP;
    let runs = words::history(preview.executions, has_more_runs, "run");
    let history = format!("{runs}, {}", words::history(preview.execution_logs, has_more_lines, "log line"));
    let undo = match preview.undo_window_seconds {
        0 => "not possible".to_owned(),
        seconds => format!("for {}", words::duration(chrono::TimeDelta::seconds(seconds.into()))),
    };
    view! {
        <dl class="facts">
            <dt>"Will not happen"</dt>
            <dd>{not}</dd>
            <dt>"In flight"</dt>
            <dd>{in_flight}</dd>
            {waiting}
            <dt>"History removed"</dt>
            <dd>{history}</dd>
            <dt>"Undo"</dt>
            <dd>{undo}</dd>
        </dl>
    }
}
