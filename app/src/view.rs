//! `view!` for all of this crate.

/// As Leptos' own, but of one type whatever it shows: what makes and follows a view is downloaded once, not once a tag.
macro_rules! view {
    ($($tokens:tt)*) => { ::leptos::prelude::IntoAny::into_any(::leptos::prelude::view! { $($tokens)* }) };
}

pub(crate) use view;
