//! CronJobs of Kubernetes, in YAML or JSON, several in a file or in a list. Pure.
//!
//! The metadata of a task says what the container was: `image`, `command` and `args` as lists, `namespace`. What else the
//! manifest asks for is listed as lost.

use super::go_cron::{self, Version};
use super::sections::numbered;
use crate::cli::crontab::name::subject;
use crate::cli::found::{Collector, Found, Reading, cron_config, is_zone};
use domain::status::SettableStatus;
use domain::task::{OverlapPolicy, TaskDraft};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use serde_saphyr::{Error, Spanned, budget, from_multiple_with_options, options};

/// Settings that a task has a place for, or that mean nothing for one.
const KEPT_OF_SPEC: &[&str] = &[
    "schedule",
    "timeZone",
    "suspend",
    "concurrencyPolicy",
    "jobTemplate",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
];
const KEPT_OF_JOB: &[&str] = &["activeDeadlineSeconds", "backoffLimit", "template", "ttlSecondsAfterFinished"];
const KEPT_OF_POD: &[&str] =
    &["containers", "restartPolicy", "terminationGracePeriodSeconds", "dnsPolicy", "schedulerName", "imagePullSecrets"];
const KEPT_OF_CONTAINER: &[&str] =
    &["name", "image", "command", "args", "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"];

#[derive(Deserialize)]
struct Document {
    kind: Option<Spanned<String>>,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    items: Vec<Document>,
}

/// Reads a file.
pub fn read(text: &str, reading: Reading) -> Found {
    let mut collector = Collector::new(reading);
    match documents(text) {
        Ok(documents) => {
            let mut many = 0;
            documents.into_iter().for_each(|document| many += take(&mut collector, document));
            if many == 0 {
                collector.reject(1, None, "it is no CronJob manifest: no document has the kind CronJob".to_owned());
            }
        }
        Err(_) if !text.contains("CronJob") => {
            collector.reject(1, None, "it is no CronJob manifest: no document has the kind CronJob".to_owned());
        }
        Err(error) => {
            let line =
                error.location().map_or(1, |location| location.line() as usize).clamp(1, text.lines().count().max(1));
            let template = numbered(text).any(|(_, line)| line.contains("{{"));
            let advice =
                if template { "; it looks like a template: import what helm template makes of it" } else { "" };
            // Only its first line: the rest may show what stands in the file.
            let why = error.to_string().lines().next().unwrap_or_default().to_owned();
            collector.reject(line, None, format!("it is no YAML that can be read: {why}{advice}"));
        }
    }
    collector.finish()
}

fn documents(text: &str) -> Result<Vec<Document>, Error> {
    let options = options! {
        budget: budget! { max_nodes: 500_000, max_depth: 100, max_documents: 10_000 },
        with_snippet: false,
    };
    from_multiple_with_options(text, options)
}

/// Takes what a document holds; returns how many CronJobs that is.
fn take(collector: &mut Collector, document: Document) -> usize {
    let Some(kind) = document.kind else { return 0 };
    let line = kind.referenced.line() as usize;
    match kind.value.as_str() {
        "CronJob" => {
            let metadata = &document.metadata;
            let name = ["name", "generateName"].iter().find_map(|key| metadata.get(key)?.as_str()).unwrap_or_default();
            if let Err(reason) = job(collector, line, name, metadata, &document.spec) {
                collector.reject(line, Some(name), reason);
            }
            1
        }
        "List" | "CronJobList" => document.items.into_iter().map(|item| take(collector, item)).sum(),
        other => {
            collector.remark(line, format!("it is a {other}, which is not imported"));
            0
        }
    }
}

fn job(collector: &mut Collector, line: usize, name: &str, metadata: &Value, spec: &Value) -> Result<(), String> {
    let schedule = spec.get("schedule").and_then(Value::as_str).ok_or("it has no spec.schedule")?;
    let (expression, own) = go_cron::read(schedule, Version::V3)?;
    let zone = spec.get("timeZone").and_then(Value::as_str).or(own).unwrap_or(collector.timezone()).to_owned();
    if !is_zone(&zone) {
        return Err(format!("spec.timeZone “{zone}” is not an IANA time zone such as Europe/Berlin"));
    }
    let run = spec.pointer("/jobTemplate/spec").unwrap_or(&Value::Null);
    let containers = run.pointer("/template/spec/containers").and_then(Value::as_array).map(Vec::as_slice);
    let container = containers.and_then(<[_]>::first).ok_or("it has no container in its jobTemplate")?;
    let mut lost = Vec::new();
    let mut draft = collector.draft(name, cron_config(&expression, &zone));
    draft.metadata = Some(what_runs(container, metadata));
    policies(&mut draft, spec, run, &mut lost);
    if containers.is_some_and(|containers| containers.len() > 1) {
        lost.push("only its first container is carried over".to_owned());
    }
    list_lost(spec, run, container, &mut lost);
    let words = ["command", "args"].iter().filter_map(|key| container.get(key)?.as_array()).flatten();
    let command: Vec<String> = words.filter_map(Value::as_str).map(quoted).collect();
    collector.take(line, draft, lost, subject(&command.join(" ")).is_http_call);
    Ok(())
}

fn what_runs(container: &Value, metadata: &Value) -> Value {
    let mut what = Map::new();
    for (key, from) in [("image", container), ("command", container), ("args", container), ("namespace", metadata)] {
        if let Some(value) = from.get(key).filter(|value| !value.is_null()) {
            what.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(what)
}

/// What a task has a setting for.
fn policies(draft: &mut TaskDraft, spec: &Value, run: &Value, lost: &mut Vec<String>) {
    if spec.get("suspend") == Some(&json!(true)) {
        draft.status = Some(SettableStatus::Disabled.as_str().to_owned());
    }
    draft.overlap_policy = match spec.get("concurrencyPolicy").and_then(Value::as_str) {
        None | Some("Allow") => Some(OverlapPolicy::Allow),
        Some("Forbid") => Some(OverlapPolicy::Skip),
        Some(other) => {
            lost.push(format!("concurrencyPolicy {other}: a run that is due while one goes on is skipped instead"));
            Some(OverlapPolicy::Skip)
        }
    };
    let mut number = |key: &str, most: i64, more: i64| {
        let value = run.get(key)?.as_i64()?.saturating_add(more);
        let fits = (1..=most).contains(&value);
        if !fits {
            lost.push(format!("{key} {} is not carried over: a task takes at most {}", value - more, most - more));
        }
        fits.then_some(value as i32)
    };
    draft.timeout_seconds = number("activeDeadlineSeconds", 86_400, 0);
    draft.max_attempts = number("backoffLimit", 20, 1);
}

/// Names every setting that a task has nothing for and that says something.
fn list_lost(spec: &Value, run: &Value, container: &Value, lost: &mut Vec<String>) {
    let pod = run.pointer("/template/spec").unwrap_or(&Value::Null);
    let kept = [(spec, KEPT_OF_SPEC), (run, KEPT_OF_JOB), (pod, KEPT_OF_POD), (container, KEPT_OF_CONTAINER)];
    let says_something = |value: &Value| match value {
        Value::Null => false,
        Value::Object(members) => !members.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    for (object, kept) in kept {
        let members = object.as_object().into_iter().flatten();
        let others = members.filter(|(key, value)| !kept.contains(&key.as_str()) && says_something(value));
        lost.extend(others.map(|(key, _)| format!("{key} is not carried over")));
    }
}

/// A word as a shell would need it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._:@+-=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "’"))
    }
}
