//! Settings of mail: one URL, or one setting each, so that a password may contain anything and stay in its file.

use crate::edge::host::PublicUrl;
use anyhow::{Context, Result, bail, ensure};
use backend::alerts::{CourierSettings, Smtp, SmtpTls};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MailTls {
    /// STARTTLS, which the server must offer; port 587.
    Starttls,
    /// TLS from the first byte; port 465.
    Tls,
    /// Not at all; port 25.
    None,
}

/// See the module.
#[derive(Clone, Debug, Args)]
pub struct MailSettings {
    /// The mail server of alerts: `smtp://user:password@host:port` (with `?tls=required` for STARTTLS) or `smtps://…`.
    #[arg(long, env = "SEXTON_SMTP_URL", hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// The mail server's name, in place of SEXTON_SMTP_URL.
    #[arg(long, env = "SEXTON_SMTP_HOST")]
    pub smtp_host: Option<String>,
    /// Its port, unless it is the usual one of SEXTON_SMTP_TLS.
    #[arg(long, env = "SEXTON_SMTP_PORT")]
    pub smtp_port: Option<u16>,
    /// How the connection is encrypted.
    #[arg(long, env = "SEXTON_SMTP_TLS", value_enum, default_value = "starttls")]
    pub smtp_tls: MailTls,
    /// The user, if the mail server asks for one.
    #[arg(long, env = "SEXTON_SMTP_USER")]
    pub smtp_user: Option<String>,
    /// The file that holds the user's password.
    #[arg(long, env = "SEXTON_SMTP_PASSWORD_FILE")]
    pub smtp_password_file: Option<PathBuf>,
    /// The sender of alerts by mail, such as `Sexton <sexton@example.com>`.
    #[arg(long, env = "SEXTON_MAIL_FROM")]
    pub mail_from: Option<String>,
}

impl MailSettings {
    /// How mail leaves. The mail server is greeted by the public name.
    ///
    /// # Errors
    /// As [`MailSettings::smtp`].
    pub fn courier(&self, public: Option<&PublicUrl>) -> Result<CourierSettings> {
        let hello = public.map(|public| public.host().to_owned());
        let mail_from = self.mail_from.clone().filter(|from| !from.trim().is_empty());
        Ok(CourierSettings { smtp: self.smtp()?, hello, mail_from, allow_private: false })
    }

    /// The mail server, if there is one.
    ///
    /// # Errors
    /// One sentence that says what to change.
    pub fn smtp(&self) -> Result<Option<Smtp>> {
        // An empty variable is none.
        let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let file = self.smtp_password_file.as_ref().filter(|file| !file.as_os_str().is_empty());
        let (url, user) = (said(&self.smtp_url), said(&self.smtp_user));
        let Some(host) = said(&self.smtp_host) else {
            ensure!(
                user.is_none() && file.is_none(),
                "SEXTON_SMTP_USER and SEXTON_SMTP_PASSWORD_FILE need SEXTON_SMTP_HOST"
            );
            return Ok(url.map(Smtp::Url));
        };
        ensure!(url.is_none(), "SEXTON_SMTP_HOST and SEXTON_SMTP_URL both name a mail server: set one of them");
        let login = match (user, file) {
            (Some(user), Some(file)) => {
                let what = || format!("SEXTON_SMTP_PASSWORD_FILE={} cannot be read", file.display());
                let password = std::fs::read_to_string(file).with_context(what)?;
                // Editors and `echo` end a file with a line end.
                Some((user, password.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (None, None) => None,
            _ => bail!("SEXTON_SMTP_USER and SEXTON_SMTP_PASSWORD_FILE belong together: set both or neither"),
        };
        let (tls, usual) = match self.smtp_tls {
            MailTls::Starttls => (SmtpTls::Starttls, 587),
            MailTls::Tls => (SmtpTls::Tls, 465),
            MailTls::None => (SmtpTls::None, 25),
        };
        Ok(Some(Smtp::Server { host, port: self.smtp_port.unwrap_or(usual), tls, login }))
    }
}
