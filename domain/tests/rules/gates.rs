//! Runs that wait while the group of their task is closed.

use crate::at;
use domain::group::{Gate, Override, Window};
use domain::task::RunState;

#[test]
fn a_run_waits_for_its_group_as_long_as_it_may() {
    let (night, recorded) = (Window::parse("UTC", Some("22:00"), Some("04:00")).unwrap(), "2026-11-30");
    let stopped = |until: Option<&str>| Some(Override { state: RunState::NotRunning, until: until.map(at) });
    let started = Some(Override { state: RunState::Running, until: Some(at("2026-11-30T22:00:00Z")) });
    let closed = |moment: &str| Gate::Closed(at(&format!("{recorded}T{moment}:00Z")));
    let over = Gate::Over("Its task group was closed (open 22:00–04:00 UTC), and did not open in time.".to_owned());
    let was_stopped = Gate::Over("Its task group was stopped, and was not started again in time.".to_owned());
    // By hand; now; until when it may wait; whether somebody asked for it; what comes of it.
    let table = [
        (None, "23:00", "23:59", false, Gate::Open),
        (None, "03:59", "09:00", false, Gate::Open),
        (None, "04:00", "09:00", false, closed("09:00")),
        (None, "17:00", "23:00", false, closed("22:00")),
        (None, "09:00", "09:00", false, over.clone()),
        (None, "10:00", "09:00", false, over),
        (None, "23:00", "09:00", false, Gate::Open),
        (None, "12:00", "13:00", true, Gate::Open),
        (None, "12:00", "09:00", true, Gate::Open),
        (started, "12:00", "13:00", false, Gate::Open),
        (stopped(None), "23:00", "23:30", false, closed("23:30")),
        (stopped(None), "23:30", "23:30", false, was_stopped.clone()),
        (stopped(None), "12:00", "13:00", true, closed("13:00")),
        (stopped(None), "13:00", "13:00", true, was_stopped),
        (stopped(Some("2026-11-30T12:30:00Z")), "12:00", "13:00", true, closed("12:30")),
        (stopped(Some("2026-11-30T22:00:00Z")), "12:00", "23:00", false, closed("22:00")),
        (stopped(Some("2026-11-30T12:30:00Z")), "12:30", "13:00", true, Gate::Open),
    ];
    for (by_hand, now, give_up, is_manual, expected) in table {
        let (now, give_up) = (at(&format!("{recorded}T{now}:00Z")), at(&format!("{recorded}T{give_up}:00Z")));
        let gate = night.clone().with_override(by_hand).gate(now, give_up, is_manual);
        assert_eq!(gate, expected, "{by_hand:?} at {now} until {give_up}");
    }
}
