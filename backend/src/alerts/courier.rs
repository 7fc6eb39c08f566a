//! The courier: sends what is due, by mail and webhook. Every node has one; a delivery is leased to one of them.
//!
//! Invariant: nothing is sent by a node whose lease is nearly over, and what was sent is written for as long as the lease
//! lasts: only a node that dies in between makes another send the same message again, with the same id.

use super::mail::{Mailer, Smtp};
use crate::clock::Clock;
use crate::db::alert::Delivery;
use crate::executor::{Caller, Post};
use crate::{Backend, Result, db};
use chrono::TimeDelta;
use domain::alert::rules::{MOST_ATTEMPTS, next_try};
use domain::alert::{AlertChannel, AlertKind, DeliveryState};
use futures::StreamExt;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Sent at a time.
const AT_A_TIME: usize = 16;
/// The others leave a message alone for so long.
const LEASE: Duration = Duration::from_secs(90);
/// One message takes no longer.
pub(super) const SENT_WITHIN: Duration = Duration::from_secs(30);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long connecting to an endpoint may take.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
/// How long an endpoint may take.
const ANSWERED_WITHIN_SECONDS: i32 = 10;

/// How messages leave.
#[derive(Clone, Default)]
pub struct CourierSettings {
    /// The mail server, if there is one.
    pub smtp: Option<Smtp>,
    /// By which name this server greets it: its public one, if that is known.
    pub hello: Option<String>,
    /// The sender of mails.
    pub mail_from: Option<String>,
    /// Whether webhooks may go to addresses that are not public.
    pub allow_private: bool,
}

/// Why a message was not sent.
pub(super) struct Failure {
    message: String,
    /// Another try would end the same.
    is_last: bool,
}

impl Failure {
    pub(super) fn last(message: String) -> Self {
        Self { message, is_last: true }
    }

    pub(super) fn again(message: String) -> Self {
        Self { message, is_last: false }
    }
}

/// Sends alerts.
pub struct Courier {
    backend: Backend,
    mailer: Option<Mailer>,
    caller: Caller,
}

impl Courier {
    /// A courier that reads and writes by `backend`.
    ///
    /// # Errors
    /// What is wrong with the settings, in a sentence.
    pub fn new(backend: Backend, settings: &CourierSettings) -> Result<Self, String> {
        let mailer = Mailer::of(settings)?;
        let caller = Caller::new(settings.allow_private, CONNECTED_WITHIN, Clock::system());
        let caller = caller.map_err(|error| format!("no client for webhooks: {error}"))?;
        Ok(Self { backend, mailer, caller })
    }

    /// Sends what is due, up to a handful; answers whether there may be more.
    ///
    /// # Errors
    /// A database error; what was taken then is taken again when its lease is over.
    pub async fn step(&self) -> Result<bool> {
        let began = Instant::now();
        let due = timeout(PATIENCE, self.take_due()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut.into()))?;
        let is_full = due.len() == AT_A_TIME;
        let sending = due.into_iter().map(|delivery| async move { self.deliver(&delivery, began).await });
        futures::stream::iter(sending).buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
        Ok(is_full)
    }

    async fn take_due(&self) -> Result<Vec<Delivery>> {
        let mut conn = self.backend.pool.acquire().await?;
        let lease = TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX);
        Ok(db::alert::take_due(&mut conn, AT_A_TIME as i64, lease).await?)
    }

    async fn deliver(&self, delivery: &Delivery, began: Instant) {
        if began.elapsed() > LEASE / 4 {
            return;
        }
        let result = if delivery.attempts > MOST_ATTEMPTS {
            Err(Failure::last("Given up: each time the node that sent it was lost.".to_owned()))
        } else {
            let late = Err(Failure::again(format!("It was not taken within {} s.", SENT_WITHIN.as_secs())));
            timeout(SENT_WITHIN, self.send(delivery)).await.unwrap_or(late)
        };
        let jitter = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        let (state, delay) = match &result {
            Ok(()) => (DeliveryState::Sent, TimeDelta::zero()),
            Err(failure) => match next_try(delivery.attempts, jitter).filter(|_| !failure.is_last) {
                Some(delay) => (DeliveryState::Pending, delay),
                None => (DeliveryState::Failed, TimeDelta::zero()),
            },
        };
        let error = result.err().map(|failure| failure.message);
        if state == DeliveryState::Failed {
            tracing::warn!(delivery = %delivery.id, channel = %delivery.channel, error, "an alert could not be sent");
        }
        let labels = [("channel", delivery.channel.as_str()), ("end", state.as_str())];
        metrics::counter!("sexton_alert_attempts_total", &labels).increment(1);
        self.write(delivery, began, state, error.as_deref(), delay).await;
    }

    /// Writes what became of it, as long as nobody else may send it.
    async fn write(
        &self,
        delivery: &Delivery,
        began: Instant,
        state: DeliveryState,
        error: Option<&str>,
        delay: TimeDelta,
    ) {
        while began.elapsed() < LEASE {
            match timeout(PATIENCE, self.end(delivery, state, error, delay)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(%error, "the end of an alert is not written yet"),
                Err(_) => {}
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn end(
        &self,
        delivery: &Delivery,
        state: DeliveryState,
        error: Option<&str>,
        delay: TimeDelta,
    ) -> Result<()> {
        let mut conn = self.backend.pool.acquire().await?;
        Ok(db::alert::end_attempt(&mut conn, delivery, state, error, delay).await?)
    }

    async fn send(&self, delivery: &Delivery) -> Result<(), Failure> {
        match (delivery.channel, &self.mailer) {
            (AlertChannel::Email, Some(mailer)) => mailer.send(delivery).await,
            (AlertChannel::Email, None) => Err(Failure::last(
                "No mail server is set: the operator has to set SEXTON_SMTP_URL or SEXTON_SMTP_HOST.".to_owned(),
            )),
            (AlertChannel::Webhook, _) => self.post(delivery).await,
        }
    }

    async fn post(&self, delivery: &Delivery) -> Result<(), Failure> {
        let post = Post {
            id: delivery.id,
            url: &delivery.target,
            body: body(delivery),
            at: delivery.now,
            secrets: &delivery.secrets,
            timeout_seconds: ANSWERED_WITHIN_SECONDS,
            until: None,
        };
        match self.caller.post(post).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_refused() => Err(Failure::last(failure.message)),
            Err(failure) => Err(Failure::again(failure.message)),
        }
    }
}

/// What a webhook is told.
fn body(delivery: &Delivery) -> String {
    let is_deletion = delivery.kind == AlertKind::DeleteFailed;
    json!({
        "alert_id": delivery.alert_id,
        "kind": delivery.kind,
        "project_id": delivery.project_id,
        "project": delivery.project,
        "task_uuid": delivery.task_id,
        "task": delivery.task_name,
        "message": delivery.message,
        "execution_id": (!is_deletion).then_some(delivery.subject_id),
        "deletion_id": is_deletion.then_some(delivery.subject_id),
        "at": delivery.at,
    })
    .to_string()
}
