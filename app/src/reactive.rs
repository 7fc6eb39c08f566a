//! Effects and memos in one shape: what runs them is downloaded once for all, or for all of one type, and not once a closure.

use leptos::prelude::*;

/// Runs now, in the browser alone, and again when a signal that it read has changed.
pub fn effect(run: impl FnMut() + 'static) {
    let mut run: Box<dyn FnMut()> = Box::new(run);
    Effect::new(move |_| run());
}

/// A value that follows signals, and tells those that read it only of changes.
pub fn memo<T: PartialEq + Send + Sync + 'static>(read: impl Fn() -> T + Send + Sync + 'static) -> Memo<T> {
    let read: Box<dyn Fn() -> T + Send + Sync> = Box::new(read);
    Memo::new(move |_| read())
}
