//! Forms that call a server function: the browser sends them by itself until the page has come alive; from then on they
//! are sent from here, as the browser would encode them.

use crate::api::{Arguments, Callable};
use crate::browser;
use crate::error::AppError;
use crate::view;
use leptos::children::Children;
use leptos::ev::SubmitEvent;
use leptos::html::Form;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use serde::de::DeserializeOwned;

/// The calls that a form makes.
pub type FormAction<F> = Action<Arguments<F>, Result<<F as ServerFn>::Output, AppError>>;

/// An action that has not been called yet.
pub fn form_action<F>() -> FormAction<F>
where
    F: Callable,
    F::Output: DeserializeOwned + Send + Sync + 'static,
{
    Action::new(|arguments: &Arguments<F>| arguments.clone().send())
}

/// A form of `action`.
#[component]
pub fn ActionForm<F>(
    action: FormAction<F>,
    #[prop(optional)] node_ref: NodeRef<Form>,
    children: Children,
) -> impl IntoView
where
    F: Callable,
    F::Output: Send + Sync + 'static,
{
    let send = move |body| drop(action.dispatch(Arguments::Form(body)));
    view! { <PlainForm url=F::url() send=Box::new(send) node_ref children /> }
}

#[component]
fn PlainForm(
    url: &'static str,
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
        <form action=url method="post" node_ref=node_ref on:submit=submit>
            {children()}
        </form>
    }
}
