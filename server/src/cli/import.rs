//! `sexton import`: files of other schedulers become tasks.
//!
//! Invariant: a task that is there under the same name is never made again, so that an import may be repeated.

mod report;

use super::connection::{Connection, Session};
use super::crontab::column::{self, Column};
use super::failure::Failure;
use super::found::{Job, Reading, is_zone};
use super::lookup::tasks_named;
use super::screen::remark;
use super::sources::{self, Source, systemd, text};
use super::{Import, Outcome};
use chrono::Utc;
use clap::Args;
use domain::task::{Task, TaskDraft};
use report::{Fate, Report, Row};
use std::io::Read;
use std::path::{Path, PathBuf};

/// No file is larger.
const MOST_BYTES: u64 = 4 << 20;

/// `import crontab`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each line becomes a task with the command in its metadata, as {\"command\": \"…\"}: the program that your
project calls decides what to do with it. The name comes from the command, the description from the comment right above the
line. CRON_TZ sets the zone of the lines below it; TZ does not, as it is for the commands only, in cron as well.

A column with the user, as in /etc/crontab, is recognised over the whole file and goes into the metadata; where it cannot be
told, say --system or --user. Files of Kubernetes, Ofelia and systemd are recognised, too.

Not imported, and listed with the reason: @reboot, commands with an unescaped %, and what is no schedule. Variables and what
else a task does not have are listed. It ends with 0 when every job was taken, and with 1 if one was not. It may be repeated:
what is there under the same name stays as it is.

EXAMPLES:
  crontab -l | sexton import crontab - --dry-run --timezone Europe/Berlin
  sexton import crontab /etc/crontab --disabled"
)]
pub struct Crontab {
    /// Its lines have a column with the user, as in /etc/crontab.
    #[arg(long, conflicts_with = "user")]
    system: bool,
    /// Its lines have none, as in a user's own crontab.
    #[arg(long)]
    user: bool,
    #[command(flatten)]
    options: Options,
}

/// `import k8s`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each CronJob becomes a task. Its metadata has the image, command and args of the first container, and the
namespace. suspend, concurrencyPolicy, activeDeadlineSeconds and backoffLimit become settings of the task; what has no place
in a task, such as env and volumes, is listed. Templates of Helm must be rendered first.

EXAMPLES:
  kubectl get cronjobs -A -o yaml | sexton import k8s - --dry-run
  helm template ./chart | sexton import k8s - --disabled"
)]
pub struct Kubernetes {
    #[command(flatten)]
    options: Options,
}

/// `import ofelia`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each section such as [job-exec \"name\"] becomes a task. Its metadata has the kind of the job, command, container,
image, user and dir. Schedules have six fields, seconds first; one of five is refused, as versions of Ofelia disagree about it.

EXAMPLES:
  sexton import ofelia /etc/ofelia/config.ini --dry-run"
)]
pub struct Ofelia {
    #[command(flatten)]
    options: Options,
}

/// `import systemd`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each OnCalendar= of a timer becomes a task. Its metadata has the unit, and the command and user of the service,
which is looked for in the same file and beside it. Persistent= decides what becomes of missed runs.

EXAMPLES:
  sexton import systemd /etc/systemd/system/backup.timer --dry-run
  systemctl cat '*.timer' 'backup.service' | sexton import systemd -"
)]
pub struct Systemd {
    #[command(flatten)]
    options: Options,
}

/// The options that all imports share.
#[derive(Debug, Args)]
struct Options {
    /// The file; - is standard input.
    file: PathBuf,
    /// The time zone of schedules that name none.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// Create the tasks disabled, while the other scheduler still runs them.
    #[arg(long)]
    disabled: bool,
    /// Show what would be created, when it would run next and what is lost, and create nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Import {
    /// Imports a file.
    pub async fn run(self) -> Outcome {
        match self {
            Self::Crontab(crontab) => {
                let forced = (crontab.system || crontab.user).then_some(crontab.system);
                crontab.options.run(|options, text| source(options, text, forced)).await
            }
            Self::K8s(Kubernetes { options }) => options.run(|_, _| Ok(Source::Kubernetes)).await,
            Self::Ofelia(Ofelia { options }) => options.run(|_, _| Ok(Source::Ofelia)).await,
            Self::Systemd(Systemd { options }) => options.run(|_, _| Ok(Source::Systemd)).await,
        }
    }
}

