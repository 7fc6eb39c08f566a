//! Mails: one a receiver, by the operator's mail server. Its name is the operator's own, so no guard stands before it.

use super::courier::Failure;
use crate::db::alert::Delivery;
use domain::alert::AlertKind;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::time::Duration;

/// How long a step of the conversation may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to the mail server.
pub(super) struct Mailer {
    smtp: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// A mailer that sends by `url` (`smtp://`, `smtps://`) as `from`. Connects only to send.
    pub(super) fn new(url: &str, from: &str) -> Result<Self, String> {
        crate::executor::use_tls();
        let smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let smtp = smtp.map_err(|error| format!("SEXTON_SMTP_URL cannot be read: {error}"))?;
        let from = from.parse().map_err(|error| format!("SEXTON_MAIL_FROM={from} is not an address: {error}"))?;
        Ok(Self { smtp: smtp.timeout(Some(PATIENCE)).build(), from })
    }

    pub(super) async fn send(&self, delivery: &Delivery) -> Result<(), Failure> {
        let message = self.message(delivery)?;
        match self.smtp.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Failure::last(format!("The mail server refused it: {error}."))),
            Err(error) => Err(Failure::again(format!("The mail server did not take it: {error}."))),
        }
    }

    fn message(&self, delivery: &Delivery) -> Result<Message, Failure> {
        let to: Address =
            delivery.target.parse().map_err(|error| Failure::last(format!("Not an address: {error}.")))?;
        // A mail that had to be sent again is the same mail.
        let id = format!("<{}@{}>", delivery.id, self.from.email.domain());
        let robot = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .from(self.from.clone())
            .to(to.into())
            .subject(subject(delivery))
            .message_id(Some(id))
            .raw_header(robot)
            .header(ContentType::TEXT_PLAIN)
            .body(text(delivery))
            .map_err(|error| Failure::last(format!("The mail cannot be written: {error}.")))
    }
}

fn subject(delivery: &Delivery) -> String {
    let what = match delivery.kind {
        AlertKind::Failure => "failed",
        AlertKind::Recovery => "works again",
        AlertKind::Missed => "missed runs",
        AlertKind::DeleteFailed => "could not be deleted",
    };
    format!("[{}] {} {what}", delivery.project, delivery.task_name)
}

fn text(delivery: &Delivery) -> String {
    let subject = if delivery.kind == AlertKind::DeleteFailed { "Deletion" } else { "Execution" };
    format!(
        "{}\n\nProject: {}\nTask: {}\n{subject}: {}\nAt: {}\n\n-- \nSexton sends this because the alert settings of the \
         project name this address.\n",
        delivery.message,
        delivery.project,
        delivery.task_id,
        delivery.subject_id,
        delivery.at.format("%Y-%m-%d %H:%M:%S UTC"),
    )
}
