//! The forms as the browser sends them: texts, one a field, so that what was typed can be shown again.

use domain::task::Task;
use serde::de::DeserializeOwned;
use serde::de::value::{Error, MapDeserializer};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A form from its fields; none if one cannot be read.
pub fn read_fields<T: DeserializeOwned>(fields: Vec<(String, String)>) -> Option<T> {
    T::deserialize(MapDeserializer::<_, Error>::new(fields.into_iter())).ok()
}

/// The form of a new project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectForm {
    pub name: String,
    pub description: String,
    pub execution_endpoint: String,
    pub undo_window_seconds: String,
}

/// The form of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskForm {
    pub project_id: Uuid,
    /// Empty for a new one.
    pub uuid: String,
    /// The version that was being edited.
    pub version: String,
    pub name: String,
    pub description: String,
    /// `cron`, `range` or `once`.
    pub kind: String,
    pub cron_expression: String,
    pub timezone: String,
    pub range_start: String,
    pub range_end: String,
    pub every_value: String,
    pub every_unit: String,
    /// Separated by commas or spaces.
    pub days_of_week: String,
    /// `2026-11-23T14:00:00Z`.
    pub run_at: String,
    /// Separated by commas or spaces.
    pub exclusions: String,
    pub timeout_seconds: String,
    pub max_attempts: String,
    pub overlap_policy: String,
    pub missed_run_policy: String,
    /// A JSON object.
    pub metadata: String,
    /// `ACTIVE` or `DISABLED`.
    pub status: String,
    /// Kept as they are: the form does not show them yet.
    pub task_group_id: String,
    pub completion: String,
}

impl TaskForm {
    /// The empty form of a project.
    #[must_use]
    pub fn new(project_id: Uuid) -> Self {
        Self {
            project_id,
            kind: "cron".to_owned(),
            cron_expression: "0 9 * * MON-FRI".to_owned(),
            timezone: "UTC".to_owned(),
            range_start: "09:00".to_owned(),
            range_end: "17:00".to_owned(),
            every_value: "15".to_owned(),
            every_unit: "m".to_owned(),
            timeout_seconds: "30".to_owned(),
            max_attempts: "3".to_owned(),
            overlap_policy: "SKIP".to_owned(),
            missed_run_policy: "RUN_ONCE".to_owned(),
            metadata: "{}".to_owned(),
            status: "ACTIVE".to_owned(),
            ..Self::default()
        }
    }

    /// Where the form stands.
    #[must_use]
    pub fn path(&self) -> String {
        match self.uuid.parse::<Uuid>() {
            Err(_) => format!("/projects/{}/tasks/new", self.project_id),
            Ok(uuid) => format!("/projects/{}/tasks/{uuid}/edit", self.project_id),
        }
    }
}

impl From<&Task> for TaskForm {
    fn from(task: &Task) -> Self {
        let config = &task.schedule_config;
        let mut form = Self {
            uuid: task.uuid.to_string(),
            version: task.version.to_string(),
            name: task.name.clone(),
            description: task.description.clone(),
            timezone: config.timezone.clone(),
            days_of_week: config.days_of_week.join(", "),
            exclusions: config.exclusions.join(", "),
            timeout_seconds: task.timeout_seconds.to_string(),
            max_attempts: task.max_attempts.to_string(),
            overlap_policy: task.overlap_policy.to_string(),
            missed_run_policy: task.missed_run_policy.to_string(),
            metadata: task.metadata.to_string(),
            status: task.status.to_string(),
            task_group_id: task.task_group_id.map(|id| id.to_string()).unwrap_or_default(),
            completion: task.completion.to_string(),
            ..Self::new(task.project_id)
        };
        if let Some(cron) = &config.cron_expression {
            form.cron_expression.clone_from(cron);
        } else if let Some(range) = &config.time_range {
            form.kind = "range".to_owned();
            form.range_start.clone_from(&range.start);
            form.range_end.clone_from(&range.end);
            form.every_value = range.frequency.value.to_string();
            form.every_unit = range.frequency.unit.to_string();
        } else if let Some(at) = config.run_at {
            form.kind = "once".to_owned();
            form.run_at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        }
        form
    }
}

#[cfg(feature = "ssr")]
pub(super) use reading::edited;

#[cfg(feature = "ssr")]
mod reading {
    use super::{ProjectForm, TaskForm};
    use backend::tasks::etag::Precondition;
    use domain::error::{FieldError, ProblemKind, Refusal};
    use domain::project::ProjectDraft;
    use domain::schedule::{Frequency, ScheduleConfig, TimeRange};
    use domain::task::{ScheduleType, TaskDraft};
    use std::str::FromStr;
    use uuid::Uuid;

