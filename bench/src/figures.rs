//! Medians, spreads, percentiles, and how a table shows them.

/// The median, the smallest and the largest of a few figures.
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(figures: &[f64]) -> Self {
        Self { median: percentile(figures, 0.5), min: percentile(figures, 0.0), max: percentile(figures, 1.0) }
    }

    /// `median (min–max)`.
    pub fn show(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.min, self.max)
    }

    /// True when a floor moved so much that the machine was too noisy to believe what stands on it.
    pub fn is_spoiled(&self) -> bool {
        let worst = (self.max - self.median).max(self.median - self.min);
        worst > 0.15 * self.median
    }
}

/// The figure below which this share of them lies; 0 where there are none.
pub fn percentile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

/// Round by round, the one to the other: the machine's mood is the same within a round.
pub fn ratios(these: &[f64], to: &[f64]) -> Vec<f64> {
    these.iter().zip(to).map(|(this, to)| this / to).collect()
}

/// `**yes**` or `**no**`, for a goal.
pub fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "**missed**" }
}

/// What is said below a table whose floor moved.
pub fn remark(floor: &Spread, what: &str) -> Option<String> {
    floor.is_spoiled().then(|| {
        let moved = ((floor.max - floor.min) / floor.median * 100.0).round();
        format!("Spoiled by the machine: the floor of {what} moved by {moved} % between rounds.")
    })
}
