//! Alerts: what people are told when a task fails, works again, misses runs or cannot be deleted.
//!
//! Invariant: one cause is told at most once; what decides about it stands in [`rules`]. Called by `backend/alerts.rs`.

pub mod rules;
mod settings;

pub use settings::{AlertSettings, AlertSettingsDraft};

use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// What an alert tells.
    pub enum AlertKind {
        /// An execution failed, after its attempts.
        Failure = "FAILURE",
        /// A task that had failed works again.
        Recovery = "RECOVERY",
        /// Runs were not started when they were due.
        Missed = "MISSED",
        /// A deletion was given up.
        DeleteFailed = "DELETE_FAILED",
    }
}

text_enum! {
    /// How a receiver is told.
    pub enum AlertChannel {
        /// A mail to an address.
        Email = "EMAIL",
        /// A signed POST to a URL.
        Webhook = "WEBHOOK",
    }
}

text_enum! {
    /// Where one message to one receiver stands.
    pub enum DeliveryState {
        /// Not sent yet.
        Pending = "PENDING",
        /// The mail server or the endpoint has taken it.
        Sent = "SENT",
        /// Given up.
        Failed = "FAILED",
    }
}

text_enum! {
    /// What became of an alert.
    pub enum AlertState {
        /// Told to nobody: too soon after the one before, or too many at a time.
        Throttled = "THROTTLED",
        /// Some receiver is still to be told.
        Pending = "PENDING",
        /// At least one receiver was told.
        Sent = "SENT",
        /// No receiver could be told.
        Failed = "FAILED",
    }
}

/// An alert as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// The alert.
    pub id: Uuid,
    /// The project whose settings it follows.
    pub project_id: Uuid,
    /// The task concerned; it may be gone.
    pub task_uuid: Uuid,
    /// Its name at that time.
    pub task_name: String,
    /// What it tells.
    pub kind: AlertKind,
    /// In one sentence.
    pub message: String,
    /// The execution that was the cause, if it was one.
    pub execution_id: Option<Uuid>,
    /// The deletion that was the cause, if it was one.
    pub deletion_id: Option<Uuid>,
    /// What became of it.
    pub state: AlertState,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// One a receiver; none when it was throttled.
    pub deliveries: Vec<AlertDelivery>,
}

/// One message to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertDelivery {
    /// The delivery; also the `webhook-id` of a call, and part of the `Message-ID` of a mail.
    pub id: Uuid,
    /// How.
    pub channel: AlertChannel,
    /// The address or URL. Of a URL, callers who do not manage the project see the scheme and host only.
    pub target: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// Why it could not be sent, the last time.
    pub error: Option<String>,
}

impl AlertDelivery {
    /// Removes all but the scheme and host of a webhook from what is shown.
    pub fn mask(&mut self) {
        if self.channel != AlertChannel::Webhook {
            return;
        }
        let masked = masked_url(&self.target);
        // The words of a failure may quote the URL.
        self.error = self.error.take().map(|error| error.replace(&self.target, &masked));
        self.target = masked;
    }
}

/// A URL without what may be secret in it: its path, query, user and password.
#[must_use]
pub fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "…".to_owned() };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/…")
}

impl AlertState {
    /// What became of an alert with these deliveries.
    #[must_use]
    pub fn of(deliveries: &[AlertDelivery]) -> Self {
        let is_any = |state| deliveries.iter().any(|delivery| delivery.state == state);
        if deliveries.is_empty() {
            Self::Throttled
        } else if is_any(DeliveryState::Pending) {
            Self::Pending
        } else if is_any(DeliveryState::Sent) {
            Self::Sent
        } else {
            Self::Failed
        }
    }
}
