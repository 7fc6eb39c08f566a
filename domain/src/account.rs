//! People: their accounts, the browsers they are signed in with, their tokens, and what they are in projects.

use crate::access::{Role, TokenScope};
use crate::error::FieldError;
#[cfg(feature = "parsing")]
use crate::moment::check_moment;
#[cfg(feature = "parsing")]
use crate::text::{composed, hides, parse_name};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// The person.
    pub id: Uuid,
    /// At most 254 characters, unique regardless of case.
    pub email: String,
    /// Whether they administer the whole instance.
    pub is_admin: bool,
    /// Whether they may create projects; administrators may in any case.
    pub may_create_projects: bool,
    /// Since when they may not sign in any more.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
}

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// The session; never what the cookie holds.
    pub id: Uuid,
    /// When the person signed in.
    pub created_at: DateTime<Utc>,
    /// When it was used last, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// It ends then, however much it is used.
    pub expires_at: DateTime<Utc>,
    /// The address it was begun from.
    pub address: Option<String>,
    /// What the browser called itself.
    pub agent: Option<String>,
}

/// A token with which programs act as a person; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonalToken {
    /// The token.
    pub id: Uuid,
    /// 1 to 255 characters.
    pub name: String,
    /// Its first characters, to tell it apart.
    pub hint: String,
    /// What it may be used for; null: all that its person may.
    pub scopes: Option<Vec<TokenScope>>,
    /// From then on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What a client sends to create a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenDraft {
    /// 1 to 255 characters.
    pub name: String,
    /// `read`, `write`, `delete`, `manage`; all that its person may unless given.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<TokenScope>>, min_items = 1))]
    pub scopes: Option<Vec<String>>,
    /// In the future; null means never.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token that may be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// What it may be used for: at least one, none twice. None: all that its person may.
    pub scopes: Option<Vec<TokenScope>>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

#[cfg(feature = "parsing")]
impl TokenDraft {
    /// Checks every field.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    pub fn parse(self, now: DateTime<Utc>) -> Result<NewToken, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = parse_name("name", &self.name).map_err(|error| errors.push(error)).unwrap_or_default();
        errors.extend(self.expires_at.and_then(|at| check_moment("expires_at", at).err()));
        let scopes = self.scopes.map(|scopes| parse_scopes(&scopes)).transpose();
        let scopes = scopes.map_err(|error| errors.push(error)).unwrap_or_default();
        if self.expires_at.is_some_and(|at| at <= now) {
            errors
                .push(FieldError::new("expires_at", "must be in the future, or null for a token that does not expire"));
        }
        if errors.is_empty() { Ok(NewToken { name, scopes, expires_at: self.expires_at }) } else { Err(errors) }
    }
}

#[cfg(feature = "parsing")]
fn parse_scopes(named: &[String]) -> Result<Vec<TokenScope>, FieldError> {
    let refuse = || FieldError::new("scopes", format!("must be one or more of {}, or null", TokenScope::allowed()));
    let scopes = named.iter().map(|name| name.parse()).collect::<Result<Vec<TokenScope>, _>>();
    let mut scopes = scopes.ok().filter(|scopes| !scopes.is_empty()).ok_or_else(refuse)?;
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}

/// A person in a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// The person.
    pub user_id: Uuid,
    /// Their address.
    pub email: String,
    /// What they are in the project.
    pub role: Role,
    /// Since when they are in it.
    pub created_at: DateTime<Utc>,
}

/// What a client sends to add a person to a project, or to change what they are in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberDraft {
    /// The address of an account that exists.
    pub email: String,
    /// `admin` or `readonly`.
    pub role: String,
}

#[cfg(feature = "parsing")]
impl MemberDraft {
    /// Checks every field.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    pub fn parse(&self) -> Result<(String, Role), Vec<FieldError>> {
        let email = parse_email("email", &self.email);
        let role = self.role.parse::<Role>().map_err(|allowed| FieldError::new("role", allowed));
        match (email, role) {
            (Ok(email), Ok(role)) => Ok((email, role)),
            (email, role) => Err([email.err(), role.err()].into_iter().flatten().collect()),
        }
    }
}

/// An address of mail, in NFC, as far as a form can tell: something, an @, something. The mail server knows the rest.
///
/// # Errors
/// What is allowed, for `field`.
#[cfg(feature = "parsing")]
pub fn parse_email(field: &str, text: &str) -> Result<String, FieldError> {
    let email = &composed(text.trim());
    let is_one = |(name, host): (&str, &str)| !name.is_empty() && !host.is_empty() && !host.contains('@');
    let is_plain =
        !email.chars().any(|c| c.is_whitespace() || c.is_control() || hides(c) || matches!(c, '<' | '>' | ','));
    if email.len() > 254 || !is_plain || !email.split_once('@').is_some_and(is_one) {
        return Err(FieldError::new(
            field,
            "must be an address of mail such as ada@example.com, at most 254 characters",
        ));
    }
    Ok(email.to_owned())
}

/// The shortest password; length is what makes one strong (NIST SP 800-63B, 3.1.1).
pub const MIN_PASSWORD: usize = 12;
/// The longest password, in bytes: longer ones would only cost us time.
pub const MAX_PASSWORD: usize = 1_024;

/// A password that may be set.
///
/// # Errors
/// What is allowed, for `field`.
pub fn check_password(field: &str, password: &str) -> Result<(), FieldError> {
    if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
        let allowed = format!("must have at least {MIN_PASSWORD} characters and at most {MAX_PASSWORD} bytes");
        return Err(FieldError::new(field, allowed));
    }
    Ok(())
}

/// How many days something lasts: 1 to 3,650, or nothing for ever.
///
/// # Errors
/// What is allowed, for `field`.
pub fn parse_days(field: &str, text: &str) -> Result<Option<i64>, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let days = text.parse().ok().filter(|days| (1..=3_650).contains(days));
    let refused = || FieldError::new(field, "must be between 1 and 3650 days, or empty for no end");
    days.map(Some).ok_or_else(refused)
}
