//! Form fields: label, control, hint and the message of a refused value, tied together for everyone.

use crate::error::AppError;
use crate::view;
use leptos::prelude::*;

/// The refusal that the fields of a form show; provided by the form.
#[derive(Clone, Copy)]
pub struct FormErrors(pub Signal<Option<AppError>>);

fn message_of(field: &'static str) -> impl Fn() -> Option<String> + Copy + Send + Sync {
    let errors = use_context::<FormErrors>();
    move || errors.and_then(|errors| errors.0.get()).and_then(|error| error.field(field))
}

/// A one-line field. `name` is its name in the form, `field` its path in a refusal.
#[component]
pub fn TextField(
    label: &'static str,
    name: &'static str,
    field: &'static str,
    value: String,
    #[prop(optional)] hint: &'static str,
    #[prop(optional)] kind: Option<&'static str>,
    #[prop(optional)] required: bool,
    #[prop(optional)] list: Option<&'static str>,
) -> impl IntoView {
    let message = message_of(field);
    let described = format!("{field}-hint");
    view! {
        <div class="field">
            <label for=field>{label}</label>
            <input
                id=field
                name=name
                value=value
                type=kind.unwrap_or("text")
                required=required
                list=list
                autocomplete="off"
                aria-describedby=described.clone()
                aria-invalid=move || message().map(|_| "true")
            />
            <Hint id=described hint message=Signal::derive(message) />
        </div>
    }
}

/// A field of several lines. The only `<textarea>` of the product: Leptos does not escape its text on the server, which
/// would be stored XSS, so its text is escaped here.
#[component]
pub fn TextArea(
    label: &'static str,
    name: &'static str,
    field: &'static str,
    value: String,
    #[prop(optional)] hint: &'static str,
) -> impl IntoView {
    let message = message_of(field);
    let described = format!("{field}-hint");
    view! {
        <div class="field">
            <label for=field>{label}</label>
            <textarea
                id=field
                name=name
                rows="4"
                spellcheck="false"
                aria-describedby=described.clone()
                aria-invalid=move || message().map(|_| "true")
                prop:value=value.clone()
            >
                {escaped(&value)}
            </textarea>
            <Hint id=described hint message=Signal::derive(message) />
        </div>
    }
}

/// Text for the inside of a `<textarea>` as the server renders it; the browser sets the value itself.
fn escaped(text: &str) -> String {
    if cfg!(feature = "ssr") {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    } else {
        text.to_owned()
    }
}

/// A choice of a few values.
#[component]
pub fn Choice(
    label: &'static str,
    name: &'static str,
    field: &'static str,
    value: String,
    options: Vec<(&'static str, &'static str)>,
    #[prop(optional)] hint: &'static str,
) -> impl IntoView {
    let message = message_of(field);
    let described = format!("{field}-hint");
    let option = |(key, words): (&'static str, &'static str)| {
        view! {
            <option value=key selected=key == value>
                {words}
            </option>
        }
    };
    view! {
        <div class="field">
            <label for=field>{label}</label>
            <select id=field name=name aria-describedby=described.clone()>
                {options.into_iter().map(option).collect_view()}
            </select>
            <Hint id=described hint message=Signal::derive(message) />
        </div>
    }
}

#[component]
fn Hint(id: String, hint: &'static str, message: Signal<Option<String>>) -> impl IntoView {
    view! {
        <p class="hint" id=id>
            {move || match message.get() {
                Some(message) => view! { <span class="error">{message}</span> },
                None => hint.into_any(),
            }}
        </p>
    }
}

/// What is wrong with single fields stands beside them; the head says how many.
fn summary(error: &AppError) -> String {
    match error.0.errors.len() {
        0 => error.detail().to_owned(),
        1 => "One field below says why.".to_owned(),
        fields => format!("{fields} fields below say why."),
    }
}

/// What a form as a whole was refused with.
#[component]
pub fn FormError() -> impl IntoView {
    let errors = expect_context::<FormErrors>().0;
    move || {
        errors.get().map(|error| {
            view! {
                <p class="alert" role="alert">
                    <b>{error.0.kind.title()}</b>
                    " "
                    {summary(&error)}
                </p>
            }
        })
    }
}
