//! Signing in with OpenID Connect.

use super::Settings;
use crate::claim::password_of;
use crate::edge::host::PublicUrl;
use anyhow::{Result, ensure};
use backend::accounts::oidc::{Issuer, IssuerSettings, Rules};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Where an issuer sends people back to, below the public URL.
pub const CALLBACK: &str = "/login/oidc/callback";

/// An issuer of OpenID Connect at which people can sign in besides.
#[derive(Clone, Debug, Args)]
pub struct OidcSettings {
    /// An issuer of OpenID Connect at which people can sign in besides, such as https://login.example.com/realms/ops.
    #[arg(long, env = "SEXTON_OIDC_ISSUER")]
    pub oidc_issuer: Option<String>,
    /// The name of this instance there.
    #[arg(long, env = "SEXTON_OIDC_CLIENT_ID")]
    pub oidc_client_id: Option<String>,
    /// The file that holds its secret there; without, it is a public client.
    #[arg(long, env = "SEXTON_OIDC_CLIENT_SECRET_FILE")]
    pub oidc_client_secret_file: Option<PathBuf>,
    /// What people call the issuer.
    #[arg(long, env = "SEXTON_OIDC_NAME", default_value = "OpenID Connect")]
    pub oidc_name: String,
    /// Give people an account whose address the issuer has verified, and who have none.
    #[arg(long, env = "SEXTON_OIDC_CREATE")]
    pub oidc_create: bool,
    /// Domains of verified addresses whose people may sign in there, separated by commas; without, all.
    #[arg(long, env = "SEXTON_OIDC_ALLOWED_DOMAINS", value_delimiter = ',')]
    pub oidc_allowed_domains: Vec<String>,
    /// A claim of the ID token that people must have to sign in, as name=value; a list must contain the value.
    #[arg(long, env = "SEXTON_OIDC_REQUIRED_CLAIM")]
    pub oidc_required_claim: Option<String>,
    /// The claim of the ID token that lists the groups of a person.
    #[arg(long, env = "SEXTON_OIDC_GROUPS_CLAIM", default_value = "groups")]
    pub oidc_groups_claim: String,
    /// Groups whose people administer this instance, and nobody else who signs in there; separated by commas. Without, the
    /// issuer does not decide it.
    #[arg(long, env = "SEXTON_OIDC_ADMIN_GROUPS", value_delimiter = ',')]
    pub oidc_admin_groups: Vec<String>,
    /// Groups whose people may create projects, and nobody else who signs in there; separated by commas. Without, the issuer
    /// does not decide it.
    #[arg(long, env = "SEXTON_OIDC_CREATOR_GROUPS", value_delimiter = ',')]
    pub oidc_creator_groups: Vec<String>,
}

impl OidcSettings {
    /// The issuer and our name there; an empty variable is none.
    fn named(&self) -> Option<(&str, &str)> {
        let issuer = self.oidc_issuer.as_deref().map(str::trim).filter(|issuer| !issuer.is_empty())?;
        Some((issuer, self.oidc_client_id.as_deref().unwrap_or_default().trim()))
    }

    fn required_claim(&self) -> Result<Option<(String, String)>> {
        let Some(text) = self.oidc_required_claim.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let parts = text.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let parts = parts.filter(|(name, value)| !name.is_empty() && !value.is_empty());
        let wrong = || anyhow::anyhow!("SEXTON_OIDC_REQUIRED_CLAIM={text} must be name=value, such as department=ops");
        parts.map(Some).ok_or_else(wrong)
    }

    fn rules(&self) -> Result<Rules> {
        let listed = |texts: &[String]| -> Vec<String> {
            texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
        };
        let domains = listed(&self.oidc_allowed_domains);
        Ok(Rules {
            domains: domains.iter().map(|domain| domain.trim_start_matches('@').to_lowercase()).collect(),
            required: self.required_claim()?,
            groups_claim: self.oidc_groups_claim.trim().to_owned(),
            admin_groups: listed(&self.oidc_admin_groups),
            creator_groups: listed(&self.oidc_creator_groups),
        })
    }

