//! Task groups: a daily window that gates the tasks in it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A group of tasks with a daily window `start_time`–`end_time` in `timezone`; overnight windows are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskGroup {
    /// The group.
    pub id: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// 1 to 255 characters.
    pub name: String,
    /// `HH:MM`, inclusive.
    pub start_time: Option<String>,
    /// `HH:MM`, exclusive.
    pub end_time: Option<String>,
    /// IANA time zone of the window.
    pub timezone: String,
}
