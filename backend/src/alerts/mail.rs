//! Mails: one a receiver, by the operator's mail server. Its name is the operator's own, so no guard stands before it.

use super::courier::{CourierSettings, Failure, SENT_WITHIN};
use crate::db::alert::Delivery;
use domain::alert::AlertKind;
use domain::text::isolated;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// How long it may take to connect. The whole of it: [`SENT_WITHIN`].
const PATIENCE: Duration = Duration::from_secs(10);

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// STARTTLS, which the server must offer.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// Not at all.
    None,
}

/// The mail server, and who this server is there.
#[derive(Clone)]
pub enum Smtp {
    /// `smtp://user:password@host:port`, `smtps://…`.
    Url(String),
    /// The same in parts; the password may contain anything.
    Server {
        /// Its name.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is encrypted.
        tls: SmtpTls,
        /// User and password, if it asks for them.
        login: Option<(String, String)>,
    },
}

impl Smtp {
    fn builder(&self) -> Result<AsyncSmtpTransportBuilder, String> {
        type Transport = AsyncSmtpTransport<Tokio1Executor>;
        let (host, port, tls, login) = match self {
            Self::Url(url) => {
                let smtp = Transport::from_url(url);
                return smtp.map_err(|error| format!("SEXTON_SMTP_URL cannot be read: {error}"));
            }
            Self::Server { host, port, tls, login } => (host, *port, *tls, login),
        };
        let builder = match tls {
            SmtpTls::Starttls => Transport::starttls_relay(host),
            SmtpTls::Tls => Transport::relay(host),
            SmtpTls::None => Ok(Transport::builder_dangerous(host.as_str())),
        };
        let builder = builder.map_err(|error| format!("SEXTON_SMTP_HOST={host} cannot be used: {error}"))?.port(port);
        Ok(match login {
            Some((user, password)) => builder.credentials(Credentials::new(user.clone(), password.clone())),
            None => builder,
        })
    }
}

/// A name as `EHLO` says it: an address stands in brackets (RFC 5321, section 4.1.3).
fn name_of(name: &str) -> ClientId {
    match name.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(name.to_owned()),
    }
}

/// The way to the mail server.
pub(super) struct Mailer {
    smtp: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// A mailer, if the settings name a mail server. Connects only to send.
    pub(super) fn of(settings: &CourierSettings) -> Result<Option<Self>, String> {
        match (&settings.smtp, &settings.mail_from) {
            (Some(smtp), Some(from)) => Self::new(smtp, from, settings.hello.as_deref()).map(Some),
            (Some(_), None) => Err("a mail server needs SEXTON_MAIL_FROM too, the sender of mails".to_owned()),
            (None, _) => Ok(None),
        }
    }

    fn new(smtp: &Smtp, from: &str, hello: Option<&str>) -> Result<Self, String> {
        crate::executor::use_tls();
        let smtp = smtp.builder()?;
        // Without a name it would be the address of this machine, which Google's relay and others refuse.
        let smtp = match hello {
            Some(name) => smtp.hello_name(name_of(name)),
            None => smtp,
        };
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

/// Sends a mail that says that mail works, and returns once the mail server has taken it.
///
/// # Errors
/// What is wrong, in a sentence: with the settings, or what the mail server said.
pub async fn send_test(settings: &CourierSettings, to: &str) -> Result<(), String> {
    let none = "no mail server is set: set SEXTON_SMTP_URL or SEXTON_SMTP_HOST, and SEXTON_MAIL_FROM";
    let mailer = Mailer::of(settings)?.ok_or(none)?;
    let to: Address = to.parse().map_err(|error| format!("\"{to}\" is not an address: {error}"))?;
    let message = Message::builder().from(mailer.from.clone()).to(to.into()).subject("Sexton can send mail");
    let message = message.header(ContentType::TEXT_PLAIN);
    let message =
        message.body("This is the test that `sexton alert test` sends. Alerts will come the same way.\n".to_owned());
    let message = message.map_err(|error| format!("the mail cannot be written: {error}"))?;
    let taken = timeout(SENT_WITHIN, mailer.smtp.send(message)).await;
    let taken = taken.map_err(|_| format!("the mail server did not take it within {} s", SENT_WITHIN.as_secs()))?;
    taken.map(drop).map_err(|error| format!("the mail server did not take it: {error}"))
}

fn subject(delivery: &Delivery) -> String {
    let what = match delivery.kind {
        AlertKind::Failure => "failed",
        AlertKind::Recovery => "works again",
        AlertKind::Missed => "missed runs",
        AlertKind::DeleteFailed => "could not be deleted",
    };
    format!("[{}] {} {what}", isolated(&delivery.project), isolated(&delivery.task_name))
}

fn text(delivery: &Delivery) -> String {
    let subject = if delivery.kind == AlertKind::DeleteFailed { "Deletion" } else { "Execution" };
    format!(
        "{}\n\nProject: {}\nTask: {}\n{subject}: {}\nAt: {}\n\n-- \nSexton sends this because the alert settings of the \
         project name this address.\n",
        delivery.message,
        isolated(&delivery.project),
        delivery.task_id,
        delivery.subject_id,
        delivery.at.format("%Y-%m-%d %H:%M:%S UTC"),
    )
}
