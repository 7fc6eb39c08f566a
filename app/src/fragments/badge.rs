//! The badge of an execution: the one home of its words, icon and tone; and what stands beside it.

use super::parts::{cancel_form, moment};
use crate::components::icons::{Circle, Hourglass, Octagon};
use crate::view;
use crate::words;
use domain::execution::{Execution, ExecutionStatus};
use leptos::prelude::*;

/// Characters of a reason that fit into a line of a list.
const LINE: usize = 160;

/// The words of a status.
pub const fn words_of(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Pending => "Waiting",
        ExecutionStatus::Running => "Running",
        ExecutionStatus::RetryWait => "Waits to retry",
        ExecutionStatus::Success => "OK",
        ExecutionStatus::Failed => "Failed",
        ExecutionStatus::Cancelled => "Cancelled",
        ExecutionStatus::Skipped => "Skipped",
    }
}

/// The badge alone.
pub fn badge(status: ExecutionStatus) -> AnyView {
    use ExecutionStatus as S;
    let (tone, icon) = match status {
        S::Pending | S::RetryWait => ("badge amber", view! { <Hourglass /> }),
        S::Running => ("badge amber", view! { <Circle /> }),
        S::Success => ("badge green", drawn("M2.5 6.4 5 8.9l4.5-5.4")),
        S::Failed => ("badge red", view! { <Octagon /> }),
        S::Cancelled => ("badge grey", drawn("m3.2 3.2 5.6 5.6M8.8 3.2 3.2 8.8")),
        S::Skipped => ("badge grey", drawn("m2.5 2.8 4.2 3.2-4.2 3.2zM9 2.8v6.4")),
    };
    view! {
        <span class=tone data-status=status.as_str() data-testid="execution-badge">
            {icon}
            {words_of(status)}
        </span>
    }
}

/// Icons that no other page has: they are not downloaded with the program.
fn drawn(path: &'static str) -> AnyView {
    view! {
        <svg class="icon" viewBox="0 0 12 12" fill="none" stroke="currentColor" stroke-width="1.4" aria-hidden="true">
            <path d=path />
        </svg>
    }
}

/// The badge, what it waits for or why it ended so, and Cancel while it can be.
pub fn outcome(execution: &Execution) -> AnyView {
    let next = execution.retry_at.filter(|_| execution.status == ExecutionStatus::RetryWait);
    let next = next.map(|at| view! { <span>"next try " {moment(at)}</span> });
    let more = (execution.missed > 0).then(|| view! { <span>{missed_words(execution.missed)}</span> });
    let reason =
        execution.error.as_deref().map(one_line).map(|reason| view! { <div class="sub reason">{reason}</div> });
    view! {
        {badge(execution.status)}
        <div class="note">{next} {more} {cancel(execution, "btn sm")}</div>
        {reason}
    }
}

/// Cancel, or that it was asked for.
pub fn cancel(execution: &Execution, class: &'static str) -> Option<AnyView> {
    match (execution.status.is_final(), execution.cancel_requested_at) {
        (true, _) => None,
        (false, Some(_)) => Some(view! { <span>"cancel asked for"</span> }),
        (false, None) => Some(cancel_form(execution, class)),
    }
}

/// "and 3 more due times".
pub fn missed_words(missed: i32) -> String {
    format!("and {}", words::count(missed.into(), "more due time"))
}

/// The first line of a text, or as much of it as fits into a list.
fn one_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE, one_line};

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        assert_eq!(one_line("\n  refused \nby the endpoint"), "refused");
        assert_eq!(one_line(""), "");
        let long = one_line(&"ä".repeat(LINE + 1));
        assert_eq!((long.chars().count(), long.ends_with('…')), (LINE + 1, true));
    }
}
