//! The corpus in `server/tests/corpus/import` with what is read from each file, and any bytes at all.
//!
//! A new file, or a new answer: `INSTA_UPDATE=always cargo test -p server --lib corpus`, then look at the difference.

use super::*;
use crate::cli::crontab::column::{self, Column};
use chrono::{TimeZone, Utc};
use proptest::prelude::*;
use std::fmt::Write;
use std::path::Path;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/import");

fn reading() -> Reading {
    let now = Utc.with_ymd_and_hms(2026, 11, 28, 0, 0, 0).unwrap();
    Reading { timezone: "UTC".to_owned(), is_disabled: false, now }
}

/// What the command does with a file that is called a crontab.
fn source(text: &str) -> Source {
    recognise(text).unwrap_or_else(|| Source::Crontab { is_system: column::recognise(text) == Column::User })
}

fn read_bytes(bytes: &[u8], name: &str) -> String {
    let text::Text { text, latin } = text::decode(bytes);
    let source = source(&text);
    let mut said = format!("{}\n", source.words());
    if matches!(source, Source::Crontab { .. }) && matches!(column::recognise(&text), Column::Unclear(_)) {
        return "asks for --system or --user\n".to_owned();
    }
    if !latin.is_empty() {
        writeln!(said, "Latin-1: lines {latin:?}").unwrap();
    }
    let found = read(source, &text, Some(name), reading());
    for job in &found.jobs {
        let draft = &job.draft;
        let config = &draft.schedule_config;
        writeln!(said, "\n{}: “{}” {}", job.line, draft.name, config.expression()).unwrap();
        writeln!(said, "   next {}", job.next_run.format("%a %F %T")).unwrap();
        if !draft.description.is_empty() {
            writeln!(said, "   description: {:?}", draft.description).unwrap();
        }
        writeln!(said, "   metadata: {}", draft.metadata.as_ref().unwrap()).unwrap();
        let policies = [
            draft.status.as_deref().filter(|status| *status != "ACTIVE").map(str::to_owned),
            draft.overlap_policy.map(|policy| format!("overlap {policy}")),
            draft.missed_run_policy.map(|policy| format!("missed {policy}")),
            draft.timeout_seconds.map(|seconds| format!("timeout {seconds}")),
            draft.max_attempts.map(|attempts| format!("attempts {attempts}")),
            job.is_http_call.then(|| "HTTP call".to_owned()),
        ];
        let policies: Vec<String> = policies.into_iter().flatten().collect();
        if !policies.is_empty() {
            writeln!(said, "   {}", policies.join(", ")).unwrap();
        }
        for lost in &job.lost {
            writeln!(said, "   lost: {lost}").unwrap();
        }
    }
    if !found.rejected.is_empty() || !found.remarks.is_empty() {
        said.push('\n');
    }
    for rejected in &found.rejected {
        writeln!(said, "refused {} {:?}: {}", rejected.line, rejected.name, rejected.reason).unwrap();
    }
    for remark in &found.remarks {
        writeln!(said, "remark {}: {}", remark.line, remark.text).unwrap();
    }
    said
}

#[test]
fn the_corpus_is_read_as_it_was() {
    let mut files: Vec<_> = std::fs::read_dir(CORPUS).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.is_file());
    files.sort();
    assert!(files.len() >= 30, "{}", files.len());
    let settings = || {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new(CORPUS).join("expected"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings
    };
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let said = read_bytes(&std::fs::read(&file).unwrap(), &name);
        for secret in ["hunter2", "ops@example.com"] {
            assert!(!said.contains(secret), "{name} shows the value of a variable");
        }
        settings().bind(|| insta::assert_snapshot!(name.replace('.', "-"), said));
    }
}

/// Whatever stands in a file: no panic, and no task that the API would refuse.
fn holds(source: Source, bytes: &[u8]) -> Result<(), TestCaseError> {
    let text = text::decode(bytes).text;
    recognise(&text);
    column::recognise(&text);
    let found = read(source, &text, Some("x.timer"), reading());
    let mut names = std::collections::BTreeSet::new();
    for job in found.jobs {
        let name = job.draft.name.clone();
        let said = format!("{:?}", job.draft);
        prop_assert!(job.draft.parse(reading().now).is_ok(), "{}", said);
        prop_assert!(job.next_run > reading().now);
        prop_assert!(names.insert(name.to_lowercase()), "{} is there twice", name);
    }
    let lines = text.split('\n').count();
    prop_assert!(found.rejected.iter().all(|no| (1..=lines).contains(&no.line) && !no.reason.is_empty()));
    Ok(())
}

const SOURCES: [Source; 5] = [
    Source::Crontab { is_system: false },
    Source::Crontab { is_system: true },
    Source::Kubernetes,
    Source::Ofelia,
    Source::Systemd,
];

/// Pieces of all formats, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            " ", "\n", "\t", "\r\n", "*", "0", "59", "60", "7", ",", "-", "/", "~", "?", "#", "L", "%", "\\", "=", "\"", "'", "$",
            "@daily", "@every ", "1h30m", "MON", "jan", "CRON_TZ=", "TZ=UTC", "Europe/Berlin", "root", "-n ", "/opt/x", "bash -c ",
            "$(", "`", "{", ")", "curl https://x", "\n0 1 * * * ", "\n*/5 * * * * ", "\n[Timer]\nOnCalendar=", "Mon..Fri ",
            "*-*-* ", "..", "*-*~", "08:00", "\n[Service]\nExecStart=", "# /x/a.service\n", "\n[job-exec \"a\"]\nschedule=",
            "\ncommand=", "0 0 1 * * *", "---\nkind: CronJob\nmetadata: {name: a}\nspec:\n  schedule: \"", "\"\n  timeZone: ",
            "\n  jobTemplate: {spec: {template: {spec: {containers: [{image: a}]}}}}\n", "&a ", "*a", "é", "\u{0}", "\u{200b}", "😀",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => (0_u64..20_000_000_000).prop_map(|number| number.to_string()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_bytes_are_read_by_every_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for source in SOURCES {
            holds(source, &bytes)?;
        }
    }

    #[test]
    fn any_pieces_are_read_by_every_reader(text in pieces()) {
        for source in SOURCES {
            holds(source, text.as_bytes())?;
        }
    }

    #[test]
    fn any_schedule_is_read_by_every_reader(schedule in "[-0-9*/,~?LW#.:@a-zA-Z ]{0,24}") {
        holds(SOURCES[0], format!("{schedule} /opt/x").as_bytes())?;
        holds(SOURCES[1], format!("{schedule} root /opt/x").as_bytes())?;
        let spec = "jobTemplate: {spec: {template: {spec: {containers: [{image: a}]}}}}";
        let manifest = format!("kind: CronJob\nmetadata: {{name: a}}\nspec:\n  schedule: '{schedule}'\n  {spec}\n");
        holds(Source::Kubernetes, manifest.as_bytes())?;
        holds(Source::Ofelia, format!("[job-local \"a\"]\nschedule={schedule}\ncommand=x\n").as_bytes())?;
        holds(Source::Systemd, format!("[Timer]\nOnCalendar={schedule}\nOnUnitActiveSec={schedule}\n").as_bytes())?;
    }
}
