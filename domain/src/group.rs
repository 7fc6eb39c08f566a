//! Task groups: a daily window that gates the tasks in it.
//!
//! Invariant: a window decides when a task may run, and never changes the task's own status.

use crate::task::RunState;
use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[cfg(feature = "parsing")]
mod gate;
#[cfg(feature = "parsing")]
mod window;
#[cfg(feature = "parsing")]
pub use gate::Gate;
#[cfg(feature = "parsing")]
pub use window::{Override, Window};

/// A group of tasks with a daily window `start_time`–`end_time` in `timezone`; overnight windows are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskGroup {
    /// The group.
    pub id: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// 1 to 255 characters, unique in its project regardless of case.
    pub name: String,
    /// `HH:MM`, inclusive; null together with `end_time`: always open.
    pub start_time: Option<String>,
    /// `HH:MM`, exclusive; earlier than `start_time` means the next day.
    pub end_time: Option<String>,
    /// IANA time zone of the window.
    pub timezone: String,
    /// Inside the window, or started by hand, or not.
    pub state: RunState,
    /// When a start or stop by hand ends; null when there is none, or the group has no window.
    pub override_until: Option<DateTime<Utc>>,
    /// True while a start or stop by hand is in force.
    pub is_overridden: bool,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// What a client sends to create or replace a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", schema(examples(json!({ "name": "Nightly", "start_time": "22:00", "end_time": "04:00", "timezone": "Europe/Berlin" }))))]
pub struct TaskGroupDraft {
    /// 1 to 255 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// `HH:MM`; null together with `end_time` means always open.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start_time: Option<String>,
    /// `HH:MM`; earlier than `start_time` means the next day.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub end_time: Option<String>,
    /// IANA time zone; `UTC` unless given.
    #[serde(default)]
    pub timezone: Option<String>,
}

impl From<&TaskGroup> for TaskGroupDraft {
    /// What a client would send to leave the group as it is.
    fn from(group: &TaskGroup) -> Self {
        Self {
            name: group.name.clone(),
            start_time: group.start_time.clone(),
            end_time: group.end_time.clone(),
            timezone: Some(group.timezone.clone()),
        }
    }
}

text_enum! {
    /// What becomes of the tasks of a group that is deleted.
    pub enum GroupDeletion {
        /// The group is not deleted while it has any.
        Block = "block",
        /// They stay, in no group.
        Orphan = "orphan",
        /// They are deleted, each like one that was deleted by itself.
        Cascade = "cascade",
    }
}
