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

/// After a read that failed, and after a stream that the server refused.
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
    /// The connection broke; the browser tries again.
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
    /// Changes when the stream was refused and should be opened anew.
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

#[cfg(feature = "hydrate")]
mod stream {
    use super::{AGAIN, Live, LiveState};
    use crate::browser;
    use crate::reactive::effect;
    use domain::event::EventKind;
    use gloo_timers::callback::{Interval, Timeout};
    use leptos::prelude::*;
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    use web_sys::{EventSource, MessageEvent, VisibilityState};

    /// Hints within this time are one pulse. The first of them sets it: an endless row of hints, as of a project whose tasks
    /// fire all the time, is a pulse at a time and not none.
    const GATHER_MS: u32 = 100;
    /// Only the first line that is logged in a second is hinted at: the others of it are there after this.
    const LOGGED: Duration = Duration::from_millis(1_100);
    /// The backstop: a page reads again at least so often.
    const POLL_MS: u32 = 30_000;

    /// Connects, and connects anew, as the followed project, the pause and the tab's visibility say.
    pub(super) fn connect(live: Live) {
        let visible = RwSignal::new(true);
        let watch = Closure::<dyn FnMut()>::new(move || {
            let _ = visible.try_set(document().visibility_state() == VisibilityState::Visible);
        });
        let _ = document().add_event_listener_with_callback("visibilitychange", watch.as_ref().unchecked_ref());
        watch.forget();
        let open = StoredValue::new_local(None::<Open>);
        effect(move || {
            live.reopen.track();
            open.update_value(|open| *open = None);
            match live.followed.get() {
                Some(followed) if visible.get() && !live.paused.get() => {
                    let opened = Open::new(live, &followed.url());
                    open.update_value(|open| *open = opened);
                }
                _ => live.state.set(LiveState::Off),
            }
        });
    }

    /// An open stream; dropping it closes it.
    struct Open {
        source: EventSource,
        _closures: Vec<Closure<dyn FnMut(MessageEvent)>>,
        _poll: Interval,
    }

    impl Open {
        fn new(live: Live, url: &str) -> Option<Self> {
            let source = EventSource::new(url).ok()?;
            let waiting = Rc::new(RefCell::new(None::<Timeout>));
            let pulse = move || {
                let done = Rc::clone(&waiting);
                waiting.borrow_mut().get_or_insert_with(|| {
                    Timeout::new(GATHER_MS, move || {
                        done.take();
                        live.nudge();
                    })
                });
            };
            let hint = {
                let pulse = pulse.clone();
                move |_: MessageEvent| {
                    let _ = live.state.try_set(LiveState::Live);
                    pulse();
                }
            };
            let again = {
                let hint = hint.clone();
                move |event| {
                    hint(event);
                    browser::after(LOGGED, move || live.nudge());
                }
            };
            let stream = source.clone();
            let broken = move |_| {
                let _ = live.state.try_set(LiveState::Reconnecting);
                // The browser tries again by itself, unless the server has refused.
                if stream.ready_state() == EventSource::CLOSED {
                    browser::after(AGAIN, move || {
                        let _ = live.reopen.try_update(|count| *count += 1);
                    });
                }
            };
            let mut closures = vec![Closure::new(broken)];
            source.set_onerror(closures.first().map(|closure| closure.as_ref().unchecked_ref()));
            for name in ["hello", "resync"].into_iter().chain(EventKind::ALL.iter().map(|kind| kind.as_str())) {
                let is_logged = name == EventKind::ExecutionLogged.as_str();
                let closure = if is_logged { Closure::new(again.clone()) } else { Closure::new(hint.clone()) };
                let _ = source.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
                closures.push(closure);
            }
            Some(Self { source, _closures: closures, _poll: Interval::new(POLL_MS, pulse) })
        }
    }

    impl Drop for Open {
        fn drop(&mut self) {
            self.source.set_onerror(None);
            self.source.close();
        }
    }
}

#[cfg(not(feature = "hydrate"))]
mod stream {
    pub(super) fn connect(_: super::Live) {}
}
