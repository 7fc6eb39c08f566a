//! Texts of others in fragments: the browser puts a fragment on the page as it is, so every one must be escaped here.

use super::account;
use super::accounts;
use super::address::Address;
use super::deletion;
use super::deletions;
use super::execution;
use super::executions;
use super::groups;
use super::html;
use super::project_deletion;
use super::projects;
use super::statistics;
use backend::access::Person;
use backend::executions::{ExecutionQuery, LogQuery};
use chrono::DateTime;
use domain::account::{PersonalToken, Session, User};
use domain::deletion::{
    DeadLetter, Deletion, DeletionState, DeletionSummary, EntryKind, FailureKind, LastError, Receipt, Step,
    TimelineEntry,
};
use domain::display::Display;
use domain::execution::{CallResponse, DayCounts, Execution, ExecutionStatus, LogLevel, LogLine, Trigger};
use domain::group::TaskGroup;
use domain::page::Page;
use domain::project::{Project, ProjectDeletion, ProjectDeletionPreview};
use domain::schedule::{CronRule, ScheduleConfig};
use domain::status::TaskStatus;
use domain::task::{Completion, MissedRunPolicy, OverlapPolicy, RunState, ScheduleType, Task};
use leptos::prelude::*;
use uuid::Uuid;

const EVIL: &str = "</pre></title></desc>'\"><script>window.x=1</script><img src=x onerror=window.x=1>";

fn project() -> Project {
    Project {
        id: Uuid::nil(),
        name: EVIL.to_owned(),
        description: EVIL.to_owned(),
        execution_endpoint: EVIL.to_owned(),
        undo_window_seconds: None,
        execution_days: None,
        cancel_on_delete: false,
        deletion_requested_at: None,
        version: 1,
        created_at: Default::default(),
        updated_at: Default::default(),
    }
}

fn task() -> Task {
    Task {
        uuid: Uuid::nil(),
        project_id: Uuid::nil(),
        task_group_id: None,
        name: EVIL.to_owned(),
        description: EVIL.to_owned(),
        schedule_type: ScheduleType::Recurring,
        schedule_config: ScheduleConfig { timezone: EVIL.to_owned(), ..ScheduleConfig::default() },
        cron_rule: CronRule::Documented,
        schedule_description: EVIL.to_owned(),
        is_finished: false,
        status: TaskStatus::Active,
        status_changed_at: Default::default(),
        state: RunState::Running,
        timeout_seconds: 30,
        max_attempts: 3,
        metadata: EVIL.into(),
        overlap_policy: OverlapPolicy::Skip,
        missed_run_policy: MissedRunPolicy::Skip,
        completion: Completion::Response,
        next_run_at: None,
        last_execution: None,
        version: 1,
        created_at: Default::default(),
        updated_at: Default::default(),
        deletion: None::<Deletion>,
    }
}

fn executed(status: ExecutionStatus) -> Execution {
    Execution {
        id: Uuid::nil(),
        task_uuid: Uuid::nil(),
        project_id: Uuid::nil(),
        status,
        trigger: Trigger::Manual,
        requested_by: Some(EVIL.to_owned()),
        scheduled_at: Default::default(),
        attempt: 2,
        missed: 3,
        node: Some(EVIL.to_owned()),
        started_at: Some(Default::default()),
        retry_at: Some(Default::default()),
        cancel_requested_at: None,
        finished_at: None,
        duration_ms: Some(1_200),
        error: Some(EVIL.to_owned()),
        response: Some(CallResponse {
            status: 500,
            content_type: Some(EVIL.to_owned()),
            body: EVIL.to_owned(),
            is_truncated: true,
            first_byte_ms: 3,
            total_ms: 5,
        }),
        log_lines: 1,
    }
}

#[test]
fn the_deletion_of_a_project_shows_its_name_and_its_error_as_texts() {
    let deletion = ProjectDeletion {
        id: Uuid::nil(),
        project_id: Uuid::nil(),
        project_name: EVIL.to_owned(),
        state: DeletionState::Failed,
        requested_at: Default::default(),
        requested_by: EVIL.to_owned(),
        request_id: Some(EVIL.to_owned()),
        tasks: 2_000,
        in_flight: vec![Uuid::nil()],
        tasks_left: 1_000,
        tasks_failed: 1,
        failed_attempts: 1,
        last_error: Some(EVIL.to_owned()),
        next_retry_at: Some(Default::default()),
        completed_at: None,
        receipt: None,
    };
    assert_harmless(project_deletion::progress(&project(), &deletion));
    assert_harmless(project_deletion::consent(&project(), &ProjectDeletionPreview { tasks: 1, ..Default::default() }));
    let card = projects::Card { project: project(), counts: vec![(TaskStatus::Active, 1)], failures_24h: 1 };
    assert_harmless(projects::whole(&Page { data: vec![card], next_cursor: Some(EVIL.to_owned()) }, true));
}

fn assert_harmless(view: AnyView) {
    let html = html(view);
    for tag in ["<script", "<img"] {
        assert!(!html.contains(tag), "{tag} in {html}");
    }
    assert!(html.contains("&lt;script&gt;"), "{html}");
}

#[test]
fn a_list_shows_texts_of_others_as_texts() {
    let page =
        Page { data: ExecutionStatus::ALL.iter().copied().map(executed).collect(), next_cursor: Some(EVIL.to_owned()) };
    let days = [DayCounts { day: EVIL.to_owned(), success: 1, failed: 1, ..DayCounts::default() }];
    assert_harmless(executions::latest(&task(), &page, &days));
    let query = ExecutionQuery {
        task_id: Some(Uuid::nil()),
        status: Some(EVIL.to_owned()),
        date: Some(EVIL.to_owned()),
        ..Default::default()
    };
    assert_harmless(executions::whole(project(), Some(&task()), &query, &page, &[task()]));
    assert_harmless(statistics::whole(project(), &days));
}

