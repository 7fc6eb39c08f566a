//! The reference of the API: the OpenAPI document as a page of HTML alone, without a program, a style or a file of anybody
//! else. Rendered once, when the server starts; served at `/api/docs`.

mod example;
mod schema;

use super::html;
use crate::components::icons::Bell;
use crate::view;
use example::curl;
use leptos::prelude::*;
use schema::{components, fields, kind, limits};
use serde_json::{Map, Value};

/// The members of a path that are operations, in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation, where it stands.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    said: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> String {
        text(self.said, "operationId")
    }

    fn is_in(&self, tag: &str) -> bool {
        elements(&self.said["tags"]).iter().any(|name| name == tag)
    }
}

/// The page of a document; `stylesheet` is the path of the site's own.
#[must_use]
pub fn page(document: &Value, stylesheet: &str) -> String {
    let operations = operations(document);
    let schemas = &document["components"]["schemas"];
    let tags: Vec<&Value> = elements(&document["tags"]).iter().collect();
    let contents = tags.iter().map(|tag| contents(tag, &operations)).collect_view();
    let sections = tags.iter().map(|tag| section(tag, &operations, schemas)).collect_view();
    let page = view! {
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <title>"API · Sexton"</title>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=stylesheet.to_owned() />
            </head>
            <body>
                <a class="skip" href="#main">"Skip to content"</a>
                {header()}
                <main id="main" tabindex="-1" class="reference">
                    {introduction(document)}
                    <nav class="card pad contents" aria-label="Operations">{contents}</nav>
                    {sections}
                    <section aria-labelledby="schemas">
                        <h2 id="schemas">"Schemas"</h2>
                        {components(schemas)}
                    </section>
                </main>
            </body>
        </html>
    };
    format!("<!DOCTYPE html>{}", html(page))
}

fn header() -> AnyView {
    view! {
        <header>
            <a href="/projects" class="logo">
                <Bell />
                "Sexton"
            </a>
            <nav aria-label="Main">
                <a href="/projects">"Projects"</a>
                <a href="/deletions">"Deletions"</a>
            </nav>
        </header>
    }
}

fn introduction(document: &Value) -> AnyView {
    let schemes = pairs(document["components"]["securitySchemes"].as_object(), |name, scheme| {
        let how = match (scheme["in"].as_str(), scheme["name"].as_str()) {
            (Some(place), Some(name)) => format!("{place} {name}. "),
            _ => "header Authorization: Bearer. ".to_owned(),
        };
        (view! { <code>{name.to_owned()}</code> }, view! { {how} {words(&text(scheme, "description"))} })
    });
    view! {
        <div class="head">
            <h1>"API"</h1>
            <span class="mono">{text(&document["info"], "version")}</span>
            <span class="space"></span>
            <a class="btn" href="/api/v1/openapi.json">"openapi.json"</a>
        </div>
        <p>{words(&text(&document["info"], "description"))}</p>
        <h2>"Who calls"</h2>
        {schemes}
        <p class="sub">
            "The examples take "
            <code>"SEXTON"</code>
            ", such as http://localhost:3000, and "
            <code>"TOKEN"</code>
            " from the environment."
        </p>
    }
}

fn contents(tag: &Value, operations: &[Operation<'_>]) -> AnyView {
    let name = text(tag, "name");
    let line = |operation: &Operation<'_>| {
        view! {
            <li>
                <a href=format!("#{}", operation.id())>
                    <b class="method">{operation.method.to_uppercase()}</b>
                    <span>{beginning(&text(operation.said, "summary"))}</span>
                </a>
            </li>
        }
    };
    let lines = operations.iter().filter(|operation| operation.is_in(&name)).map(line).collect_view();
    view! {
        <div>
            <h2><a href=format!("#{}", anchor(&name))>{name.clone()}</a></h2>
            <ul>{lines}</ul>
        </div>
    }
}

