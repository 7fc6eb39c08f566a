//! One issuer: what it says about itself, which is asked for when somebody signs in, and kept for an hour. An issuer that is
//! away keeps nothing from starting, and nobody waits for it longer than a request may take.

mod token;

pub(super) use token::Identity;

use super::answers::{Http, innermost};
use super::{Arrival, Failure, Rules};
use domain::error::{ProblemKind, Refusal};
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreProviderMetadata,
};
use openidconnect::{
    AuthType, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// What an issuer says about itself is believed for so long.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// Where people sign in besides, and who we are there.
#[derive(Clone)]
pub struct IssuerSettings {
    /// What people call it.
    pub name: String,
    /// Its URL, to the letter as it says itself.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there, if we have one.
    pub client_secret: Option<String>,
    /// Where it sends people back to.
    pub redirect_uri: String,
    /// Whether who has no account gets one.
    pub creates_accounts: bool,
    /// Whom it lets in, and what they may do.
    pub rules: Rules,
    /// How long it may take to answer what one request of a browser asks.
    pub patience: Duration,
}

/// The issuer of this instance. Cheap to clone.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    settings: IssuerSettings,
    url: IssuerUrl,
    redirect: RedirectUrl,
    http: Http,
    /// Held while it is asked for, so that it is asked for once.
    known: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

/// What a browser is sent with.
pub(super) struct Request {
    pub url: String,
    pub nonce: Nonce,
    pub verifier: PkceCodeVerifier,
}

impl Issuer {
    /// An issuer that is asked for something only when somebody signs in.
    ///
    /// # Errors
    /// What is wrong with the settings, in a sentence.
    pub fn new(settings: IssuerSettings) -> Result<Self, String> {
        let no_url = |what: &str, error| format!("the {what} of OpenID Connect is not a URL: {error}");
        let url = IssuerUrl::new(settings.issuer.clone()).map_err(|error| no_url("issuer", error))?;
        let redirect = RedirectUrl::new(settings.redirect_uri.clone()).map_err(|error| no_url("way back", error))?;
        let http = Http::new(settings.patience).map_err(|error| format!("no client for the issuer: {error}"))?;
        Ok(Self(Arc::new(Inner { settings, url, redirect, http, known: Mutex::default() })))
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.settings.name
    }

    pub(super) fn settings(&self) -> &IssuerSettings {
        &self.0.settings
    }

    /// Where a browser is to go, and what must come back.
    pub(super) async fn request(&self, state: &str, proves: bool) -> Result<Request, Failure> {
        let client = self.in_time(self.known_client(KNOWN_FOR)).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new(state.to_owned());
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, Nonce::new_random)
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge);
        if proves {
            // With an age the issuer has to say when they signed in there (OpenID Connect Core, section 2).
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        }
        let (url, _, nonce) = request.url();
        Ok(Request { url: url.into(), nonce, verifier })
    }

    /// Refuses what does not come from this issuer, or is a refusal of its own.
    pub(super) fn check(&self, arrival: &Arrival) -> Result<(), Failure> {
        let detail = if arrival.iss.as_deref().is_some_and(|iss| iss != self.0.url.as_str()) {
            format!("This answer does not come from {}. Sign in again.", self.name())
        } else if let Some(error) = &arrival.error {
            let said: String = arrival.error_description.as_ref().unwrap_or(error).chars().take(200).collect();
            format!("{} did not sign you in: {said}.", self.name())
        } else if arrival.code.is_empty() {
            format!("The answer of {} is incomplete. Sign in again.", self.name())
        } else {
            return Ok(());
        };
        Err(Refusal::new(ProblemKind::Unauthorized, detail).into())
    }

    /// Our client of an issuer that said so much about itself not longer ago than `age`.
    async fn known_client(&self, age: Duration) -> Result<Client, Failure> {
        let mut known = self.0.known.lock().await;
        if let Some((_, metadata)) = known.as_ref().filter(|(at, _)| at.elapsed() < age) {
            return Ok(self.client(metadata));
        }
        let found = CoreProviderMetadata::discover_async(self.0.url.clone(), &self.0.http).await;
        let (_, metadata) = known.insert((Instant::now(), found.map_err(|error| self.broken(&innermost(&error)))?));
        Ok(self.client(metadata))
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let (id, secret) = (self.0.settings.client_id.clone(), self.0.settings.client_secret.clone());
        let secret = secret.map(ClientSecret::new);
        let client = CoreClient::from_provider_metadata(metadata.clone(), ClientId::new(id), secret)
            .set_redirect_uri(self.0.redirect.clone());
        let takes_basic = metadata
            .token_endpoint_auth_methods_supported()
            .is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        client.set_auth_type(if takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let late = || Err(self.broken("it did not answer in time"));
        timeout(self.0.settings.patience, asked).await.unwrap_or_else(|_| late())
    }

    fn broken(&self, reason: &str) -> Failure {
        tracing::warn!(issuer = %self.0.url.as_str(), reason, "the issuer cannot be used");
        Failure::Issuer(format!("{} cannot be used now: {reason}. Try again, or sign in otherwise.", self.name()))
    }
}
