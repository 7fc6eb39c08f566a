//! API keys of a project: with which the programs that its tasks call answer back.

#[cfg(feature = "parsing")]
use crate::error::FieldError;
#[cfg(feature = "parsing")]
use crate::moment::check_moment;
#[cfg(feature = "parsing")]
use crate::text::parse_name;
use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// What a key may be used for.
    pub enum Scope {
        /// Reading the project.
        Read = "read",
        /// Changing it.
        Write = "write",
        /// Deleting tasks.
        Delete = "delete",
        /// Logging and reporting the end of executions.
        Callbacks = "callbacks",
    }
}

/// A key as it is shown: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// The key.
    pub id: Uuid,
    /// 1 to 255 characters.
    pub name: String,
    /// Its first characters, to tell it apart.
    pub hint: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// From then on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Who created it.
    pub created_by: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What a client sends to create a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", schema(examples(json!({ "name": "Ledger service", "scopes": ["callbacks"] }))))]
pub struct ApiKeyDraft {
    /// 1 to 255 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// `read`, `write`, `delete`, `callbacks`; `callbacks` alone unless given.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Scope>>, min_items = 1))]
    pub scopes: Option<Vec<String>>,
    /// In the future; null means never.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key that may be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its name.
    pub name: String,
    /// What it may be used for; at least one, none twice.
    pub scopes: Vec<Scope>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

#[cfg(feature = "parsing")]
impl ApiKeyDraft {
    /// Checks every field.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    pub fn parse(self, now: DateTime<Utc>) -> Result<NewApiKey, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = parse_name("name", &self.name).map_err(|error| errors.push(error)).unwrap_or_default();
        let scopes = parse_scopes(self.scopes).map_err(|error| errors.push(error)).unwrap_or_default();
        errors.extend(self.expires_at.and_then(|at| check_moment("expires_at", at).err()));
        if self.expires_at.is_some_and(|at| at <= now) {
            errors.push(FieldError::new("expires_at", "must be in the future, or null for a key that does not expire"));
        }
        if errors.is_empty() { Ok(NewApiKey { name, scopes, expires_at: self.expires_at }) } else { Err(errors) }
    }
}

#[cfg(feature = "parsing")]
fn parse_scopes(scopes: Option<Vec<String>>) -> Result<Vec<Scope>, FieldError> {
    let Some(named) = scopes else { return Ok(vec![Scope::Callbacks]) };
    let refuse = || FieldError::new("scopes", format!("must be one or more of {}", Scope::allowed()));
    let mut scopes = named.iter().map(|name| name.parse()).collect::<Result<Vec<Scope>, _>>().map_err(|_| refuse())?;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() { Err(refuse()) } else { Ok(scopes) }
}
