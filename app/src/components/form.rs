//! Forms that call a server function: the browser sends them by itself until the page has come alive; from then on they
//! are sent from here, as the browser would encode them.

use crate::api::{Callable, submit};
use crate::browser;
use crate::error::AppError;
use crate::view;
use leptos::children::Children;
use leptos::ev::SubmitEvent;
use leptos::html::Form;
use leptos::prelude::*;
use serde::de::DeserializeOwned;

/// The calls that a form makes, each with what stands in it, of a function that answers an `O`.
pub struct FormAction<O: Send + Sync + 'static> {
    path: &'static str,
    calls: Action<String, Result<O, AppError>>,
}

impl<O: Send + Sync + 'static> Copy for FormAction<O> {}

impl<O: Send + Sync + 'static> Clone for FormAction<O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O: Clone + Send + Sync + 'static> FormAction<O> {
    /// The answer to the last call.
    pub fn value(self) -> impl Get<Value = Option<Result<O, AppError>>> + Copy + Send + Sync {
        self.calls.value()
    }

    /// True while a call waits for its answer.
    pub fn pending(self) -> Memo<bool> {
        self.calls.pending()
    }
}

/// An action that has not been called yet.
pub fn form_action<F: Callable>() -> FormAction<F::Output>
where
    F::Output: DeserializeOwned + Send + Sync + 'static,
{
    FormAction { path: F::PATH, calls: Action::new(|body: &String| submit::<F>(body.clone())) }
}

/// A form of `action`.
#[component]
pub fn ActionForm<O: Send + Sync + 'static>(
    action: FormAction<O>,
    #[prop(optional)] node_ref: NodeRef<Form>,
    children: Children,
) -> impl IntoView {
    let send = move |body| drop(action.calls.dispatch(body));
    view! { <PlainForm path=action.path send=Box::new(send) node_ref children /> }
}

#[component]
fn PlainForm(
    path: &'static str,
    send: Box<dyn Fn(String) + Send>,
    node_ref: NodeRef<Form>,
    children: Children,
) -> impl IntoView {
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(body) = browser::encoded(&event) {
            send(body);
        }
    };
    view! {
        <form action=path method="post" node_ref=node_ref on:submit=submit>
            {children()}
        </form>
    }
}
