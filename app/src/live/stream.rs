//! The event stream of this tab. The browser's own reconnecting is not used: it hides the status, so it would ask a server that
//! has refused for ever. After a break the server is asked why, and its answer decides; see `super::after_break`.

use super::{Live, LiveState, Next, POLL, after_break};
use crate::browser;
use crate::reactive::effect;
use domain::event::EventKind;
use gloo_timers::callback::{Interval, Timeout};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent, VisibilityState};

/// Hints within this time are one pulse. The first of them sets it: an endless row of hints, as of a project whose tasks
/// fire all the time, is a pulse at a time and not none.
const GATHER_MS: u32 = 100;
/// Only the first line that is logged in a second is hinted at: the others of it are there after this.
const LOGGED: Duration = Duration::from_millis(1_100);

/// Connects, and connects again, as the followed project, the pause and the tab's visibility say.
pub(super) fn connect(live: Live) {
    let visible = RwSignal::new(true);
    let watch = Closure::<dyn FnMut()>::new(move || {
        let _ = visible.try_set(document().visibility_state() == VisibilityState::Visible);
    });
    let _ = document().add_event_listener_with_callback("visibilitychange", watch.as_ref().unchecked_ref());
    watch.forget();
    let (open, was_open) = (StoredValue::new_local(None::<Open>), Rc::new(Cell::new(false)));
    effect(move || {
        live.reopen.track();
        open.update_value(|open| *open = None);
        match live.followed.get() {
            Some(followed) if visible.get() && !live.paused.get() => {
                let opened = Open::new(live, followed.url(), &was_open);
                open.update_value(|open| *open = opened);
            }
            _ => live.state.set(LiveState::Off),
        }
    });
    // Outlives the streams, so that no reconnecting puts it off.
    let is_following = move || live.followed.with_untracked(Option::is_some) && !live.paused.get_untracked();
    let poll = move || {
        if is_following() && !browser::is_hidden() {
            live.nudge();
        }
    };
    Interval::new(u32::try_from(POLL.as_millis()).unwrap_or(u32::MAX), poll).forget();
}

/// An open stream; dropping it closes it.
struct Open {
    source: EventSource,
    _closures: Vec<Closure<dyn FnMut(MessageEvent)>>,
    /// Gone once this stream has been replaced: then an answer to why it broke comes too late.
    _current: Rc<()>,
}

impl Open {
    fn new(live: Live, url: String, was_open: &Rc<Cell<bool>>) -> Option<Self> {
        let source = EventSource::new(&url).ok()?;
        let (waiting, current) = (Rc::new(RefCell::new(None::<Timeout>)), Rc::new(()));
        let pulse = move || {
            let done = Rc::clone(&waiting);
            waiting.borrow_mut().get_or_insert_with(|| {
                Timeout::new(GATHER_MS, move || {
                    done.take();
                    live.nudge();
                })
            });
        };
        let opened = Rc::clone(was_open);
        let hint = move |_: MessageEvent| {
            opened.set(true);
            let _ = live.state.try_set(LiveState::Live);
            pulse();
        };
        let again = {
            let hint = hint.clone();
            move |event| {
                hint(event);
                browser::after(LOGGED, move || live.nudge());
            }
        };
        let (stream, was_open, watched) = (source.clone(), Rc::clone(was_open), Rc::downgrade(&current));
        let broken = move |_| {
            stream.close();
            let _ = live.state.try_set(LiveState::Reconnecting);
            spawn_local(ask_why(live, url.clone(), Rc::clone(&was_open), Weak::clone(&watched)));
        };
        let mut closures = vec![Closure::new(broken)];
        source.set_onerror(closures.first().map(|closure| closure.as_ref().unchecked_ref()));
        for name in ["hello", "resync"].into_iter().chain(EventKind::ALL.iter().map(|kind| kind.as_str())) {
            let is_logged = name == EventKind::ExecutionLogged.as_str();
            let closure = if is_logged { Closure::new(again.clone()) } else { Closure::new(hint.clone()) };
            let _ = source.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
            closures.push(closure);
        }
        Some(Self { source, _closures: closures, _current: current })
    }
}

/// Asks the server why a stream broke and acts on the answer.
async fn ask_why(live: Live, url: String, was_open: Rc<Cell<bool>>, current: Weak<()>) {
    let answer = browser::head(&url).await;
    if current.strong_count() == 0 {
        return;
    }
    match after_break(answer, was_open.get()) {
        Next::Reload => browser::reload(),
        Next::Reopen(wait) => browser::after(wait, move || {
            if current.strong_count() > 0 {
                let _ = live.reopen.try_update(|count| *count += 1);
            }
        }),
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.source.set_onerror(None);
        self.source.close();
    }
}
