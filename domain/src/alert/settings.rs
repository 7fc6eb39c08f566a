//! Who is told what: the alert settings of a project.

use super::AlertKind;
#[cfg(feature = "parsing")]
use crate::error::FieldError;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The alert settings of a project as they are shown. One that has none yet has these defaults and version 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertSettings {
    /// The project.
    pub project_id: Uuid,
    /// Who is told by mail.
    pub emails: Vec<String>,
    /// Who is told by a signed POST.
    pub webhook_url: Option<String>,
    /// What is told.
    pub kinds: Vec<AlertKind>,
    /// A task that goes on failing is told again after so long.
    pub throttle_seconds: i32,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When they were changed last.
    pub updated_at: Option<DateTime<Utc>>,
}

/// What a client sends to replace them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", schema(examples(json!({ "emails": ["ops@example.com"], "kinds": ["FAILURE", "RECOVERY"] }))))]
pub struct AlertSettingsDraft {
    /// At most 20 addresses. Without addresses and webhook nobody is told, and nothing recorded.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub emails: Vec<String>,
    /// http or https URL, at most 2,048 characters, without user and password.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 2048))]
    pub webhook_url: Option<String>,
    /// `FAILURE`, `RECOVERY`, `MISSED`, `DELETE_FAILED`; all unless given.
    #[serde(default = "all_kinds")]
    pub kinds: Vec<AlertKind>,
    /// 0 to 86,400; 300 unless given.
    #[serde(default = "default_throttle")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 86400))]
    pub throttle_seconds: i32,
}

fn all_kinds() -> Vec<AlertKind> {
    AlertKind::ALL.to_vec()
}

fn default_throttle() -> i32 {
    300
}

impl AlertSettings {
    /// Those of a project that has none: nobody is told.
    #[must_use]
    pub fn none(project_id: Uuid) -> Self {
        Self {
            project_id,
            emails: Vec::new(),
            webhook_url: None,
            kinds: all_kinds(),
            throttle_seconds: default_throttle(),
            version: 0,
            updated_at: None,
        }
    }
}

/// Addresses of a project at the most.
#[cfg(feature = "parsing")]
const MOST_EMAILS: usize = 20;
/// The longest throttle: a day.
#[cfg(feature = "parsing")]
const MAX_THROTTLE_SECONDS: i32 = 86_400;

#[cfg(feature = "parsing")]
impl AlertSettingsDraft {
    /// Checks every field and returns the draft with surrounding space removed.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    pub fn parse(mut self) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        if self.emails.len() > MOST_EMAILS {
            errors.push(FieldError::new("emails", format!("must be at most {MOST_EMAILS} addresses")));
        }
        for n in 0..self.emails.len() {
            let address = self.emails[n].trim().to_owned();
            let is_same = |other: &String| other.eq_ignore_ascii_case(&address);
            if !is_address(&address) {
                let message = "must be an address such as ops@example.com, in ASCII, with at most 254 characters";
                errors.push(FieldError::new(format!("emails[{n}]"), message));
            } else if self.emails[..n].iter().any(is_same) {
                errors.push(FieldError::new(format!("emails[{n}]"), "must not stand there twice"));
            }
            self.emails[n] = address;
        }
        self.webhook_url = match self.webhook_url.filter(|url| !url.trim().is_empty()) {
            Some(url) => crate::project::parse_url("webhook_url", &url).map_err(|error| errors.push(error)).ok(),
            None => None,
        };
        if !(0..=MAX_THROTTLE_SECONDS).contains(&self.throttle_seconds) {
            let message = format!("must be between 0 and {MAX_THROTTLE_SECONDS} seconds (a day)");
            errors.push(FieldError::new("throttle_seconds", message));
        }
        self.kinds.sort_unstable();
        self.kinds.dedup();
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }
}

/// Whether a mail server could know this address. What is rare (quotes, comments, literals) is left out.
#[cfg(feature = "parsing")]
fn is_address(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let is_part = |part: &str, also: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    };
    let is_label =
        |label: &str| is_part(label, "-") && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
    text.len() <= 254
        && local.len() <= 64
        && local.split('.').all(|part| is_part(part, "!#$%&'*+/=?^_`{|}~-"))
        && host.split('.').all(is_label)
}
