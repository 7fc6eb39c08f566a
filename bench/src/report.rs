//! The tables: printed as they are measured, kept in `bench/results.json`, and from there written to `bench/RESULTS.md` and
//! `docs/bench.svg`. A benchmark that runs alone replaces its own section and leaves the others.

use crate::stage::Stage;
use crate::{ALL, machine, plot};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

const KEPT: &str = "bench/results.json";
/// Written by people: what limits a goal that is missed, and what was tried.
const NOTES: &str = "bench/NOTES.md";

/// One benchmark's result.
#[derive(Serialize, Deserialize)]
pub struct Section {
    title: String,
    head: String,
    rows: Vec<String>,
    goals: Vec<[String; 3]>,
    notes: Vec<String>,
    remarks: Vec<String>,
    pub bars: Vec<Bar>,
    /// Commit, rounds, machine, settings.
    measured: String,
}

/// One bar of a chart.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bar {
    pub chart: String,
    pub label: String,
    pub value: f64,
}

impl Section {
    pub fn new(title: &str, head: &str) -> Self {
        println!("\n{title}\n{head}");
        let (title, head) = (title.to_owned(), head.to_owned());
        let (rows, goals, notes, remarks, bars) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { title, head, rows, goals, notes, remarks, bars, measured: String::new() }
    }

    pub fn row(&mut self, row: &str) {
        println!("{row}");
        self.rows.push(row.to_owned());
    }

    pub fn goal(&mut self, goal: &str, figure: String, verdict: &str) {
        println!("goal {goal}: {figure}, {}", verdict.trim_matches('*'));
        self.goals.push([goal.to_owned(), figure, verdict.to_owned()]);
    }

    pub fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    pub fn remark(&mut self, remark: Option<String>) {
        if let Some(remark) = remark {
            println!("{remark}");
            self.remarks.push(remark);
        }
    }

    pub fn bar(&mut self, chart: &str, label: &str, value: f64) {
        self.bars.push(Bar { chart: chart.to_owned(), label: label.replace('*', ""), value });
    }

    fn render(&self) -> String {
        let columns = |head: &str| format!("{head}\n|{}\n", "---|".repeat(head.matches('|').count().saturating_sub(1)));
        let mut text = format!("## {}\n\n{}{}\n", self.title, columns(&self.head), self.rows.join("\n"));
        if !self.goals.is_empty() {
            let _ = write!(text, "\n{}", columns("| goal | measured | |"));
            for [goal, figure, verdict] in &self.goals {
                let _ = writeln!(text, "| {goal} | {figure} | {verdict} |");
            }
        }
        for line in self.remarks.iter().map(|remark| format!("**{remark}**")).chain(self.notes.iter().cloned()) {
            let _ = write!(text, "\n{line}\n");
        }
        let _ = write!(text, "\n{}\n\n", self.measured);
        text
    }
}

/// What has been measured, by the name of the benchmark.
pub struct Report {
    sections: BTreeMap<String, Section>,
    measured: String,
}

impl Report {
    /// Goes on from what is kept.
    pub async fn open(stage: &Stage, rounds: usize) -> Result<Self> {
        let sections = match fs::read_to_string(KEPT) {
            Ok(text) => serde_json::from_str(&text).with_context(|| format!("{KEPT} cannot be read: remove it"))?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Self { sections, measured: machine::describe(stage, rounds).await? })
    }

    /// Keeps one benchmark's result and writes everything anew.
    pub fn keep(&mut self, name: &str, mut section: Section) -> Result<()> {
        section.measured = self.measured.clone();
        self.sections.insert(name.to_owned(), section);
        fs::write(KEPT, serde_json::to_string_pretty(&self.sections)? + "\n")?;
        fs::write("bench/RESULTS.md", self.render())?;
        let bars = self.in_order().flat_map(|section| section.bars.iter().cloned()).collect::<Vec<_>>();
        fs::write("docs/bench.svg", plot::draw(&bars))?;
        println!("kept in bench/RESULTS.md");
        Ok(())
    }

    fn in_order(&self) -> impl Iterator<Item = &Section> {
        ALL.iter().filter_map(|name| self.sections.get(*name))
    }

    fn render(&self) -> String {
        let mut text = String::from(
            "# Results\n\nWritten by `make bench` (`make bench ARGS=\"p2 p4\"` for some), but for the last section. A figure is the median of its \
             rounds with the smallest and the largest, a ratio is taken within each round; floor, ours and the peers in turn.\n\n\
             ![Burn down and latency beside other queues](../docs/bench.svg)\n\n",
        );
        for section in self.in_order() {
            text += &section.render();
        }
        text + &fs::read_to_string(NOTES).unwrap_or_default()
    }
}
