//! Who has come back from the issuer: the exchange of a code for a token, and what is believed of it.
//!
//! Invariant: nothing that a token says is believed before its signature, issuer, audience, end and nonce were checked.

use super::{Client, Issuer, KNOWN_FOR};
use crate::accounts::oidc::Failure;
use crate::accounts::oidc::answers::{Unreachable, innermost};
use crate::db::oidc::FlowRow;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, Utc};
use domain::error::{ProblemKind, Refusal};
use openidconnect::core::{
    CoreErrorResponseType, CoreIdToken, CoreIdTokenClaims, CoreJwsSigningAlgorithm as Algorithm, CoreTokenResponse,
    CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, Nonce, OAuth2TokenResponse, PkceCodeVerifier,
    RequestTokenError, StandardErrorResponse, TokenResponse,
};
use serde_json::{Map, Value};
use std::time::Instant;

/// The longest subject, as OpenID Connect Core says (section 2).
const MOST_SUBJECT: usize = 255;
/// Signatures that only the issuer can make: `none` and those by the client's secret are not among them.
const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// Somebody, as the issuer says.
pub(in super::super) struct Identity {
    pub issuer: String,
    pub subject: String,
    email: Option<String>,
    is_verified: bool,
    /// When they gave the issuer a proof of who they are, if it says so.
    pub auth_time: Option<DateTime<Utc>>,
    /// What the ID token says.
    pub claims: Map<String, Value>,
}

impl Identity {
    /// Somebody with a verified address.
    #[cfg(test)]
    pub fn of_test(email: &str, claims: Map<String, Value>) -> Self {
        let (issuer, subject) = ("https://login.example.com".to_owned(), email.to_owned());
        Self { issuer, subject, email: Some(email.to_owned()), is_verified: true, auth_time: None, claims }
    }

    /// Their address, if the issuer knows that it is theirs.
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_deref().map(str::trim).filter(|email| self.is_verified && !email.is_empty())
    }
}

impl Issuer {
    /// Who has come back with this code.
    pub(in super::super) async fn identify(&self, code: &str, flow: &FlowRow) -> Result<Identity, Failure> {
        self.in_time(self.exchange(code, flow)).await
    }

    async fn exchange(&self, code: &str, flow: &FlowRow) -> Result<Identity, Failure> {
        let began = Instant::now();
        let mut client = self.known_client(KNOWN_FOR).await?;
        let answer = self.token(&client, code, &flow.verifier).await?;
        let token = answer.id_token().ok_or_else(|| self.broken("its answer holds no ID token"))?;
        let nonce = Nonce::new(flow.nonce.clone());
        let mut claims = verified(&client, token, &nonce, flow.now);
        if matches!(claims, Err(ClaimsVerificationError::SignatureVerification(_))) {
            // Its keys may be others than those that we knew when we began.
            client = self.known_client(began.elapsed()).await?;
            claims = verified(&client, token, &nonce, flow.now);
        }
        let claims = claims.map_err(|error| self.unbelieved(&innermost(&error)))?;
        self.check_access_token(&client, &answer, token, claims)?;
        let said = said(token).ok_or_else(|| self.unbelieved("its claims cannot be read"))?;
        Ok(Identity { claims: said, ..self.identity(&client, &answer, claims).await? })
    }

    async fn token(&self, client: &Client, code: &str, verifier: &str) -> Result<CoreTokenResponse, Failure> {
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| self.broken(&innermost(&error)))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        let answer = request.request_async(&self.0.http).await;
        answer.map_err(|error: RequestTokenError<Unreachable, StandardErrorResponse<CoreErrorResponseType>>| {
            match &error {
                RequestTokenError::ServerResponse(said) if *said.error() == CoreErrorResponseType::InvalidGrant => {
                    let detail = format!("{} does not take this sign-in any more. Sign in again.", self.name());
                    Refusal::new(ProblemKind::Unauthorized, detail).into()
                }
                _ => self.broken(&innermost(&error)),
            }
        })
    }

    /// The access token, with which we ask more, is of the same person as the ID token.
    fn check_access_token(
        &self,
        client: &Client,
        answer: &CoreTokenResponse,
        token: &CoreIdToken,
        claims: &CoreIdTokenClaims,
    ) -> Result<(), Failure> {
        let Some(expected) = claims.access_token_hash() else { return Ok(()) };
        let verifier = client.id_token_verifier();
        let (algorithm, key) = match (token.signing_alg(), token.signing_key(&verifier)) {
            (Ok(algorithm), Ok(key)) => (algorithm, key),
            (Err(error), _) | (_, Err(error)) => return Err(self.unbelieved(&innermost(&error))),
        };
        let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key);
        let is_same = actual.is_ok_and(|actual| actual == *expected);
        is_same.then_some(()).ok_or_else(|| self.unbelieved("the access token is not the one that was signed"))
    }

    /// Who it is; what the ID token does not say about the address, the issuer is asked for.
    async fn identity(
        &self,
        client: &Client,
        answer: &CoreTokenResponse,
        claims: &CoreIdTokenClaims,
    ) -> Result<Identity, Failure> {
        let subject = claims.subject().clone();
        if subject.len() > MOST_SUBJECT {
            return Err(self.broken("the subject of its ID token has more than 255 characters"));
        }
        let mut email = claims.email().map(|email| email.to_string());
        let mut is_verified = claims.email_verified();
        if (email.is_none() || is_verified.is_none())
            && let Ok(request) = client.user_info(answer.access_token().clone(), Some(subject.clone()))
        {
            let info: Result<CoreUserInfoClaims, _> = request.request_async(&self.0.http).await;
            let info = info.map_err(|error| self.broken(&innermost(&error)))?;
            // Both from one answer: they are about one another.
            (email, is_verified) = (info.email().map(|email| email.to_string()), info.email_verified());
        }
        let (issuer, subject) = (claims.issuer().to_string(), subject.to_string());
        let (is_verified, auth_time) = (is_verified == Some(true), claims.auth_time());
        Ok(Identity { issuer, subject, email, is_verified, auth_time, claims: Map::new() })
    }

    fn unbelieved(&self, reason: &str) -> Failure {
        tracing::warn!(issuer = %self.0.url.as_str(), reason, "a token of the issuer is not believed");
        let detail = format!("The answer of {} cannot be believed: {reason}. Sign in again.", self.name());
        Refusal::new(ProblemKind::Unauthorized, detail).into()
    }
}

/// The claims of a token whose signature was verified, as they stand there.
fn said(token: &CoreIdToken) -> Option<Map<String, Value>> {
    let token = token.to_string();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

fn verified<'a>(
    client: &Client,
    token: &'a CoreIdToken,
    nonce: &Nonce,
    now: DateTime<Utc>,
) -> Result<&'a CoreIdTokenClaims, ClaimsVerificationError> {
    let verifier = client.id_token_verifier().set_allowed_algs(ASYMMETRIC).set_time_fn(move || now);
    token.claims(&verifier, nonce)
}
