//! Runs by hand and their pages, as a browser without JavaScript asks for them, and as the program in it does.

use crate::app::{App, id_of};
use crate::call::{Answer, call};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Sends a form as a browser does; where its redirect leads.
async fn submit(app: &App, function: &str, fields: &[(&str, &str)]) -> String {
    let form = call("POST", &format!("/fn/{function}")).form(fields).header("accept", BROWSER);
    let answer = app.send(form.header("origin", "http://localhost")).await;
    assert!(matches!(answer.status, 302 | 303), "{answer:?}");
    answer.header("location").to_owned()
}

async fn fragment(app: &App, at: &str) -> Answer {
    app.send(call("POST", "/fn/get_fragment").form(&[("at", at)])).await
}

#[sqlx::test(migrations = false)]
async fn a_run_by_hand_leads_to_its_page_and_can_be_cancelled_there(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let (project_id, task_id) = (id_of(&project).to_string(), id_of(&task).to_string());
    let run = [("project_id", project_id.as_str()), ("task_id", &task_id)];
    let page = submit(&app, "run_task", &run).await;
    let id = id_of(&page).to_string();
    assert_eq!(page, format!("/projects/{project_id}/executions/{id}"));
    let shown = app.send(call("GET", &page).header("accept", BROWSER)).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    assert!(shown.text.contains("Waiting") && shown.text.contains("By hand"), "{}", shown.text);
    let cancel = [("project_id", project_id.as_str()), ("id", &id)];
    assert_eq!(submit(&app, "cancel_execution", &cancel).await, page);
    assert_eq!(app.get(&format!("{project}/executions/{id}")).await.ok(200)["status"], "CANCELLED");
    // The program in the browser stays where it is after this, and goes there after that.
    assert_eq!(app.send(call("POST", "/fn/cancel_execution").form(&cancel)).await.ok(200), json!(null));
    let answer = app.send(call("POST", "/fn/run_task").form(&run)).await.ok(200);
    assert!(answer.as_str().is_some_and(|path| path.starts_with(&format!("/projects/{project_id}/executions/"))));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_that_is_refused_leads_back_to_the_task_with_the_reason(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let (project_id, task_id) = (id_of(&project).to_string(), id_of(&task).to_string());
    app.accept(&task).await;
    let run = [("project_id", project_id.as_str()), ("task_id", &task_id)];
    let back = submit(&app, "run_task", &run).await;
    assert!(back.starts_with(&format!("/projects/{project_id}/tasks/{task_id}?error=")), "{back}");
    assert!(back.contains("task-pending-delete"), "{back}");
    assert_eq!(app.send(call("POST", "/fn/run_task").form(&run)).await.status, 409);
    assert_eq!(app.count("executions").await, 0);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_part_of_a_page_is_there_or_says_what_is_wrong_with_its_address(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let (project_id, task_id) = (id_of(&project), id_of(&task));
    let base = format!("/projects/{project_id}");
    for at in
        ["executions", "executions/?status=FAILED", "statistics?", "deletions", "deletions?state=SUCCEEDED,FAILED"]
    {
        let text = fragment(&app, &format!("{base}/{at}")).await.ok(200);
        assert!(text.as_str().is_some_and(|text| text.contains(&base)), "{text}");
    }
    let only = fragment(&app, &format!("{base}/executions?task={task_id}")).await.ok(200);
    assert!(only.as_str().is_some_and(|text| text.starts_with("Executions of ")), "{only}");
    for at in ["", "/projects?cursor="] {
        let text = fragment(&app, at).await.ok(200);
        assert!(text.as_str().is_some_and(|text| text.contains(&base)), "all projects: {text}");
    }
    for at in ["/nonsense", &base, &format!("{base}/nonsense"), &format!("{base}/executions/nonsense")] {
        assert_eq!(fragment(&app, at).await.status, 404, "{at}");
    }
    for bad in
        ["deletions?state=GONE", "executions?status=NONSENSE", "executions?date=yesterday", "executions?cursor=x"]
    {
        assert_eq!(fragment(&app, &format!("{base}/{bad}")).await.status, 400, "{bad}");
    }
    let nobody = "/projects/00000000-0000-7000-8000-000000000000/executions";
    assert_eq!(fragment(&app, nobody).await.status, 404);
    app.end().await;
}