/// What a file is that was called a crontab; `forced`: whether it has a column with the user.
fn source(options: &Options, text: &str, forced: Option<bool>) -> Result<Source, Failure> {
    if let Some(is_system) = forced {
        return Ok(Source::Crontab { is_system });
    }
    let path = options.file.display();
    let found = match (sources::recognise(text), options.is_of_the_system()) {
        (Some(source), _) => source,
        (None, true) => Source::Crontab { is_system: true },
        (None, false) => match column::recognise(text) {
            Column::None => return Ok(Source::Crontab { is_system: false }),
            Column::User => Source::Crontab { is_system: true },
            Column::Unclear(line) => {
                return Err(Failure::Usage(format!(
                    "{path} may have a column with the user (line {line}): say --system if it has one, --user if it has not"
                )));
            }
        },
    };
    remark(&format!("{path} is {}: read as {} does", found.words(), found.command()));
    Ok(found)
}

impl Options {
    /// Reads all of the file, then makes task after task.
    async fn run(self, source: impl Fn(&Self, &str) -> Result<Source, Failure>) -> Outcome {
        if !is_zone(&self.timezone) {
            let zone = &self.timezone;
            return Err(Failure::Usage(format!("--timezone: “{zone}” is not an IANA time zone such as Europe/Berlin")));
        }
        let text::Text { mut text, latin } = text::decode(&read(&self.file)?);
        let source = source(&self, &text)?;
        let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned()).filter(|name| name != "-");
        if source == Source::Systemd {
            self.add_services(&mut text, name.as_deref());
        }
        let reading = Reading { timezone: self.timezone.clone(), is_disabled: self.disabled, now: Utc::now() };
        let mut session = Session::open(&self.connection).await?;
        let found = sources::read(source, &text, name.as_deref(), reading);
        let mut report = Report::new(self.dry_run, &found, &text, &latin);
        let mut lost = None;
        for job in &found.jobs {
            match self.import(&session, job).await {
                Ok(row) => report.add(row),
                Err(failure) => {
                    lost = Some(failure);
                    break;
                }
            }
        }
        report.show(&mut session)?;
        lost.map_or_else(|| Ok(report.is_complete()), Err)
    }

    /// Where Debian and others keep crontabs with a column for the user.
    fn is_of_the_system(&self) -> bool {
        self.file == Path::new("/etc/crontab") || self.file.starts_with("/etc/cron.d")
    }

    /// The services of timers are files beside them. One that cannot be read is listed as missing by the reader.
    fn add_services(&self, text: &mut String, name: Option<&str>) {
        let (Some(folder), true) = (self.file.parent(), name.is_some()) else { return };
        for service in systemd::missing_services(text, name) {
            let is_name = !service.contains('/');
            if let Some(unit) = is_name.then(|| read(&folder.join(&service)).ok()).flatten() {
                text.push_str(&format!("\n# /{service}\n{}", text::decode(&unit).text));
            }
        }
    }

    /// Makes a task of a job, unless there is one. Fails only where going on makes no sense.
    async fn import(&self, session: &Session, job: &Job) -> Result<Row, Failure> {
        let mut there = tasks_named(session, &job.draft.name).await?;
        // One that is being deleted does not stand for the job, nor in its way.
        there.retain(|task| !task.status.is_being_deleted());
        let row = |outcome, task_uuid, reason| Row::of_job(job, outcome, task_uuid, reason);
        if let Some(task) = there.iter().find(|task| is_same(task, &job.draft)).or(there.first()) {
            let reason = reason_against(task, &job.draft);
            let outcome = if reason.is_some() { Fate::NotImported } else { Fate::Exists };
            return Ok(row(outcome, Some(task.uuid), reason));
        }
        if self.dry_run {
            return Ok(row(Fate::WouldBeCreated, None, None));
        }
        match session.client.post::<Task>(&session.path("tasks"), Some(&job.draft)).await {
            Ok(task) => Ok(row(Fate::Created, Some(task.uuid), None)),
            Err(failure @ Failure::Refused(_)) if !failure.is_passing() && !failure.is("PROJECT_NOT_FOUND") => {
                Ok(row(Fate::NotImported, None, Some(failure.to_string())))
            }
            Err(failure) => Err(failure),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MOST_BYTES + 1).read_to_end(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut text))
    };
    let path = path.display();
    match read {
        Ok(bytes) if bytes as u64 > MOST_BYTES => {
            Err(Failure::Usage(format!("{path} is larger than the 4 MiB that an import reads")))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::Usage(format!("{path} cannot be read: {error}"))),
    }
}

/// True when the task does what the line says. Whether it runs at present is the business of whoever switched it.
fn is_same(task: &Task, draft: &TaskDraft) -> bool {
    task.schedule_config == draft.schedule_config && Some(&task.metadata) == draft.metadata.as_ref()
}

/// Why a task of this name does not stand for the line.
fn reason_against(task: &Task, draft: &TaskDraft) -> Option<String> {
    let other = format!("a task of this name does something else or runs at another time ({})", task.uuid);
    (!is_same(task, draft)).then_some(other)
}
