//! Timer units of systemd, alone or as `systemctl cat` prints several with their services. Pure.
//!
//! Each `OnCalendar=` of a timer is a task. The metadata says what its service runs: `command`, `user`, `unit`.

use super::calendar::{self, When};
use super::sections::{Section, numbered, parse};
use super::spans;
use crate::cli::crontab::name::subject;
use crate::cli::found::{Collector, Found, Reading, cron_config};
use domain::schedule::ScheduleConfig;
use domain::task::{MissedRunPolicy, ScheduleType};
use serde_json::{Map, Value};

/// Timers that count from something that happens to a machine or to a unit.
const RELATIVE: [&str; 5] = ["OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec"];

/// Settings of a timer that mean nothing for a task, or have been read.
const KNOWN: [&str; 5] = ["OnCalendar", "Unit", "Persistent", "AccuracySec", "RemainAfterElapse"];

/// The same of a service.
const KNOWN_OF_SERVICE: [&str; 4] = ["Type", "ExecStart", "User", "Description"];

/// A unit: its name with the suffix, if the file says it.
struct Unit {
    name: Option<String>,
    sections: Vec<Section>,
}

impl Unit {
    fn section(&self, title: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.title == title)
    }

    /// All values of a key in sections of this title, as systemd gathers them: an empty one forgets those before it.
    fn all(&self, title: &str, key: &str) -> Vec<(usize, &str)> {
        let sections = self.sections.iter().filter(|section| section.title == title);
        let mut all = Vec::new();
        for setting in sections.flat_map(|section| &section.settings).filter(|setting| setting.key == key) {
            if setting.value.is_empty() {
                all.clear();
            } else {
                all.push((setting.line, setting.value.as_str()));
            }
        }
        all
    }

    fn one(&self, title: &str, key: &str) -> Option<&str> {
        self.all(title, key).pop().map(|(_, value)| value)
    }

    fn stem(&self) -> &str {
        self.name.as_deref().and_then(|name| name.rsplit_once('.')).map_or("timer", |(stem, _)| stem)
    }

    /// The service that a timer starts.
    fn service(&self) -> String {
        self.one("Timer", "Unit").map_or_else(|| format!("{}.service", self.stem()), str::to_owned)
    }
}

/// Services of which a text has the timer, but not the unit itself: a caller may look for them beside the file.
pub fn missing_services(text: &str, name: Option<&str>) -> Vec<String> {
    let units = units(text, name);
    let timers = units.iter().filter(|unit| unit.section("Timer").is_some());
    let is_there = |service: &String| units.iter().any(|unit| unit.name.as_ref() == Some(service));
    timers.map(Unit::service).filter(|service| !is_there(service)).collect()
}

/// Reads a file; `name` is the file's own.
pub fn read(text: &str, name: Option<&str>, reading: Reading) -> Found {
    let mut collector = Collector::new(reading);
    let units = units(text, name);
    let timers: Vec<&Unit> = units.iter().filter(|unit| unit.section("Timer").is_some()).collect();
    if timers.is_empty() {
        collector.reject(1, None, "it is no timer unit of systemd: it has no section [Timer]".to_owned());
    }
    for timer in timers {
        let service = timer.service();
        let service = units.iter().find(|unit| unit.name.as_ref() == Some(&service));
        // A file without any headers may hold the service's sections, too.
        let service = service.or_else(|| Some(timer).filter(|unit| unit.section("Service").is_some()));
        take(&mut collector, timer, service);
    }
    collector.finish()
}

/// Splits what `systemctl cat` prints at its headers, `# /lib/systemd/system/NAME`; drop-ins belong to the unit before them.
fn units(text: &str, name: Option<&str>) -> Vec<Unit> {
    let mut parts = vec![(name.map(str::to_owned), Vec::new())];
    for (number, line) in numbered(text) {
        let path = line.strip_prefix("# /").filter(|path| !path.contains(char::is_whitespace));
        let header = path.and_then(|path| path.rsplit('/').next());
        if let Some(unit) = header.filter(|unit| unit.ends_with(".timer") || unit.ends_with(".service")) {
            parts.push((Some(unit.to_owned()), Vec::new()));
        } else if let Some((_, lines)) = parts.last_mut() {
            lines.push((number, line));
        }
    }
    let unit = |(name, lines): (_, Vec<_>)| Unit { name, sections: parse(lines.into_iter()) };
    parts.into_iter().map(unit).filter(|unit| !unit.sections.is_empty()).collect()
}

