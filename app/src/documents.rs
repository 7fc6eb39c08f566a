//! Pages that are documents of their own, without a program in the browser: signing in, setting up, and what is shown once.
//! They stand before or beside everything else, so they need nothing of it.

use crate::components::icons::Bell;
use crate::error::AppError;
use crate::view;
use domain::display::Theme;
use domain::project::SigningSecrets;
use leptos::prelude::*;

/// The parts of a page that are the same in all documents.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// The path of the stylesheet.
    pub stylesheet: &'a str,
    /// What the browser has chosen.
    pub theme: Theme,
}

/// What was typed into the form of a document, and why it was refused.
#[derive(Default)]
pub struct Typed {
    /// The address.
    pub email: String,
    /// Where the person wanted to go.
    pub next: String,
    /// The one-time token, or link.
    pub token: String,
    /// What was wrong.
    pub error: Option<AppError>,
}

/// Signing in; `elsewhere` names where one can sign in besides, if anywhere.
pub fn login(files: Files<'_>, typed: &Typed, elsewhere: Option<&str>) -> String {
    let by_link = (!typed.token.is_empty()).then(|| {
        view! {
            <form class="form card" method="post" action="/login/link" aria-label="Sign in by link">
                <input type="hidden" name="token" value=typed.token.clone() />
                <input type="hidden" name="next" value=typed.next.clone() />
                <p>"This link signs you in once."</p>
                <div class="foot"><button type="submit" class="btn primary">"Sign in"</button></div>
            </form>
        }
    });
    let elsewhere = elsewhere.map(|name| {
        let href = format!(
            "/login/oidc?{}",
            form_urlencoded::Serializer::new(String::new()).append_pair("next", &typed.next).finish()
        );
        view! { <p><a class="btn" href=href>"Sign in with " {name.to_owned()}</a></p> }
    });
    let form = typed.token.is_empty().then(|| {
        view! {
            <form class="form card" method="post" action="/login" aria-label="Sign in">
                <input type="hidden" name="next" value=typed.next.clone() />
                {field("E-mail", "email", "email", &typed.email, "username", None)}
                {field("Password", "password", "password", "", "current-password", None)}
                <div class="foot"><button type="submit" class="btn primary">"Sign in"</button></div>
            </form>
        }
    });
    let body = view! {
        <h1>"Sign in"</h1>
        {refusal(typed)}
        {by_link}
        {form}
        {elsewhere}
    };
    document(files, "Sign in", body.into_any())
}

/// Making the first administrator.
pub fn setup(files: Files<'_>, typed: &Typed) -> String {
    let body = view! {
        <h1>"Set up Sexton"</h1>
        <p class="sub">"This instance has no administrator yet. The server printed a one-time token at its start, and keeps it in a file that only its owner can read."</p>
        {refusal(typed)}
        <form class="form card" method="post" action="/setup" aria-label="Set up">
            {field("Setup token", "token", "text", &typed.token, "off", None)}
            {field("Your e-mail", "email", "email", &typed.email, "username", None)}
            {field("Password", "password", "password", "", "new-password", Some("At least 12 characters."))}
            <div class="foot"><button type="submit" class="btn primary">"Make me the administrator"</button></div>
        </form>
    };
    document(files, "Set up", body.into_any())
}

/// A secret that is seen only now.
pub fn shown_once(files: Files<'_>, what: &str, name: &str, secret: &str, back: &str) -> String {
    let body = view! {
        <h1>{format!("New {what}")}</h1>
        <p>"Copy it now: it is not kept, and cannot be shown again."</p>
        <div class="form card">
            <div class="field">
                <label for="secret">{name.to_owned()}</label>
                <input id="secret" readonly value=secret.to_owned() class="mono" />
            </div>
            <div class="foot">
                <a class="btn" href=back.to_owned()>"Done"</a>
                <button type="button" class="btn primary" data-copies="secret" hidden>"Copy"</button>
            </div>
        </div>
        <script src="/copy.js" defer></script>
    };
    document(files, what, body.into_any())
}