    /// Checks what clap cannot.
    pub(super) fn check(&self, public: Option<&PublicUrl>) -> Result<()> {
        let Some((issuer, client_id)) = self.named() else { return Ok(()) };
        self.required_claim()?;
        ensure!(
            !client_id.is_empty(),
            "SEXTON_OIDC_ISSUER needs SEXTON_OIDC_CLIENT_ID, the name of this instance there"
        );
        let Some(public) = public else {
            anyhow::bail!(
                "SEXTON_OIDC_ISSUER needs SEXTON_PUBLIC_URL: the issuer sends people back to {CALLBACK} below it"
            );
        };
        // What signs people in must not be read or changed on its way, unless nothing here is protected anyway.
        let is_safe = issuer.starts_with("https://") || issuer.starts_with("http://") && !public.is_https();
        ensure!(
            is_safe,
            "SEXTON_OIDC_ISSUER={issuer} must begin with https:// (or http:// where SEXTON_PUBLIC_URL does)"
        );
        Ok(())
    }
}

impl Settings {
    /// The issuer of this instance, if it has one.
    ///
    /// # Errors
    /// Settings that cannot be read.
    pub fn issuer(&self) -> Result<Option<Issuer>> {
        let (Some((issuer, client_id)), Some(url)) = (self.oidc.named(), &self.edge.public_url) else {
            return Ok(None);
        };
        let client_secret = match &self.oidc.oidc_client_secret_file {
            Some(file) if !file.as_os_str().is_empty() => Some(password_of(file)?),
            _ => None,
        };
        let settings = IssuerSettings {
            name: self.oidc.oidc_name.clone(),
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            client_secret,
            redirect_uri: format!("{}{CALLBACK}", url.origin()),
            creates_accounts: self.oidc.oidc_create,
            rules: self.oidc.rules()?,
            // The rest is for the database.
            patience: Duration::from_millis(self.request_timeout_ms) * 3 / 4,
        };
        Issuer::new(settings).map(Some).map_err(anyhow::Error::msg)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Cli, Command};
    use clap::Parser;

    /// What is wrong with these settings, if anything.
    fn wrong(arguments: &[&str]) -> Option<String> {
        let fixed = ["sexton", "serve", "--database-url", "postgres://localhost/none"];
        let Command::Serve(settings) = Cli::try_parse_from(fixed.iter().chain(arguments)).unwrap().command else {
            panic!("not serve")
        };
        let issuer = settings.check().and_then(|()| settings.issuer().map(drop));
        issuer.err().map(|error| error.to_string())
    }

    #[test]
    fn an_issuer_needs_all_that_a_sign_in_needs() {
        let (issuer, id) = (["--oidc-issuer", "https://login.example.com"], ["--oidc-client-id", "sexton"]);
        let public = ["--public-url", "https://cron.example.com"];
        assert_eq!(wrong(&[&issuer[..], &id, &public].concat()), None);
        assert_eq!(wrong(&["--oidc-issuer", " "]), None, "an empty variable is none");
        let http = ["--oidc-issuer", "http://login.example.com"];
        let (file, wordless) = (["--oidc-client-secret-file", "/nowhere"], ["--oidc-issuer", "https://"]);
        let cases = [
            (&[&issuer[..], &public].concat(), "SEXTON_OIDC_CLIENT_ID"),
            (&[&issuer[..], &id].concat(), "SEXTON_PUBLIC_URL"),
            (&[&http[..], &id, &public].concat(), "must begin with https://"),
            (&[&wordless[..], &id, &public].concat(), "not a URL"),
            (&[&issuer[..], &id, &public, &["--oidc-required-claim", "ops"]].concat(), "must be name=value"),
            (&[&issuer[..], &id, &public, &file].concat(), "/nowhere"),
        ];
        for (arguments, why) in cases {
            let said = wrong(arguments).unwrap_or_default();
            assert!(said.contains(why), "{arguments:?}: {said}");
        }
        let plain = ["--public-url", "http://localhost:3000"];
        assert_eq!(wrong(&[&http[..], &id, &plain].concat()), None, "where nothing is protected anyway");
    }
}