    impl ProjectForm {
        /// # Errors
        /// What is not a number; the rest is checked by the domain.
        pub fn draft(&self) -> Result<ProjectDraft, Refusal> {
            Ok(ProjectDraft {
                name: self.name.clone(),
                description: self.description.clone(),
                execution_endpoint: self.execution_endpoint.clone(),
                undo_window_seconds: optional("undo_window_seconds", &self.undo_window_seconds)?,
                ..ProjectDraft::default()
            })
        }
    }

    impl TaskForm {
        /// The task that is edited; none for a new one.
        ///
        /// # Errors
        /// When it is neither an id nor empty.
        pub fn uuid(&self) -> Result<Option<Uuid>, Refusal> {
            edited("uuid", &self.uuid)
        }

        /// The version that was being edited: somebody else's change in between is not overwritten.
        pub fn seen(&self) -> Precondition {
            self.version.parse().map_or(Precondition::None, |version| Precondition::OneOf(vec![version]))
        }

        /// # Errors
        /// What cannot be read as the value of its field; the rest is checked by the domain.
        pub fn schedule(&self) -> Result<(ScheduleType, ScheduleConfig), Refusal> {
            let mut config = ScheduleConfig {
                timezone: self.timezone.trim().to_owned(),
                exclusions: list(&self.exclusions),
                ..ScheduleConfig::default()
            };
            match self.kind.as_str() {
                "once" => {
                    let allowed = "must be a moment such as 2026-11-23T14:00:00Z or 2026-11-23T14:00:00+01:00";
                    let refuse = |_| refusal("schedule_config.run_at", allowed);
                    config.run_at = Some(self.run_at.trim().parse().map_err(refuse)?);
                    return Ok((ScheduleType::Oneoff, config));
                }
                "range" => {
                    let value = required("schedule_config.time_range.frequency", &self.every_value)?;
                    let unit = required("schedule_config.time_range.frequency", &self.every_unit)?;
                    let (start, end) = (self.range_start.trim().to_owned(), self.range_end.trim().to_owned());
                    config.time_range = Some(TimeRange { start, end, frequency: Frequency { value, unit } });
                    config.days_of_week = list(&self.days_of_week);
                }
                _ => config.cron_expression = Some(self.cron_expression.clone()),
            }
            Ok((ScheduleType::Recurring, config))
        }

        /// # Errors
        /// What cannot be read as the value of its field; the rest is checked by the domain.
        pub fn draft(&self) -> Result<TaskDraft, Refusal> {
            let (schedule_type, schedule_config) = self.schedule()?;
            let metadata = if self.metadata.trim().is_empty() { "{}" } else { &self.metadata };
            let metadata = domain::json::read("metadata", metadata);
            let refused = |error| Refusal::fields(ProblemKind::ValidationFailed, vec![error]);
            Ok(TaskDraft {
                name: self.name.clone(),
                description: self.description.clone(),
                schedule_type: Some(schedule_type),
                schedule_config,
                status: Some(self.status.clone()).filter(|status| !status.is_empty()),
                task_group_id: optional("task_group_id", &self.task_group_id)?,
                timeout_seconds: optional("timeout_seconds", &self.timeout_seconds)?,
                max_attempts: optional("max_attempts", &self.max_attempts)?,
                metadata: Some(metadata.map_err(refused)?),
                overlap_policy: optional("overlap_policy", &self.overlap_policy)?,
                missed_run_policy: optional("missed_run_policy", &self.missed_run_policy)?,
                completion: optional("completion", &self.completion)?,
                allow_past: false,
            })
        }
    }

    /// The id of what a form edits; none where it makes something new.
    ///
    /// # Errors
    /// When it is neither an id nor empty.
    pub fn edited(field: &str, text: &str) -> Result<Option<Uuid>, Refusal> {
        let refused = |_| refusal(field, "must be the id of what is edited, or empty for something new");
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(refused) }
    }

    fn list(text: &str) -> Vec<String> {
        text.split([',', ' ', '\n']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    fn optional<T: FromStr>(field: &str, text: &str) -> Result<Option<T>, Refusal> {
        if text.trim().is_empty() { Ok(None) } else { required(field, text).map(Some) }
    }

    fn required<T: FromStr>(field: &str, text: &str) -> Result<T, Refusal> {
        text.trim().parse().map_err(|_| refusal(field, "is not a value of this field"))
    }

    fn refusal(field: &str, message: &str) -> Refusal {
        Refusal::fields(ProblemKind::ValidationFailed, vec![FieldError::new(field, message)])
    }
}