/// The secrets with which the calls of a project are signed.
pub fn signing_secrets(files: Files<'_>, secrets: &SigningSecrets, back: &str) -> String {
    let shown = |id: &'static str, label: &'static str, secret: &str| {
        view! {
            <div class="field">
                <label for=id>{label}</label>
                <input id=id readonly value=secret.to_owned() class="mono" />
            </div>
        }
    };
    let body = view! {
        <h1>"Signing secret"</h1>
        <div class="form card">
            {shown("secret", "Present secret", &secrets.secret)}
            {secrets.previous.as_deref().map(|previous| shown("previous", "Previous secret", previous))}
            <div class="foot">
                <a class="btn" href=back.to_owned()>"Done"</a>
                <button type="button" class="btn primary" data-copies="secret" hidden>"Copy"</button>
            </div>
        </div>
        <script src="/copy.js" defer></script>
    };
    document(files, "Signing secret", body.into_any())
}

/// What a form was refused for, whose sender has to prove first who they are.
pub struct Proof<'a> {
    /// Where the form goes.
    pub action: &'a str,
    /// What it holds.
    pub fields: &'a [(String, String)],
    /// Why the proof was refused.
    pub error: Option<AppError>,
    /// Whether the account has a password.
    pub has_password: bool,
    /// Where one can sign in besides, if anywhere.
    pub issuer: Option<&'a str>,
    /// The page of the form.
    pub back: &'a str,
}

/// Asks for the password, and sends a form again with it.
pub fn proof(files: Files<'_>, asked: Proof<'_>) -> String {
    let typed = Typed { error: asked.error, ..Typed::default() };
    let hidden = asked.fields.iter().map(|(name, value)| {
        view! { <input type="hidden" name=name.clone() value=value.clone() /> }
    });
    let form = asked.has_password.then(|| {
        view! {
            <form class="form card" method="post" action=asked.action.to_owned() aria-label="Prove who you are">
                {hidden.collect_view()}
                {field("Password", "proof_password", "password", "", "current-password", None)}
                <div class="foot">
                    <a class="btn" href=asked.back.to_owned()>"Cancel"</a>
                    <button type="submit" class="btn primary">"Go on"</button>
                </div>
            </form>
        }
    });
    let elsewhere = asked.issuer.map(|name| {
        let query = [("next", asked.back), ("proof", "on")];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        view! {
            <p><a class="btn" href=format!("/login/oidc?{query}")>"Sign in again with " {name.to_owned()}</a></p>
            <p class="sub">"Then fill in the form again: what you typed is not kept on the way."</p>
        }
    });
    let helpless = (!asked.has_password && asked.issuer.is_none()).then(|| {
        view! { <p>"Your account has no password. Ask an administrator of this instance for one."</p> }
    });
    let body = view! {
        <h1>"Is it still you?"</h1>
        <p class="sub">"This gives access that lasts, so it takes a proof that it is you. A proof counts for 10 minutes."</p>
        {refusal(&typed)}
        {form}
        {elsewhere}
        {helpless}
    };
    document(files, "Is it still you?", body.into_any())
}

/// Something that could not be done, and the way back.
pub fn refused(files: Files<'_>, error: &AppError, back: &str) -> String {
    let body = view! {
        <section class="empty" role="alert">
            <h1>{error.0.kind.title()}</h1>
            <p>{error.detail().to_owned()}</p>
            <p><a class="btn" href=back.to_owned()>"Back"</a></p>
        </section>
    };
    document(files, error.0.kind.title(), body.into_any())
}

fn refusal(typed: &Typed) -> Option<AnyView> {
    typed.error.as_ref().map(|error| {
        view! {
            <p class="alert" role="alert">
                <b>{error.0.kind.title()}</b>
                " "
                {error.detail().to_owned()}
            </p>
        }
    })
}

fn field(
    label: &'static str,
    name: &'static str,
    kind: &'static str,
    value: &str,
    completion: &'static str,
    hint: Option<&'static str>,
) -> AnyView {
    let about = hint.map(|_| format!("{name}-hint"));
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input id=name name=name type=kind value=value.to_owned() autocomplete=completion required aria-describedby=about />
            {hint.map(|hint| view! { <p class="hint" id=format!("{name}-hint")>{hint}</p> })}
        </div>
    }
}

fn document(files: Files<'_>, title: &str, body: AnyView) -> String {
    let title = format!("{title} · Sexton");
    let page = view! {
        <html lang="en" data-theme=files.theme.as_str()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content=files.theme.schemes() />
                <title>{title}</title>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=files.stylesheet.to_owned() />
            </head>
            <body>
                <header><a href="/" class="logo"><Bell />"Sexton"</a></header>
                <main id="main" class="alone">{body}</main>
            </body>
        </html>
    };
    format!("<!DOCTYPE html>{}", page.to_html().replace("<!>", ""))
}