fn take(collector: &mut Collector, timer: &Unit, service: Option<&Unit>) {
    let start = timer.section("Timer").map_or(1, |section| section.line);
    let times = timer.all("Timer", "OnCalendar");
    let mut many = times.len();
    for (line, text) in times {
        match calendar::read(text) {
            Ok((when, zone)) => {
                let zone = zone.unwrap_or_else(|| collector.timezone().to_owned());
                task(collector, line, timer, service, config(when, &zone), Vec::new());
            }
            Err(reason) => collector.reject(line, Some(timer.stem()), format!("OnCalendar={text}: {reason}")),
        }
    }
    for key in ["OnUnitActiveSec", "OnUnitInactiveSec"] {
        for (line, text) in timer.all("Timer", key) {
            many += 1;
            let Some(seconds) = spans::systemd(text) else {
                let reason = format!("{key}={text} is no length of time that a task takes (1 second to 366 days)");
                collector.reject(line, Some(timer.stem()), reason);
                continue;
            };
            let lost = format!("{key} counts from the run before; a task's rhythm is fixed");
            let zone = collector.timezone().to_owned();
            task(
                collector,
                line,
                timer,
                service,
                (ScheduleType::Recurring, cron_config(&spans::every(seconds), &zone)),
                vec![lost],
            );
        }
    }
    if many == 0 {
        let reason =
            "it runs when a machine or a unit starts, and a task runs at times: it has no OnCalendar=".to_owned();
        collector.reject(start, Some(timer.stem()), reason);
    }
}

fn config(when: When, zone: &str) -> (ScheduleType, ScheduleConfig) {
    match when {
        When::Cron(expression) => (ScheduleType::Recurring, cron_config(&expression, zone)),
        When::Once(wall) => {
            let run_at = calendar::instant(wall, zone);
            let once = ScheduleConfig { run_at, timezone: zone.to_owned(), ..ScheduleConfig::default() };
            (ScheduleType::Oneoff, once)
        }
    }
}

fn task(
    collector: &mut Collector,
    line: usize,
    timer: &Unit,
    service: Option<&Unit>,
    (kind, config): (ScheduleType, ScheduleConfig),
    mut lost: Vec<String>,
) {
    let mut draft = collector.draft(timer.stem(), config);
    draft.schedule_type = Some(kind);
    let is_made_up = matches!(timer.one("Timer", "Persistent"), Some("true" | "yes" | "on" | "1"));
    draft.missed_run_policy = Some(if is_made_up { MissedRunPolicy::RunOnce } else { MissedRunPolicy::Skip });
    let described = [Some(timer), service].into_iter().flatten().find_map(|unit| unit.one("Unit", "Description"));
    draft.description = described.unwrap_or_default().to_owned();
    let mut metadata = Map::from_iter([("unit".to_owned(), Value::from(timer.service()))]);
    let starts = service.map(|service| service.all("Service", "ExecStart")).unwrap_or_default();
    let commands: Vec<&str> =
        starts.iter().map(|(_, text)| text.trim_start_matches(['-', '@', ':', '+', '!', '|'])).collect();
    let command = commands.join(" && ");
    if command.is_empty() {
        lost.push(format!("what it runs is in {}, which is not in the file nor beside it", timer.service()));
    } else {
        metadata.insert("command".to_owned(), Value::from(command.as_str()));
    }
    if let Some(user) = service.and_then(|service| service.one("Service", "User")) {
        metadata.insert("user".to_owned(), Value::from(user));
    }
    draft.metadata = Some(Value::Object(metadata));
    let relative = RELATIVE.iter().filter(|key| !key.starts_with("OnUnit"));
    let known: Vec<&str> = KNOWN.iter().chain(&["OnUnitActiveSec", "OnUnitInactiveSec"]).copied().collect();
    let others = timer.section("Timer").map(|section| section.others(&known)).unwrap_or_default();
    lost.extend(others.iter().map(|key| match relative.clone().any(|relative| relative == key) {
        true => format!("{key}: a task does not run when a machine or a unit starts"),
        false => format!("{key} is not carried over"),
    }));
    let others =
        service.and_then(|service| service.section("Service")).map(|section| section.others(&KNOWN_OF_SERVICE));
    lost.extend(others.into_iter().flatten().map(|key| format!("{key} of the service is not carried over")));
    collector.take(line, draft, lost, subject(&command).is_http_call);
}
