//! What a teardown costs when the table is 10 and 100 times as large: 10,000 deletions with 5 executions each burn down among
//! 10,000, 100,000 and 1,000,000 tasks. (What accepting costs stands in P1, what reconciling costs in P8.)

use crate::burn::{Who, rate};
use crate::figures::{Spread, ratios, remark, verdict};
use crate::report::Section;
use crate::stage::Stage;
use anyhow::Result;

const DELETED: i64 = 10_000;

pub async fn run(stage: &Stage, rounds: usize) -> Result<Section> {
    let head = "| tasks | floor, µs a deletion | ours, µs a deletion | to the floor | to 10,000 tasks |";
    let mut section = Section::new(&format!("Cost at 1 ×, 10 ×, 100 ×: {DELETED} deletions burn down"), head);
    let mut first: Option<f64> = None;
    for tasks in [10_000_i64, 100_000, 1_000_000] {
        let (mut floor, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            floor.push(1e6 / rate(stage, Who::Floor, tasks, DELETED).await?);
            ours.push(1e6 / rate(stage, Who::Ours(1), tasks, DELETED).await?);
        }
        let cost = Spread::of(&ours);
        let to_first = cost.median / *first.get_or_insert(cost.median);
        let to_floor = Spread::of(&ratios(&ours, &floor)).show(2);
        let floor = Spread::of(&floor);
        section.row(&format!("| {tasks} | {} | {} | {to_floor} | {to_first:.2} |", floor.show(0), cost.show(0)));
        section.remark(remark(&floor, &format!("{tasks} tasks")));
        if tasks == 1_000_000 {
            section.goal(
                "flat: 100 × the tasks, at most 1.5 × the cost",
                format!("{to_first:.2} ×"),
                verdict(to_first <= 1.5),
            );
        }
    }
    Ok(section)
}
