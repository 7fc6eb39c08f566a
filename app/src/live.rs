//! Live updates: one stream of events a tab, closed while the tab is hidden. Events are hints; pages read the truth again.
//!
//! A page follows a project, or all, with [`Live::follow`] and reads again as [`Live::keep_fresh`] does: on an event, on
//! (re)connecting, on `resync`, when the tab becomes visible, after an own action, and every 30 seconds in any case. What
//! cannot be read is asked for again soon, and the indicator says so.

use crate::browser;
use crate::error::AppError;
use crate::reactive::effect;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use uuid::Uuid;

/// After a read that failed, and after a stream that broke, unless the server says how long to wait.
const AGAIN: Duration = Duration::from_secs(2);

/// What the indicator says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser connects"))]
pub enum LiveState {
    /// No page that shows changes.
    #[default]
    Off,
    /// Connected.
    Live,
    /// The connection broke; it is opened again.
    Reconnecting,
    /// Paused by the viewer.
    Paused,
}

impl LiveState {
    /// The word beside the dot.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Off => "",
            Self::Live => "Live",
            Self::Reconnecting => "Reconnecting",
            Self::Paused => "Paused",
        }
    }
}

/// What a page follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// One project.
    Project(Uuid),
    /// All of them.
    Everything,
}

impl Followed {
    /// What the page at an address follows: the project that it is inside of, or everything.
    pub fn at(address: &str) -> Self {
        let project = address.strip_prefix("/projects/").and_then(|rest| rest.split('/').next()?.parse().ok());
        project.map_or(Self::Everything, Self::Project)
    }

    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser connects"))]
    fn url(self) -> String {
        match self {
            Self::Project(project) => format!("/api/v1/projects/{project}/events"),
            Self::Everything => "/api/v1/events".to_owned(),
        }
    }
}

/// The stream of this tab.
#[derive(Clone, Copy)]
pub struct Live {
    followed: RwSignal<Option<Followed>>,
    /// Changes when a page should read again.
    pulse: RwSignal<u64>,
    state: RwSignal<LiveState>,
    paused: RwSignal<bool>,
    /// The last read failed: what is shown may be old.
    stale: RwSignal<bool>,
    /// Changes when the stream broke and should be opened again.
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser connects"))]
    reopen: RwSignal<u64>,
}

impl Live {
    /// Makes the stream of this tab; it connects when a page follows something.
    pub fn start() -> Self {
        let live = Self {
            followed: RwSignal::new(None),
            pulse: RwSignal::new(0),
            state: RwSignal::new(LiveState::Off),
            paused: RwSignal::new(false),
            stale: RwSignal::new(false),
            reopen: RwSignal::new(0),
        };
        stream::connect(live);
        live
    }

    /// Follows a project, or all, until the caller's owner goes.
    pub fn follow(self, followed: Followed) {
        effect(move || {
            self.stale.set(false);
            self.followed.set(Some(followed));
        });
        on_cleanup(move || {
            let _ = self.followed.try_set(None);
        });
    }

    /// Reads at the moments at which a page should read again, until the caller's owner goes, and hands over what came.
    /// An answer that was overtaken by a later one is dropped.
    pub fn keep_fresh<T: 'static, F: Future<Output = Result<T, AppError>> + 'static>(
        self,
        read: impl Fn() -> F + 'static,
        apply: impl Fn(Result<T, AppError>) + Clone + 'static,
    ) {
        let newest = StoredValue::new(0);
        // One shape for all pages, so that what follows the pulse is downloaded once.
        let again: Box<dyn Fn(u64)> = Box::new(move |pulse| {
            let (reading, apply) = (read(), apply.clone());
            spawn_local(async move {
                let result = reading.await;
                if newest.try_get_value().is_some_and(|newest| newest <= pulse) {
                    newest.set_value(pulse);
                    self.note(result.as_ref().err());
                    apply(result);
                }
            });
        });
        Effect::new(move |before: Option<u64>| {
            let pulse = self.pulse.get();
            if before.is_some_and(|before| before != pulse) {
                again(pulse);
            }
            pulse
        });
    }

