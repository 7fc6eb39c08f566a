//! The table: printed, and kept in `bench/RESULTS.md` when everything was measured.

use crate::stage::Stage;
use anyhow::Result;
use std::fmt::Write as _;
use std::process::Command;

/// What was measured so far.
pub struct Report {
    text: String,
}

/// The median, the smallest and the largest of a few figures.
pub struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |share: f64| {
            figures.get((share * (figures.len().max(1) - 1) as f64).round() as usize).copied().unwrap_or(0.0)
        };
        Self { median: at(0.5), min: at(0.0), max: at(1.0) }
    }

    pub fn show(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.min, self.max)
    }

    /// True when the machine was too noisy to believe the figure.
    pub fn is_spoiled(&self) -> bool {
        self.max - self.min > 0.15 * 2.0 * self.median
    }
}

impl Report {
    pub async fn new(stage: &Stage) -> Result<Self> {
        let setting = |name: &'static str| async move {
            sqlx::query_scalar::<_, String>("SELECT current_setting($1)").bind(name).fetch_one(&stage.pool).await
        };
        let mut text = String::from(
            "# Results\n\n`make bench`; each figure is the median of its rounds, with the smallest and the largest.\n\n",
        );
        let commit = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output()?;
        let cpus = std::thread::available_parallelism()?;
        writeln!(
            text,
            "Commit {}, {cpus} cores shared by everything, Postgres {}, fsync {}, synchronous_commit {}, full_page_writes {}, shared_buffers {}.\n",
            String::from_utf8_lossy(&commit.stdout).trim(),
            setting("server_version").await?,
            setting("fsync").await?,
            setting("synchronous_commit").await?,
            setting("full_page_writes").await?,
            setting("shared_buffers").await?
        )?;
        Ok(Self { text })
    }

    pub fn section(&mut self, title: &str, head: &str) {
        let columns = head.matches('|').count().saturating_sub(1);
        let _ = writeln!(self.text, "## {title}\n\n{head}\n|{}", "---|".repeat(columns));
        println!("\n{title}\n{head}");
    }

    pub fn row(&mut self, row: &str) {
        let _ = writeln!(self.text, "{row}");
        println!("{row}");
    }

    /// Keeps the table when it is complete.
    pub fn write(&self, complete: bool) -> Result<()> {
        if complete {
            std::fs::write("bench/RESULTS.md", &self.text)?;
            println!("\nkept in bench/RESULTS.md");
        }
        Ok(())
    }
}