fn section(tag: &Value, operations: &[Operation<'_>], schemas: &Value) -> AnyView {
    let name = text(tag, "name");
    let within = operations.iter().filter(|operation| operation.is_in(&name));
    let shown = within.map(|operation| article(operation, schemas)).collect_view();
    view! {
        <section aria-labelledby=anchor(&name)>
            <h2 id=anchor(&name)>{name.clone()}</h2>
            <p class="sub">{words(&text(tag, "description"))}</p>
            {shown}
        </section>
    }
}

fn article(operation: &Operation<'_>, schemas: &Value) -> AnyView {
    let said = operation.said;
    let body = &said["requestBody"]["content"]["application/json"]["schema"];
    let body = (!body.is_null()).then(|| {
        view! {
            <h4>"Body: " {kind(body)}</h4>
            {fields(body, schemas)}
        }
    });
    let label = format!("Example of {}", operation.id());
    view! {
        <article class="card pad" id=operation.id() aria-label=operation.id()>
            <h3>
                <a href=format!("#{}", operation.id())>
                    <b class="method">{operation.method.to_uppercase()}</b>
                    <code>{operation.path.to_owned()}</code>
                </a>
            </h3>
            <p>{words(&text(said, "summary"))}</p>
            <p class="sub">{words(&text(said, "description"))}</p>
            {parameters(said)}
            {body}
            <h4>"Answers"</h4>
            {pairs(said["responses"].as_object(), answer)}
            <details class="why">
                <summary>"Example"</summary>
                <pre tabindex="0" aria-label=label>{curl(operation.method, operation.path, said, schemas)}</pre>
            </details>
        </article>
    }
}

fn parameters(said: &Value) -> Option<AnyView> {
    let line = |parameter: &Value| {
        let place = text(parameter, "in");
        let need = if parameter["required"] == true { ", required" } else { "" };
        view! {
            <dt>
                <code>{text(parameter, "name")}</code>
                <span class="sub">{format!(" in {place}{need}")}</span>
            </dt>
            <dd>
                {kind(&parameter["schema"])}
                <span class="sub">{limits(&parameter["schema"])}</span>
                <div>{words(&text(parameter, "description"))}</div>
            </dd>
        }
    };
    let parameters = elements(&said["parameters"]);
    let lines = parameters.iter().map(line).collect_view();
    (!parameters.is_empty()).then(|| {
        view! {
            <h4>"Parameters"</h4>
            <dl class="pairs">{lines}</dl>
        }
    })
}

fn answer(status: &str, response: &Value) -> (AnyView, AnyView) {
    let body = response["content"].as_object().into_iter().flat_map(Map::iter).map(|(media, content)| {
        let kind = (!content["schema"].is_null()).then(|| kind(&content["schema"]));
        view! { <div>{kind} <span class="mono">{format!(" {media}")}</span></div> }
    });
    let headers = response["headers"].as_object().into_iter().flat_map(Map::iter).map(|(name, header)| {
        view! { <div class="sub"><code>{name.clone()}</code> ": " {words(&text(header, "description"))}</div> }
    });
    let (body, headers) = (body.collect_view(), headers.collect_view());
    let description = words(&text(response, "description"));
    (view! { <b>{status.to_owned()}</b> }, view! { {body} <div>{description}</div> {headers} })
}

/// A list of terms and what they are.
fn pairs(members: Option<&Map<String, Value>>, line: impl Fn(&str, &Value) -> (AnyView, AnyView)) -> AnyView {
    let lines = members.into_iter().flat_map(Map::iter).map(|(name, value)| {
        let (term, about) = line(name, value);
        view! { <dt>{term}</dt> <dd>{about}</dd> }
    });
    view! { <dl class="pairs">{lines.collect_view()}</dl> }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::iter);
    paths
        .flat_map(|(path, item)| {
            METHODS.iter().filter_map(move |method| item.get(method).map(|said| Operation { method, path, said }))
        })
        .collect()
}

fn anchor(tag: &str) -> String {
    tag.to_lowercase().replace(' ', "-")
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// What a text says first.
fn beginning(text: &str) -> String {
    let end = [". ", "; ", ": "].iter().filter_map(|mark| text.find(mark)).min();
    text[..end.unwrap_or(text.len())].trim_end_matches('.').replace('`', "")
}

/// A text whose words in backticks are code.
fn words(text: &str) -> AnyView {
    let text = text.replace("[`", "`").replace("`]", "`");
    let part = |(place, part): (usize, &str)| {
        let part = part.to_owned();
        if place % 2 == 0 {
            part.into_any()
        } else {
            view! { <code>{part}</code> }
        }
    };
    text.split('`').enumerate().map(part).collect_view().into_any()
}
