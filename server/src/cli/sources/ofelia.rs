//! The INI file of Ofelia, a scheduler of containers: `[job-exec "name"]` with its settings. Pure.
//!
//! The metadata of a task says what the job was: `command`, `job` (such as `job-exec`), `container`, `image`, `user`, `dir`.

use super::go_cron::{self, Version};
use super::sections::{Section, numbered, parse};
use crate::cli::crontab::name::subject;
use crate::cli::found::{Collector, Found, Reading, cron_config};
use domain::task::OverlapPolicy;
use serde_json::{Map, Value};

/// What becomes part of the metadata.
const KEPT: [&str; 5] = ["command", "container", "image", "user", "dir"];

/// What has a meaning of its own, or none for a task.
const KNOWN: [&str; 4] = ["schedule", "no-overlap", "delete", "tty"];

/// Reads a file.
pub fn read(text: &str, reading: Reading) -> Found {
    let mut collector = Collector::new(reading);
    let mut many = 0;
    for section in parse(numbered(text)) {
        let kind = section.title.split_whitespace().next().unwrap_or_default().to_owned();
        if !kind.starts_with("job-") {
            collector.remark(section.line, format!("[{}] is not carried over", section.title));
            continue;
        }
        many += 1;
        let name = section.title[kind.len()..].trim().trim_matches(['"', '\'']).to_owned();
        if let Err(reason) = job(&mut collector, &section, &kind, &name) {
            collector.reject(section.line, Some(&name), reason);
        }
    }
    if many == 0 {
        collector.reject(
            1,
            None,
            "it is no configuration of Ofelia: it has no section such as [job-exec \"name\"]".to_owned(),
        );
    }
    collector.finish()
}

fn job(collector: &mut Collector, section: &Section, kind: &str, name: &str) -> Result<(), String> {
    let mut lost = Vec::new();
    let schedule = section.get("schedule").ok_or("it has no schedule")?;
    let (expression, zone) = go_cron::read(&value("schedule", schedule, &mut lost), Version::V1)
        .map(|(expression, zone)| (expression, zone.map(str::to_owned)))?;
    let mut metadata = Map::from_iter([("job".to_owned(), Value::from(kind))]);
    for key in KEPT {
        if let Some(text) = section.get(key) {
            metadata.insert(key.to_owned(), Value::from(value(key, text, &mut lost)));
        }
    }
    let command = metadata.get("command").and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    if command.is_empty() && !metadata.contains_key("image") && !metadata.contains_key("container") {
        return Err("it has neither a command nor a container nor an image".to_owned());
    }
    let zone = zone.unwrap_or_else(|| collector.timezone().to_owned());
    let mut draft = collector.draft(name, cron_config(&expression, &zone));
    draft.metadata = Some(Value::Object(metadata));
    let is_alone = section.get("no-overlap").is_some_and(|value| matches!(value, "true" | "1" | "yes" | "on"));
    draft.overlap_policy = Some(if is_alone { OverlapPolicy::Skip } else { OverlapPolicy::Allow });
    let known = [&KEPT[..], &KNOWN].concat();
    lost.extend(section.others(&known).into_iter().map(|key| format!("{key} is not carried over")));
    collector.take(section.line, draft, lost, subject(&command).is_http_call);
    Ok(())
}

/// A value as Ofelia reads it: quotes around all of it are taken off, and `#` or `;` outside of quotes begin a comment.
fn value(key: &str, text: &str, lost: &mut Vec<String>) -> String {
    let whole = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote));
    if let Some(inner) = whole('"').or_else(|| whole('`')) {
        return inner.to_owned();
    }
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (c, quote) {
            ('#' | ';', None) => {
                lost.push(format!("what follows {c} in {key} is a comment to Ofelia"));
                return text[..at].trim().to_owned();
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    text.to_owned()
}
