//! Forms without JavaScript: sent as a browser sends them, answered with a redirect; and the same for a program.

use crate::app::{App, id_of};
use crate::call::{Answer, call};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn submit(app: &App, function: &str, fields: &[(&str, &str)], referrer: &str) -> Answer {
    let form = call("POST", &format!("/fn/{function}")).form(fields).header("accept", BROWSER);
    app.send(form.header("origin", "http://localhost").header("referer", &format!("http://localhost{referrer}"))).await
}

/// Where a redirect after a form goes, and what its query says.
fn redirect(answer: &Answer) -> (String, Vec<(String, String)>) {
    assert!(matches!(answer.status, 302 | 303), "{answer:?}");
    let location = answer.header("location");
    let (path, query) = location.split_once('?').unwrap_or((location, ""));
    (path.to_owned(), form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

fn refusal(query: &[(String, String)]) -> Value {
    let error = query.iter().find(|(name, _)| name == "error").expect("no error in the query");
    serde_json::from_str(&error.1).unwrap()
}

#[sqlx::test(migrations = false)]
async fn deleting_leads_to_the_list_with_the_record(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let (project_id, task_id) = (id_of(&project).to_string(), id_of(&task).to_string());
    let fields = [("project_id", project_id.as_str()), ("task_id", &task_id), ("seen", "1")];
    let referrer = format!("/projects/{project_id}/tasks/{task_id}/delete");
    let (path, query) = redirect(&submit(&app, "delete_task", &fields, &referrer).await);
    let id = app.get(&task).await.ok(200)["deletion"]["id"].as_str().unwrap().to_owned();
    assert_eq!((path, query), (format!("/projects/{project_id}"), vec![("deletion".to_owned(), id.clone())]));
    let again = redirect(&submit(&app, "delete_task", &fields, &referrer).await);
    assert_eq!(again.1, vec![("deletion".to_owned(), id)], "a form that is sent twice is one deletion");
    assert_eq!(app.count("deletions").await, 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_form_that_is_refused_leads_back_with_the_reason(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let (project_id, task_id) = (id_of(&project).to_string(), id_of(&task).to_string());
    let page = format!("/projects/{project_id}/tasks/{task_id}");
    let before = app.snapshot().await;
    let stale = [("project_id", project_id.as_str()), ("task_id", &task_id), ("seen", "7")];
    let (path, query) = redirect(&submit(&app, "delete_task", &stale, &page).await);
    assert_eq!((path, refusal(&query)["kind"].clone()), (format!("{page}/delete"), json!("etag-mismatch")));
    let status = [("project_id", project_id.as_str()), ("task_id", &task_id), ("status", "PENDING_DELETE")];
    let (path, query) = redirect(&submit(&app, "set_status", &status, &page).await);
    assert_eq!((path, refusal(&query)["kind"].clone()), (page, json!("status-not-settable")));
    let typed = [("form[id]", ""), ("form[name]", "  "), ("form[execution_endpoint]", "https://example.com/")];
    let (path, query) = redirect(&submit(&app, "save_project", &typed, "/projects/new").await);
    assert_eq!((path, refusal(&query)["errors"][0]["field"].clone()), ("/projects/new".to_owned(), json!("name")));
    assert!(
        query.contains(&("execution_endpoint".to_owned(), "https://example.com/".to_owned())),
        "what was typed stays"
    );
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_form_that_cannot_be_read_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, _) = app.one_task().await;
    let project_id = id_of(&project).to_string();
    let before = app.snapshot().await;
    for fields in [vec![], vec![("project_id", project_id.as_str()), ("task_id", "nonsense")]] {
        let answer = app.send(call("POST", "/fn/delete_task").form(&fields)).await;
        assert_eq!(answer.ok(400)["kind"], "invalid-request");
        assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
        let answer = submit(&app, "delete_task", &fields, &format!("/projects/{project_id}")).await;
        let (path, _) = redirect(&answer);
        assert!(path.ends_with(&format!("/projects/{project_id}")), "{answer:?}");
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_program_gets_json_instead(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let (project_id, task_id) = (id_of(&project).to_string(), id_of(&task).to_string());
    let fields = [("project_id", project_id.as_str()), ("task_id", &task_id)];
    let answer = app.send(call("POST", "/fn/delete_task").form(&fields)).await;
    assert_eq!(answer.ok(200)["Scheduled"]["state"], "SCHEDULED");
    assert_eq!(answer.header("content-type"), "application/json");
    app.delete_for_good(&task).await;
    let gone = app.send(call("POST", "/fn/delete_task").form(&fields)).await;
    assert_eq!(gone.ok(200)["AlreadyDeleted"]["state"], "SUCCEEDED");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_form_whose_id_is_no_id_is_refused_by_the_field_and_makes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, _) = app.one_task().await;
    let id = id_of(&project).to_string();
    let before = app.snapshot().await;
    for bad in ["a\nb", "a\r\nlocation: https://evil.example", "nonsense", "\u{1F600}", "\0"] {
        for (function, field, page) in [("save_group", "id", "groups"), ("save_task", "uuid", "tasks")] {
            let name = format!("form[{field}]");
            let fields =
                [("form[project_id]", id.as_str()), (&name, bad), ("form[name]", "Named"), ("form[metadata]", "{}")];
            let more = [("form[cron_expression]", "0 9 * * *"), ("form[timezone]", "UTC"), ("form[status]", "ACTIVE")];
            let fields = [&fields[..], &more].concat();
            let answer = app.send(call("POST", &format!("/fn/{function}")).form(&fields)).await;
            assert_eq!(
                (answer.status, &answer.json()["errors"][0]["field"]),
                (422, &json!(field)),
                "{function} {bad:?}"
            );
            let (path, query) = redirect(&submit(&app, function, &fields, "/").await);
            assert_eq!(path, format!("/projects/{id}/{page}/new"), "{function} {bad:?}");
            assert_eq!(refusal(&query)["errors"][0]["field"], field);
        }
        let next =
            app.send(call("POST", "/login").without("authorization").form(&[("next", bad), ("email", bad)])).await;
        assert_eq!(next.status, 401, "{bad:?}: {next:?}");
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}
