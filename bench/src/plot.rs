//! The picture in the README: horizontal bars on a logarithmic scale, one chart below the other, on a card that is legible on
//! light and dark pages.

use crate::report::Bar;
use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
/// Where bars begin and where the longest ends; behind it stands its figure.
const LEFT: f64 = 330.0;
const RIGHT: f64 = 770.0;
const ROW: f64 = 26.0;
const TITLE: f64 = 44.0;

/// Whose figure a bar shows, in the order in which they stand.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Floor,
    Ours,
    Peer,
}

fn kind(bar: &Bar) -> Kind {
    match bar.label.split([',', ':']).next() {
        Some("floor") => Kind::Floor,
        Some("ours") => Kind::Ours,
        _ => Kind::Peer,
    }
}

/// Draws the bars, grouped by their charts in the order in which they come.
pub fn draw(bars: &[Bar]) -> String {
    let mut charts: Vec<&str> = Vec::new();
    for bar in bars {
        if !charts.contains(&bar.chart.as_str()) {
            charts.push(&bar.chart);
        }
    }
    let (mut body, mut y) = (String::new(), 12.0);
    for chart in charts {
        let mut these: Vec<&Bar> = bars.iter().filter(|bar| bar.chart == chart).collect();
        these.sort_by_key(|bar| kind(bar));
        y = draw_chart(&mut body, chart, &these, y);
    }
    let height = y + 12.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// Draws one chart from `top` on; answers where it ends.
fn draw_chart(body: &mut String, title: &str, bars: &[&Bar], top: f64) -> f64 {
    let most = bars.iter().map(|bar| bar.value).fold(1.0, f64::max);
    let least = bars.iter().map(|bar| bar.value).fold(most, f64::min).max(0.1);
    let (low, high) = (least.log10().floor(), most.log10());
    let place = |value: f64| LEFT + (RIGHT - LEFT) * (value.max(0.1).log10() - low) / (high - low).max(0.1);
    let end = top + TITLE + ROW * bars.len() as f64;
    let _ = writeln!(
        body,
        "<text x=\"20\" y=\"{}\" font-size=\"15\" font-weight=\"600\" fill=\"#1f2430\">{} (logarithmic)</text>",
        top + 22.0,
        escape(title)
    );
    for power in low as i32..=high.floor() as i32 {
        let (x, value) = (place(10_f64.powi(power)), 10_f64.powi(power));
        let _ = writeln!(
            body,
            "<line x1=\"{x:.0}\" x2=\"{x:.0}\" y1=\"{}\" y2=\"{end}\" stroke=\"#d9dde5\"/>",
            top + TITLE - 4.0
        );
        let _ = writeln!(
            body,
            "<text x=\"{x:.0}\" y=\"{}\" font-size=\"11\" fill=\"#5b6270\" text-anchor=\"middle\">{}</text>",
            top + TITLE - 8.0,
            figure(value)
        );
    }
    for (number, bar) in bars.iter().enumerate() {
        draw_bar(body, bar, top + TITLE + ROW * number as f64, place(bar.value));
    }
    end + 8.0
}

fn draw_bar(body: &mut String, bar: &Bar, y: f64, x: f64) {
    let fill = match kind(bar) {
        Kind::Floor => "#8b93a3",
        Kind::Ours => "#2f6feb",
        Kind::Peer => "#c28a2b",
    };
    let (width, text) = ((x - LEFT).max(2.0), y + 17.0);
    let _ = writeln!(
        body,
        "<text x=\"{}\" y=\"{text}\" fill=\"#1f2430\" text-anchor=\"end\">{}</text>",
        LEFT - 10.0,
        escape(&bar.label)
    );
    let _ = writeln!(
        body,
        "<rect x=\"{LEFT}\" y=\"{}\" width=\"{width:.0}\" height=\"18\" rx=\"2\" fill=\"{fill}\"/>",
        y + 4.0
    );
    let _ = writeln!(
        body,
        "<text x=\"{:.0}\" y=\"{text}\" fill=\"#1f2430\">{}</text>",
        LEFT + width + 6.0,
        figure(bar.value)
    );
}

/// A figure with thousands apart, one decimal where it is small.
fn figure(value: f64) -> String {
    if value < 100.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
