//! Ends of executions by the day, as a drawing with a table for those who do not see it.

use crate::view;
use crate::words;
use domain::execution::DayCounts;
use leptos::prelude::*;

/// So many days are drawn.
pub const DAYS: u32 = 30;
/// Width of a day and of its bar, and the height of the drawing, in its own units.
const SLOT: usize = 20;
const BAR: usize = 14;
const HEIGHT: i64 = 120;
/// What happened once among many is seen all the same.
const LEAST: i64 = 3;

/// The numbers of several days together.
pub fn total(days: &[DayCounts]) -> DayCounts {
    days.iter().fold(DayCounts::default(), |sum, day| DayCounts {
        day: String::new(),
        success: sum.success + day.success,
        failed: sum.failed + day.failed,
        cancelled: sum.cancelled + day.cancelled,
        skipped: sum.skipped + day.skipped,
    })
}

/// The drawing, what its colours mean, and the table.
pub fn chart(days: &[DayCounts]) -> AnyView {
    let most = days.iter().map(ended).max().unwrap_or_default();
    if most == 0 {
        return view! { <p class="sub">"Nothing has ended in these days."</p> };
    }
    let sum = total(days);
    let about = format!(
        "{} OK, {} failed, {} cancelled, {} skipped; at most {most} in a day.",
        sum.success, sum.failed, sum.cancelled, sum.skipped
    );
    let width = SLOT * days.len();
    let bars = days.iter().enumerate().map(|(place, day)| bar(place, day, most)).collect_view();
    let key = |tone: &'static str, words: &'static str, number: i64| {
        view! { <li><i class=tone aria-hidden="true"></i>{words} " " <b>{digits(number)}</b></li> }
    };
    let edge = |day: Option<&DayCounts>| day.map(|day| short(&day.day)).unwrap_or_default();
    view! {
        <figure class="chart">
            <svg viewBox=format!("0 0 {width} {HEIGHT}") preserveAspectRatio="none" role="img" aria-labelledby="chart-title" aria-describedby="chart-about">
                <title id="chart-title">"Executions by the day"</title>
                <desc id="chart-about">{about}</desc>
                {bars}
            </svg>
            <div class="axis" aria-hidden="true">
                <span>{edge(days.first())}</span>
                <span>{format!("at most {} a day", digits(most))}</span>
                <span>{edge(days.last())}</span>
            </div>
            <ul class="key">
                {key("success", "OK", sum.success)}
                {key("failed", "Failed", sum.failed)}
                {key("other", "Cancelled", sum.cancelled)}
                {key("other", "Skipped", sum.skipped)}
            </ul>
            {table(days)}
        </figure>
    }
}

/// One day: what ended well at the bottom, what failed above it.
fn bar(place: usize, day: &DayCounts, most: i64) -> AnyView {
    let x = (place * SLOT + (SLOT - BAR) / 2).to_string();
    let scale = |number: i64| if number == 0 { 0 } else { (number * (HEIGHT - 3 * LEAST) / most).max(LEAST) };
    let mut top = HEIGHT;
    let mut part = |class: &'static str, number: i64| {
        let height = scale(number);
        top -= height;
        let (x, y) = (x.clone(), top.to_string());
        (height > 0).then(|| view! { <rect class=class x=x y=y width=BAR.to_string() height=height.to_string() /> })
    };
    let parts = (part("success", day.success), part("failed", day.failed), part("other", day.cancelled + day.skipped));
    let said = format!("{}: {} OK, {} failed, {} cancelled or skipped", short(&day.day), day.success, day.failed, {
        day.cancelled + day.skipped
    });
    view! {
        <g>
            <title>{said}</title>
            <rect class="day" x=(place * SLOT).to_string() y="0" width=SLOT.to_string() height=HEIGHT.to_string() />
            {parts}
        </g>
    }
}

fn table(days: &[DayCounts]) -> AnyView {
    let row = |day: &DayCounts| {
        view! {
            <tr>
                <th scope="row">{day.day.clone()}</th>
                <td>{day.success}</td>
                <td>{day.failed}</td>
                <td>{day.cancelled}</td>
                <td>{day.skipped}</td>
            </tr>
        }
    };
    view! {
        <div class="visually-hidden">
            <table>
                <caption>"Executions by the day"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Day"</th>
                        <th scope="col">"OK"</th>
                        <th scope="col">"Failed"</th>
                        <th scope="col">"Cancelled"</th>
                        <th scope="col">"Skipped"</th>
                    </tr>
                </thead>
                <tbody>{days.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn ended(day: &DayCounts) -> i64 {
    day.success + day.failed + day.cancelled + day.skipped
}

/// "9,820".
pub fn digits(number: i64) -> String {
    words::count(number, "").trim_end_matches([' ', 's']).to_owned()
}

/// "24 Nov" of "2026-11-24".
fn short(day: &str) -> String {
    chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d")
        .map_or_else(|_| day.to_owned(), |day| day.format("%-d %b").to_string())
}