#[test]
fn an_execution_shows_answer_error_and_log_as_texts() {
    let line = |level| LogLine { id: 7, level, message: EVIL.to_owned(), created_at: Default::default() };
    for status in ExecutionStatus::ALL.iter().copied() {
        let log = Page { data: LogLevel::ALL.iter().copied().map(line).collect(), next_cursor: Some(EVIL.to_owned()) };
        let query = LogQuery { level: Some(EVIL.to_owned()), ..Default::default() };
        assert_harmless(execution::whole(&project(), &task(), &executed(status), &query, log));
    }
}

#[test]
fn a_group_shows_its_name_and_zone_and_what_was_typed_as_texts() {
    let group = TaskGroup {
        id: Uuid::nil(),
        project_id: Uuid::nil(),
        name: EVIL.to_owned(),
        start_time: Some(EVIL.to_owned()),
        end_time: Some(EVIL.to_owned()),
        timezone: EVIL.to_owned(),
        state: RunState::Running,
        override_until: None,
        is_overridden: true,
        version: 1,
        created_at: Default::default(),
        updated_at: Default::default(),
    };
    let typed =
        form_urlencoded::Serializer::new(String::new()).append_pair("error", "x").append_pair("name", EVIL).finish();
    let at = format!("?{typed}");
    assert_harmless(groups::fields(&project(), None, EVIL, &Address::parse(&at)));
    assert_harmless(groups::fields(&project(), Some(&group), EVIL, &Address::parse("")));
    assert_harmless(groups::modes(&group, 1_000));
    assert_harmless(groups::select(std::slice::from_ref(&group), Some(group.id)));
    assert_harmless(groups::whole(project(), &Page { data: vec![group], next_cursor: Some(EVIL.to_owned()) }, &[]));
}

fn deleted(state: DeletionState) -> Deletion {
    let error = LastError::new(FailureKind::Bug, EVIL, Step::Drain);
    let entry = |kind: &EntryKind| TimelineEntry {
        at: Default::default(),
        kind: *kind,
        attempt: Some(1),
        error: Some(error.clone()),
        actor: EVIL.to_owned(),
    };
    Deletion {
        id: Uuid::nil(),
        task_uuid: Uuid::nil(),
        task_name: EVIL.to_owned(),
        project_id: Uuid::nil(),
        state,
        requested_at: Default::default(),
        requested_by: EVIL.to_owned(),
        request_id: Some(EVIL.to_owned()),
        fenced_at: Default::default(),
        undo_until: Some(Default::default()),
        can_undo: true,
        in_flight: vec![Uuid::nil()],
        attempt: 1,
        max_attempts: 3,
        next_retry_at: Some(Default::default()),
        last_error: Some(error.clone()),
        steps: Vec::new(),
        node: Some(EVIL.to_owned()),
        heartbeat_at: Some(Default::default()),
        rescues: 0,
        receipt: Some(Receipt { node: EVIL.to_owned(), ..Receipt::default() }),
        completed_at: Some(Default::default()),
        timeline: EntryKind::ALL.iter().map(entry).collect(),
    }
}

#[test]
fn a_deletion_shows_its_task_who_asked_and_why_it_failed_as_texts() {
    for state in DeletionState::ALL.iter().copied() {
        assert_harmless(deletion::whole(&project(), &deleted(state), DateTime::UNIX_EPOCH));
    }
    let letter = DeadLetter {
        id: EVIL.to_owned(),
        deletion_id: None,
        reason: EVIL.to_owned(),
        payload: EVIL.to_owned(),
        died_at: Default::default(),
    };
    for project in [Some(project()), None] {
        let board = deletions::Board {
            project,
            names: vec![(Uuid::nil(), EVIL.to_owned())],
            summary: DeletionSummary { dead_letters: vec![letter.clone()], ..DeletionSummary::default() },
            page: Page {
                data: DeletionState::ALL.iter().copied().map(deleted).collect(),
                next_cursor: Some(EVIL.to_owned()),
            },
        };
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("state", EVIL).finish();
        assert_harmless(deletions::whole(&board, &Address::parse(&format!("?{query}"))));
    }
}

#[test]
fn no_text_of_accounts_becomes_markup() {
    let (id, at) = (Uuid::nil(), DateTime::UNIX_EPOCH);
    let person = Person {
        id,
        email: EVIL.to_owned(),
        is_admin: true,
        may_create_projects: true,
        session: None,
        is_proved: false,
        scopes: None,
    };
    let agent = Some(EVIL.to_owned());
    let session = Session { id, created_at: at, last_seen_at: at, expires_at: at, address: agent.clone(), agent };
    let (name, hint) = (EVIL.to_owned(), EVIL.to_owned());
    let token = PersonalToken { id, name, hint, scopes: None, expires_at: None, last_used_at: None, created_at: at };
    assert_harmless(account::whole(&person, &[session], &[token], Display::default(), None));
    let user = User {
        id,
        email: EVIL.to_owned(),
        is_admin: false,
        may_create_projects: true,
        disabled_at: Some(at),
        created_at: at,
    };
    assert_harmless(accounts::whole(&Page { data: vec![user], next_cursor: Some(EVIL.to_owned()) }, id));
}
