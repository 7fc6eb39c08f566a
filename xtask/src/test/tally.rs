#![allow(clippy::print_stdout, reason = "a build tool reports to its terminal")]
//! Counting tests: runners write straight to the terminal, and their closing lines are read as
//! they pass.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::process;

/// The sum over all runners, and the steps that failed.
#[derive(Default)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub broken: Vec<String>,
}

impl Tally {
    /// Runs one step and says how long it took; false where it failed.
    pub fn step(&mut self, name: &str, work: impl FnOnce(&mut Self) -> Result<()>) -> bool {
        println!("\n== {name}");
        let (start, failed) = (Instant::now(), self.failed);
        let result = work(self);
        println!("== {name}: {:.1} s", start.elapsed().as_secs_f64());
        let Err(error) = result else { return true };
        self.failed += u64::from(self.failed == failed);
        self.broken.push(format!("{name}: {error:#}"));
        false
    }

    /// Runs a test runner, passes its output on and adds up its closing lines.
    pub fn count(&mut self, command: &mut Command) -> Result<()> {
        let shown = process::shown(command);
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("could not start {shown}"))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = line.context("could not read the output of the tests")?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                self.read(&line);
            }
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("{shown} failed ({status})");
        }
        Ok(())
    }

    /// Understands `test result: ok. 3 passed; 0 failed; …` of cargo and `  3 passed (2.1s)`,
    /// `  1 failed`, `  1 flaky`, `  2 did not run` of Playwright, and `  Tested: 5` of schemathesis: so many operations.
    fn read(&mut self, line: &str) {
        let plain = without_colors(line);
        if let Some((_, counts)) = plain.split_once("test result: ").and_then(|(_, rest)| rest.split_once(". ")) {
            for count in counts.split("; ") {
                self.add(count);
            }
        } else if let Some(operations) = plain.strip_prefix("  Tested: ") {
            self.add(&format!("{operations} passed"));
        } else if plain.starts_with("  ") && !plain.starts_with("   ") {
            self.add(plain.trim());
        }
    }

    fn add(&mut self, count: &str) {
        let Some((number, word)) = count.split_once(' ') else { return };
        let Ok(number) = number.parse::<u64>() else { return };
        match word.split(" (").next() {
            Some("passed") => self.passed += number,
            Some("failed" | "flaky" | "interrupted" | "did not run") => self.failed += number,
            _ => {}
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn without_colors(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut escaped = false;
    for letter in line.chars() {
        match letter {
            '\u{1b}' => escaped = true,
            _ if escaped => escaped = !letter.is_ascii_alphabetic(),
            _ => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn closing_lines_of_cargo_and_playwright_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "  \u{1b}[32m7 passed\u{1b}[39m (4.2s)",
            "  1 failed",
            "    [chromium] › tests/a.spec.ts:3:1 › 5 passed is part of a name",
            "  ✓  1 tests/a.spec.ts:3:1 › a title (1.2s)",
            "  2 did not run",
            "  Tested: \u{1b}[1m5\u{1b}[0m",
        ] {
            tally.read(line);
        }
        assert_eq!(tally.to_string(), "27 passed, 5 failed");
    }
}
