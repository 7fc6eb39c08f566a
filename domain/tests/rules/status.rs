//! The transition table: every pair, and the document that is rendered from it.

use domain::status::{SettableStatus, StatusEvent, StatusRefusal, TaskStatus, transition};
use std::fmt::Write as _;
use std::path::PathBuf;

const EVENTS: [(StatusEvent, &str); 7] = [
    (StatusEvent::Set(SettableStatus::Active), "set ACTIVE"),
    (StatusEvent::Set(SettableStatus::Disabled), "set DISABLED"),
    (StatusEvent::RequestDeletion, "request deletion"),
    (StatusEvent::Undo(SettableStatus::Active), "undo (was ACTIVE)"),
    (StatusEvent::Undo(SettableStatus::Disabled), "undo (was DISABLED)"),
    (StatusEvent::Retry, "retry"),
    (StatusEvent::GiveUp, "give up"),
];

#[test]
fn every_pair_of_status_and_event_has_the_answer_that_is_written_here() {
    use StatusRefusal::{BeingDeleted, NotFailed, NotPending};
    use TaskStatus::{Active, DeleteFailed, Disabled, PendingDelete};
    let open = |from| {
        let refused = Err(NotPending);
        (from, [Ok(Active), Ok(Disabled), Ok(PendingDelete), refused, refused, Err(NotFailed), refused])
    };
    let fenced = Err(BeingDeleted);
    let table = [
        open(Active),
        open(Disabled),
        (
            PendingDelete,
            [fenced, fenced, Ok(PendingDelete), Ok(Active), Ok(Disabled), Err(NotFailed), Ok(DeleteFailed)],
        ),
        (
            DeleteFailed,
            [fenced, fenced, Ok(PendingDelete), Err(NotPending), Err(NotPending), Ok(PendingDelete), Err(NotPending)],
        ),
    ];
    assert_eq!(table.map(|(status, _)| status).as_slice(), TaskStatus::ALL);
    for (from, answers) in table {
        for ((event, words), expected) in EVENTS.into_iter().zip(answers) {
            assert_eq!(transition(from, event), expected, "{from}: {words}");
        }
    }
}

#[test]
fn a_client_can_reach_no_status_that_belongs_to_the_deletion_and_leave_none() {
    for &from in TaskStatus::ALL {
        for &wanted in SettableStatus::ALL {
            let answer = transition(from, StatusEvent::Set(wanted));
            assert_eq!(answer.is_err(), from.is_being_deleted());
            assert!(answer.is_err() || answer == Ok(wanted.into()));
        }
    }
}

const HEAD: &str = "\
# The life of a task

<!-- Rendered from domain/src/status.rs by a test. Renew it with: UPDATE_DOCS=1 cargo test -p domain -->

One function, `domain::status::transition`, owns every change of a task's status; every write is conditional on the
status that was read.

- **ACTIVE** runs on its schedule: it has a row in `task_schedules`, which the scheduler claims from.
- **DISABLED** is kept and can be edited, but has no such row and does not run.
- **PENDING_DELETE** is internal: a deletion has been accepted and the task is fenced. No run starts, no edit is taken.
  It ends gone (the row is removed, a receipt stays), undone (the status it had comes back), or given up.
- **DELETE_FAILED** is internal: the attempts are used up, or no further one can help. The task stays fenced until
  somebody retries, deletes again, or the reconciler starts over.

Gone is not a status: it is the absence of the row.
";

fn render() -> String {
    let mut text = format!("{HEAD}\n## Table\n\n| from |");
    EVENTS.iter().for_each(|(_, words)| write!(text, " {words} |").unwrap());
    write!(text, "\n|{}\n", "---|".repeat(EVENTS.len() + 1)).unwrap();
    for &from in TaskStatus::ALL {
        write!(text, "| **{from}** |").unwrap();
        for (event, _) in EVENTS {
            match transition(from, event) {
                Ok(to) => write!(text, " {to} |").unwrap(),
                Err(refusal) => write!(text, " refused: {refusal} |").unwrap(),
            }
        }
        text.push('\n');
    }
    text.push_str(
        "\n## Diagram\n\n```mermaid\nstateDiagram-v2\n    [*] --> ACTIVE: create\n    [*] --> DISABLED: create\n",
    );
    for &from in TaskStatus::ALL {
        for (event, words) in EVENTS {
            match transition(from, event) {
                Ok(to) if to != from => writeln!(text, "    {from} --> {to}: {words}").unwrap(),
                Ok(_) | Err(_) => {}
            }
        }
    }
    text + "    PENDING_DELETE --> [*]: teardown done\n```\n"
}

#[test]
fn the_document_of_the_task_lifecycle_is_what_the_transition_function_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/task-lifecycle.md");
    let rendered = render();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &rendered).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == rendered,
        "docs/task-lifecycle.md is out of date: renew it with UPDATE_DOCS=1 cargo test -p domain"
    );
}
