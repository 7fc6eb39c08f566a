//! The deletion of a project: who consents, and where it stands.

use domain::deletion::DeletionState;
use domain::project::{check_consent, deletion_state};

#[test]
fn a_project_with_tasks_is_deleted_by_whoever_types_its_name() {
    assert!(check_consent("Billing", true, " Billing ").is_ok());
    assert!(check_consent("Billing", false, "").is_ok(), "an empty one needs no name");
    for typed in ["", "billing", "Bill"] {
        let error = check_consent("Billing", true, typed).unwrap_err();
        assert_eq!(error.field, "name");
        assert!(error.message.contains("\"Billing\""), "{}", error.message);
    }
}

#[test]
fn a_task_that_failed_outranks_an_error_and_the_end_outranks_all() {
    assert_eq!(deletion_state(false, false, 0), DeletionState::Running);
    assert_eq!(deletion_state(false, true, 0), DeletionState::Retrying);
    assert_eq!(deletion_state(false, true, 1), DeletionState::Failed);
    assert_eq!(deletion_state(true, false, 0), DeletionState::Succeeded);
}