    /// Runs now and on every pulse, until the caller's owner goes.
    pub fn each_pulse(self, run: impl Fn() + 'static) {
        effect(move || {
            self.pulse.track();
            run();
        });
    }

    /// Lets the page read again: something was done here.
    pub fn nudge(self) {
        let _ = self.pulse.try_update(|pulse| *pulse += 1);
    }

    /// Says whether what is shown is true; if not, asks again soon. A hidden tab does when it is looked at.
    fn note(self, error: Option<&AppError>) {
        let failed = error.is_some_and(AppError::is_passing);
        let _ = self.stale.try_set(failed);
        if failed && !browser::is_hidden() {
            browser::after(AGAIN, move || self.nudge());
        }
    }

    /// What the indicator says.
    pub fn state(self) -> LiveState {
        match self.state.get() {
            _ if self.paused.get() && self.followed.get().is_some() => LiveState::Paused,
            LiveState::Live if self.stale.get() => LiveState::Reconnecting,
            state => state,
        }
    }

    /// Stops or resumes updates.
    pub fn toggle(self) {
        self.paused.update(|paused| *paused = !*paused);
    }
}

/// The longest that a server may have a stream wait before it asks again.
#[cfg(any(feature = "hydrate", test))]
const LONGEST: Duration = Duration::from_secs(300);
/// The backstop: a page reads again at least this often.
#[cfg(any(feature = "hydrate", test))]
const POLL: Duration = Duration::from_secs(30);

/// What to do about a stream that broke.
#[cfg(any(feature = "hydrate", test))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Load the page again: the server shows where to sign in, or that the page is out of reach.
    Reload,
    /// Open the stream again after this time.
    Reopen(Duration),
}

/// Decides by the server's answer (status and `Retry-After`, none if it cannot be reached). `was_open` is true if a stream has
/// been open since the page was loaded: a page that may be read but not followed would otherwise reload for ever.
#[cfg(any(feature = "hydrate", test))]
fn after_break(answer: Option<(u16, Option<u32>)>, was_open: bool) -> Next {
    match answer {
        Some((401, _)) => Next::Reload,
        Some((403 | 404, _)) if was_open => Next::Reload,
        Some((403 | 404, _)) => Next::Reopen(POLL),
        Some((_, Some(seconds))) => Next::Reopen(Duration::from_secs(seconds.into()).clamp(AGAIN, LONGEST)),
        Some((429, None)) => Next::Reopen(POLL),
        _ => Next::Reopen(AGAIN),
    }
}

#[cfg(feature = "hydrate")]
mod stream;

#[cfg(not(feature = "hydrate"))]
mod stream {
    pub(super) fn connect(_: super::Live) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_breaks_acts_on_the_answer_of_the_server() {
        let wait = |seconds| Next::Reopen(Duration::from_secs(seconds));
        for (answer, was_open, next) in [
            (Some((401, None)), true, Next::Reload),
            (Some((401, None)), false, Next::Reload),
            (Some((401, Some(60))), false, Next::Reload),
            (Some((403, None)), true, Next::Reload),
            (Some((404, None)), true, Next::Reload),
            (Some((403, None)), false, wait(30)),
            (Some((404, None)), false, wait(30)),
            (Some((429, Some(10))), true, wait(10)),
            (Some((429, None)), true, wait(30)),
            (Some((503, Some(7))), true, wait(7)),
            (Some((503, Some(0))), true, wait(2)),
            (Some((503, Some(u32::MAX))), true, wait(300)),
            (Some((503, None)), true, wait(2)),
            (Some((200, None)), true, wait(2)),
            (None, true, wait(2)),
        ] {
            assert_eq!(after_break(answer, was_open), next, "{answer:?}, was open: {was_open}");
        }
    }
}
