//! Alerts: the settings of a project, the list of what was told, and the courier that sends it.
//!
//! Invariant: a cause is recorded in its own transaction and once (`alerts_cause_unique`); each receiver has one delivery of
//! it, which one node at a time may send.

mod courier;
mod mail;
mod tell;

pub use courier::{Courier, CourierSettings};
pub use mail::{Smtp, SmtpTls, send_test};
pub(crate) use tell::{tell_ends, tell_given_up, tell_missed, tell_over_quota};

use crate::audit::{self, Subject};
use crate::tasks::etag::Precondition;
use crate::{Actor, Backend, Result, db};
use domain::alert::{Alert, AlertDelivery, AlertSettings, AlertSettingsDraft};
use domain::audit::AuditAction;
use domain::error::{ProblemKind, Refusal};
use domain::event::EventKind;
use domain::page::{Limit, Page, parse_cursor};
use uuid::Uuid;

/// The alert settings of a project.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`].
pub async fn settings(backend: &Backend, project_id: Uuid) -> Result<AlertSettings> {
    let mut conn = backend.read().await?;
    crate::projects::require(&mut conn, project_id).await?;
    let settings = db::alert::settings(&mut conn, project_id).await?;
    Ok(settings.unwrap_or_else(|| AlertSettings::none(project_id)))
}

/// Replaces the alert settings of a project.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::ValidationFailed`] naming the field, [`ProblemKind::EtagMismatch`].
pub async fn change(
    backend: &Backend,
    actor: &Actor,
    project_id: Uuid,
    precondition: &Precondition,
    draft: AlertSettingsDraft,
) -> Result<AlertSettings> {
    let draft = draft.parse().map_err(|errors| Refusal::fields(ProblemKind::ValidationFailed, errors))?;
    let mut tx = backend.begin().await?;
    let project = crate::projects::hold_open(&mut tx, project_id).await?;
    let version = db::alert::settings(&mut tx, project_id).await?.map_or(0, |settings| settings.version);
    precondition.check(&[version])?;
    let changed = db::alert::change_settings(&mut tx, project_id, version, &draft).await?;
    let detail = "Somebody changed the alert settings in between. Read them again.";
    let changed = changed.ok_or_else(|| Refusal::new(ProblemKind::EtagMismatch, detail))?;
    if changed.kinds.is_empty() || (changed.emails.is_empty() && changed.webhook_url.is_none()) {
        // Whoever asks again later wants to know what fails then.
        db::alert::forget_troubles(&mut tx, project_id).await?;
    }
    audit::record(&mut tx, actor, AuditAction::AlertsChanged, Subject::within(project_id, project_id)).await?;
    crate::projects::announce(&mut tx, EventKind::ProjectUpdated, &project).await?;
    backend.commit(tx, "change").await?;
    backend.tell();
    Ok(changed)
}

/// A page of the alerts of a project, newest first. Webhook addresses are shown only to callers who manage the project:
/// such an address is often all that is needed to post to it.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`], [`ProblemKind::InvalidRequest`] naming the field.
pub async fn list(
    backend: &Backend,
    project_id: Uuid,
    cursor: Option<&str>,
    limit: Option<u32>,
    manages: bool,
) -> Result<Page<Alert>> {
    let (limit, before) = (Limit::parse(limit)?, parse_cursor(cursor)?);
    let mut conn = backend.read().await?;
    crate::projects::require(&mut conn, project_id).await?;
    let mut rows = db::alert::list(&mut conn, project_id, before, limit.rows() as i64 + 1).await?;
    if !manages {
        rows.iter_mut().flat_map(|alert| &mut alert.deliveries).for_each(AlertDelivery::mask);
    }
    Ok(Page::of(rows, limit, |alert| alert.id))
}
