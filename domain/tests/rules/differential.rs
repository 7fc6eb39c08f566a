//! Random expressions beside another implementation: cronsim, which follows Debian's cron. `differential/make.py` made the table.

use crate::{cron_config, parse};
use chrono::DateTime;

const TABLE: &str = include_str!("differential/cronsim.tsv");

#[test]
fn random_expressions_run_when_another_implementation_says_so() {
    let mut differences = Vec::new();
    for line in TABLE.lines() {
        let [expression, zone, from, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let schedule =
            parse(&cron_config(expression, zone)).unwrap_or_else(|errors| panic!("{expression}: {errors:?}"));
        let from = DateTime::from_timestamp(from.parse().unwrap(), 0).unwrap();
        let runs = std::iter::successors(schedule.next_after(from), |run| schedule.next_after(*run));
        let runs: Vec<_> = runs.take(4).map(|run| run.timestamp().to_string()).collect();
        if runs.join(",") != expected {
            differences.push(format!("{expression} in {zone} after {from}: {} instead of {expected}", runs.join(",")));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
