//! A small project to look at and to delete from, made once on an empty database.

use crate::{Actor, Backend, Result, db, projects, tasks};
use domain::project::ProjectDraft;
use domain::schedule::ScheduleConfig;
use domain::task::TaskDraft;

const TASKS: [(&str, &str, &str, &str, &str); 6] = [
    ("Close daily ledger", "Posts the day's totals", "30 2 * * *", "Europe/Berlin", "ACTIVE"),
    ("Rebuild invoices", "Legacy importer", "*/15 * * * *", "UTC", "ACTIVE"),
    ("Nightly report", "PDF to finance", "0 1 * * MON-FRI", "America/New_York", "ACTIVE"),
    ("Sync exchange rates", "ECB feed", "@hourly", "UTC", "ACTIVE"),
    ("Dunning e-mails", "Only after review", "0 9 1 * *", "Europe/Berlin", "DISABLED"),
    ("Warm the cache", "Every 90 seconds", "@every 90s", "UTC", "ACTIVE"),
];

/// Creates the demo project, whose tasks call `endpoint`, unless there is a project already.
///
/// # Errors
/// A database error.
pub async fn create(backend: &Backend, endpoint: &str) -> Result<()> {
    {
        let mut conn = backend.pool.acquire().await?;
        if !db::project::list(&mut conn, None, 1).await?.is_empty() {
            return Ok(());
        }
    }
    let actor = Actor::system("demo");
    let project = ProjectDraft {
        name: "Billing (demo)".to_owned(),
        description: "A few tasks to try: open one, run it, delete it, watch it go. They call this server itself."
            .to_owned(),
        execution_endpoint: endpoint.to_owned(),
        undo_window_seconds: None,
        ..ProjectDraft::default()
    };
    let project = projects::create(backend, &actor, project).await?;
    for (name, description, cron, zone, status) in TASKS {
        tasks::create(backend, &actor, project.id, draft(name, description, cron, zone, status)).await?;
    }
    Ok(())
}

fn draft(name: &str, description: &str, cron: &str, zone: &str, status: &str) -> TaskDraft {
    TaskDraft {
        name: name.to_owned(),
        description: description.to_owned(),
        schedule_config: ScheduleConfig {
            cron_expression: Some(cron.to_owned()),
            timezone: zone.to_owned(),
            ..ScheduleConfig::default()
        },
        status: Some(status.to_owned()),
        ..TaskDraft::default()
    }
}
