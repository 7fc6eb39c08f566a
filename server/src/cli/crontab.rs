//! Crontabs: what stands in one becomes drafts of tasks, and a reason for each line that cannot be one. Pure.
//!
//! Invariant: every line is either a draft, a reason, a remark, or nothing (blank, a comment, a zone); a draft runs when cron
//! would have run the line, in the zone that is in force there.

pub mod column;
mod entry;
pub mod fields;
pub mod name;
mod shell;
#[cfg(test)]
mod tests;

use super::found::{Collector, Found, Reading, check, cron_config, is_zone};
use entry::Entry;
use serde_json::json;
use std::collections::BTreeMap;

/// Reads a crontab; `is_system`: its lines have a column with the user, as in `/etc/crontab`.
pub fn read(text: &str, is_system: bool, reading: Reading) -> Found {
    let mut reader = Reader {
        is_system,
        zone: None,
        comments: Vec::new(),
        variables: BTreeMap::new(),
        collector: Collector::new(reading),
    };
    for (index, line) in text.split('\n').enumerate() {
        if let Err(reason) = reader.line(index + 1, line.trim()) {
            reader.collector.reject(index + 1, None, reason);
        }
    }
    reader.collector.finish()
}

struct Reader {
    is_system: bool,
    /// What `CRON_TZ` named, or the line of a zone that nobody knows.
    zone: Option<Result<String, usize>>,
    /// The comment right above.
    comments: Vec<String>,
    /// Variables so far, and their lines.
    variables: BTreeMap<String, usize>,
    collector: Collector,
}

impl Reader {
    fn line(&mut self, line: usize, text: &str) -> Result<(), String> {
        if let Some(comment) = text.strip_prefix('#') {
            self.comment(comment);
            return Ok(());
        }
        let comments = std::mem::take(&mut self.comments);
        if text.is_empty() {
            return Ok(());
        }
        if let Some((name, value)) = entry::variable(text) {
            return self.variable(line, name, value);
        }
        let entry = entry::parse(text, self.is_system)?;
        self.job(line, entry, &comments)
    }

    /// What is said right above a line describes it: but for lines that were taken out of use, and the legend of the columns.
    fn comment(&mut self, text: &str) {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '#');
        if is_legend(text) {
            self.comments.clear();
            return;
        }
        let is_rule = !text.chars().any(char::is_alphanumeric);
        if !is_out_of_use(text) && !is_rule {
            self.comments.push(text.replace(char::is_control, " "));
        }
    }

    /// `CRON_TZ` moves the schedules below it (cronie, FreeBSD, OpenBSD); all else is for the commands, `TZ` too.
    fn variable(&mut self, line: usize, name: &str, value: &str) -> Result<(), String> {
        if name != "CRON_TZ" {
            self.variables.insert(name.to_owned(), line);
            let text = match name {
                "TZ" => format!(
                    "TZ is for the commands only, in cron as here: schedules stay in {} (CRON_TZ or --timezone moves them)",
                    self.zone.as_ref().and_then(|zone| zone.as_deref().ok()).unwrap_or(self.collector.timezone())
                ),
                _ => format!("the variable {name} is not carried over: tasks have no environment"),
            };
            self.collector.remark(line, text);
            return Ok(());
        }
        // POSIX allows a colon before the name of a zone.
        let zone = value.strip_prefix(':').unwrap_or(value);
        self.zone = match zone {
            "" => None,
            zone if is_zone(zone) => Some(Ok(zone.to_owned())),
            _ => Some(Err(line)),
        };
        match self.zone {
            Some(Err(_)) => Err(format!("{name}: “{zone}” is not an IANA time zone such as Europe/Berlin")),
            _ => Ok(()),
        }
    }

    fn job(&mut self, line: usize, entry: Entry, comments: &[String]) -> Result<(), String> {
        let zone = match &self.zone {
            Some(Ok(zone)) => zone.clone(),
            Some(Err(unknown)) => return Err(format!("its time zone is not known (line {unknown})")),
            None => self.collector.timezone().to_owned(),
        };
        let subject = name::subject(&entry.command);
        let name = subject.name.unwrap_or_else(|| format!("crontab line {line}"));
        let mut lost = entry.lost;
        let used = self.variables.iter().filter(|(name, _)| uses(&entry.command, name));
        lost.extend(used.map(|(name, at)| format!("it uses ${name} (line {at}), which is not carried over")));
        let mut draft = self.collector.draft(&name, cron_config(&entry.expression, &zone));
        draft.description = comments.join("\n");
        draft.metadata = Some(match &entry.user {
            Some(user) => json!({ "command": entry.command, "user": user }),
            None => json!({ "command": entry.command }),
        });
        self.collector.take(line, draft, lost, subject.is_http_call);
        Ok(())
    }
}

/// True when a command names a variable: `$NAME` or `${NAME…}`.
fn uses(command: &str, name: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    command.split('$').skip(1).any(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.strip_prefix(name).is_some_and(|after| !after.starts_with(is_name))
    })
}

/// True for a line that somebody commented out: a variable, or a schedule, even one that cron would refuse.
fn is_out_of_use(text: &str) -> bool {
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    if entry::variable(text).is_some() || rest.starts_with('@') && rest[1..].starts_with(char::is_alphabetic) {
        return true;
    }
    if entry::parse(text, false).is_ok_and(|entry| check(&entry.expression, "UTC").is_ok()) {
        return true;
    }
    for _ in 0..5 {
        let (word, after) = entry::word(rest);
        if !fields::is_field(word) {
            return false;
        }
        rest = after;
    }
    true
}

/// True for what crontabs say about themselves: the names of the columns, a drawing of them, and what `crontab -l` puts first.
fn is_legend(text: &str) -> bool {
    let mut words = text.split_whitespace().map(str::to_lowercase);
    let columns = [words.next().unwrap_or_default(), words.next().unwrap_or_default()];
    let are_columns =
        matches!(columns[0].as_str(), "m" | "mi" | "min" | "minute") && matches!(columns[1].as_str(), "h" | "hour");
    let is_installed = text.starts_with('(') && text.contains(" installed on ");
    let begins = ["|", ".-", "DO NOT EDIT THIS FILE", "(Cron version ", "* * * * * command", "*  *  *  *  * "];
    are_columns || is_installed || begins.iter().any(|begin| text.starts_with(begin))
}
