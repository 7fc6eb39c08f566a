//! What a client sends of a task, checked field by field. Called by the use cases that create and change tasks.

use super::{Completion, MissedRunPolicy, OverlapPolicy, ScheduleType, Task, TaskDraft, metadata};
use crate::error::{FieldError, ProblemKind, Refusal};
use crate::schedule::{CronRule, Schedule, ScheduleConfig};
use crate::status::SettableStatus;
use crate::text::{parse_name, parse_text};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// A checked task: nothing in it can be refused any more, but for what only the database knows.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Trimmed.
    pub name: String,
    /// Trimmed.
    pub description: String,
    /// Recurring or once.
    pub schedule_type: ScheduleType,
    /// As it was given.
    pub schedule_config: ScheduleConfig,
    /// The same, ready to compute with.
    pub schedule: Schedule,
    /// By which rule its cron expression is read.
    pub cron_rule: CronRule,
    /// The status that the client asked for, if it named one.
    pub status: Option<SettableStatus>,
    /// The group, not yet looked up.
    pub task_group_id: Option<Uuid>,
    /// 1 to 86,400.
    pub timeout_seconds: i32,
    /// 1 to 20.
    pub max_attempts: i32,
    /// A JSON object.
    pub metadata: Value,
    /// What happens on overlap.
    pub overlap_policy: OverlapPolicy,
    /// What happens to missed runs.
    pub missed_run_policy: MissedRunPolicy,
    /// What ends an execution.
    pub completion: Completion,
}

impl NewTask {
    /// The cron expression, if the documented rule holds for it.
    #[must_use]
    pub fn documented_cron(&self) -> Option<&str> {
        self.schedule_config.cron_expression.as_deref().filter(|_| self.cron_rule == CronRule::Documented)
    }
}

/// Checks a status that a client sent.
///
/// # Errors
/// [`ProblemKind::StatusNotSettable`] for everything but `ACTIVE` and `DISABLED`.
pub fn parse_status(text: &str) -> Result<SettableStatus, Refusal> {
    text.parse().map_err(|message: String| {
        Refusal::fields(ProblemKind::StatusNotSettable, vec![FieldError::new("status", message)])
    })
}

impl TaskDraft {
    /// Checks every field. `now` decides whether a schedule still has a run ahead.
    ///
    /// # Errors
    /// [`ProblemKind::StatusNotSettable`], or [`ProblemKind::ValidationFailed`] with one error a field.
    pub fn parse(self, now: DateTime<Utc>) -> Result<NewTask, Refusal> {
        self.parse_over(None, now)
    }

    /// Checks a change of `task`. Text, metadata and a schedule that stay as they are keep their meaning and need not be allowed
    /// any more: what an older version stored can still be enabled, disabled and moved.
    ///
    /// # Errors
    /// As [`TaskDraft::parse`].
    pub fn parse_change(self, task: &Task, now: DateTime<Utc>) -> Result<NewTask, Refusal> {
        self.parse_over(Some(task), now)
    }

    fn parse_over(self, before: Option<&Task>, now: DateTime<Utc>) -> Result<NewTask, Refusal> {
        let status = self.status.as_deref().map(parse_status).transpose()?;
        let schedule_type = self.schedule_type.unwrap_or(ScheduleType::Recurring);
        let (schedule, cron_rule) = self.parse_schedule(schedule_type, before, now);
        let mut errors = Vec::new();
        let name = match before.filter(|task| task.name == self.name) {
            Some(task) => task.name.clone(),
            None => parse_name("name", &self.name).map_err(|e| errors.push(e)).unwrap_or_default(),
        };
        let description =
            parse_text("description", &self.description, 1_000).map_err(|e| errors.push(e)).unwrap_or_default();
        let timeout_seconds = self.timeout_seconds.unwrap_or(30);
        if !(1..=86_400).contains(&timeout_seconds) {
            errors.push(FieldError::new("timeout_seconds", "must be between 1 and 86400"));
        }
        let max_attempts = self.max_attempts.unwrap_or(3);
        if !(1..=20).contains(&max_attempts) {
            errors.push(FieldError::new("max_attempts", "must be between 1 and 20"));
        }
        let metadata = self.metadata.unwrap_or_else(|| serde_json::json!({}));
        if before.is_none_or(|task| task.metadata != metadata) {
            errors.extend(metadata::check(&metadata));
        }
        match schedule {
            Ok(schedule) if errors.is_empty() => Ok(NewTask {
                name,
                description,
                schedule_type,
                schedule_config: self.schedule_config,
                schedule,
                cron_rule,
                status,
                task_group_id: self.task_group_id,
                timeout_seconds,
                max_attempts,
                metadata,
                overlap_policy: self.overlap_policy.unwrap_or(OverlapPolicy::Skip),
                missed_run_policy: self.missed_run_policy.unwrap_or(MissedRunPolicy::RunOnce),
                completion: self.completion.unwrap_or(Completion::Response),
            }),
            schedule => {
                errors.extend(schedule.err().into_iter().flatten());
                Err(Refusal::fields(ProblemKind::ValidationFailed, errors))
            }
        }
    }

    /// The schedule, and by which rule it is read.
    fn parse_schedule(
        &self,
        kind: ScheduleType,
        current: Option<&Task>,
        now: DateTime<Utc>,
    ) -> (Result<Schedule, Vec<FieldError>>, CronRule) {
        let config = &self.schedule_config;
        let current = current.filter(|task| task.schedule_type == kind);
        let same_cron = current.filter(|task| task.schedule_config.cron_expression == config.cron_expression);
        let rule = same_cron.map_or(CronRule::Documented, |task| task.cron_rule);
        if current.is_some_and(|task| task.schedule_config == *config) {
            return (Schedule::stored(kind, config, rule), rule);
        }
        let same_moment = current.is_some_and(|task| task.schedule_config.run_at == config.run_at);
        let has_passed = kind == ScheduleType::Oneoff && config.run_at.is_some_and(|run_at| run_at < now);
        let schedule = Schedule::parse_by(rule, kind, config, now);
        if has_passed && !same_moment && !self.allow_past && schedule.is_ok() {
            let message = "has passed: give a moment in the future, or set allow_past to keep it as a finished task";
            return (Err(vec![FieldError::new("schedule_config.run_at", message)]), rule);
        }
        (schedule, rule)
    }
}
