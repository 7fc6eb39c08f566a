//! Alert settings and the list of alerts.

use crate::app::App;
use crate::call::call;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn settings_have_defaults_are_replaced_whole_and_guarded_by_their_etag(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let settings = format!("{}/alert-settings", app.project("Billing").await);
    let answer = app.get(&settings).await;
    let kinds = json!(["FAILURE", "RECOVERY", "MISSED", "DELETE_FAILED"]);
    let body = answer.ok(200);
    assert_eq!((&body["emails"], &body["webhook_url"], &body["kinds"]), (&json!([]), &json!(null), &kinds));
    assert_eq!((&body["throttle_seconds"], answer.header("etag")), (&json!(300), "\"v0\""));
    let draft =
        json!({ "emails": [" ops@example.com "], "webhook_url": "https://example.com/alerts", "kinds": ["FAILURE"] });
    let put = |etag: &str| call("PUT", &settings).header("if-match", etag).json(&draft);
    let answer = app.send(put("\"v0\"")).await;
    let body = answer.ok(200);
    assert_eq!((&body["emails"], &body["kinds"]), (&json!(["ops@example.com"]), &json!(["FAILURE"])));
    assert_eq!(answer.header("etag"), "\"v1\"");
    assert_eq!(app.get(&settings).await.ok(200), body);
    app.send(put("\"v0\"")).await.problem(412, "etag-mismatch");
    let body = app.send(call("PUT", &settings).json(&json!({}))).await.ok(200);
    assert_eq!((&body["emails"], &body["kinds"], &body["version"]), (&json!([]), &kinds, &json!(2)));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn bad_settings_are_refused_by_the_field_and_nothing_changes(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let settings = format!("{}/alert-settings", app.project("Billing").await);
    let bad = [
        (json!({ "emails": ["ops@example.com", "nobody"] }), 422, "validation-failed", "emails[1]"),
        (json!({ "webhook_url": "ftp://example.com" }), 422, "validation-failed", "webhook_url"),
        (json!({ "throttle_seconds": 86_401 }), 422, "validation-failed", "throttle_seconds"),
        (json!({ "kinds": ["SUCCESS"] }), 400, "invalid-request", "kinds[0]"),
        (json!({ "emails": "ops@example.com" }), 400, "invalid-request", "emails"),
        (json!({ "sms": "112" }), 400, "invalid-request", "sms"),
    ];
    for (draft, status, slug, field) in bad {
        app.send(call("PUT", &settings).json(&draft)).await.message(status, slug, field);
    }
    assert_eq!(app.get(&settings).await.ok(200)["version"], 0);
    let nowhere = "/api/v1/projects/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";
    app.get(&format!("{nowhere}/alert-settings")).await.problem(404, "project-not-found");
    app.send(call("PUT", &format!("{nowhere}/alert-settings")).json(&json!({})))
        .await
        .problem(404, "project-not-found");
    app.get(&format!("{nowhere}/alerts")).await.problem(404, "project-not-found");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn alerts_are_listed_newest_first_page_by_page(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    app.send(call("PUT", &format!("{project}/alert-settings")).json(&json!({ "emails": ["ops@example.com"] })))
        .await
        .ok(200);
    for name in ["First", "Second", "Third"] {
        let record = app.accept(&app.task(&project, name).await).await;
        app.fail(&record).await;
    }
    let page = app.get(&format!("{project}/alerts?limit=2")).await.ok(200);
    let names = |page: &serde_json::Value| {
        page["data"].as_array().unwrap().iter().map(|alert| alert["task_name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["Third", "Second"]);
    let alert = &page["data"][0];
    assert_eq!((&alert["kind"], &alert["state"]), (&json!("DELETE_FAILED"), &json!("PENDING")));
    let delivery = &alert["deliveries"][0];
    assert_eq!((&delivery["channel"], &delivery["target"]), (&json!("EMAIL"), &json!("ops@example.com")));
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = app.get(&format!("{project}/alerts?limit=2&cursor={cursor}")).await.ok(200);
    assert_eq!((names(&page), &page["next_cursor"]), (vec![json!("First")], &json!(null)));
    app.get(&format!("{project}/alerts?limit=0")).await.message(400, "invalid-request", "limit");
    app.end().await;
}
