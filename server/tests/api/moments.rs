//! Moments far away: years of more than four digits are refused by the field, wherever a moment can be sent.

use crate::app::App;
use crate::call::call;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn a_year_before_1_or_after_9999_is_refused_wherever_a_moment_can_be_sent(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    let before = app.snapshot().await;
    let cron = json!({ "cron_expression": "30 2 * * *", "timezone": "Asia/Tokyo" });
    for year in ["+262142-12-31T23:59:59Z", "+10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "0000-12-31T00:00:00Z"] {
        let from = year.replace('+', "%2B");
        let said = app.get(&format!("{task}/next-runs?from={from}")).await.message(400, "invalid-request", "from");
        assert!(said.contains("years 1 to 9999"), "{said}");
        let body = json!({ "schedule_config": cron, "from": year });
        app.post(&format!("{project}/schedule-preview"), &body).await.message(400, "invalid-request", "from");
        let once = json!({ "run_at": year, "timezone": "Asia/Tokyo" });
        let once = json!({ "name": "Once", "schedule_type": "ONEOFF", "schedule_config": once });
        for request in [call("POST", &format!("{project}/tasks")), call("PUT", &task)] {
            let answer = app.send(request.json(&once)).await;
            answer.message(422, "validation-failed", "schedule_config.run_at");
        }
        let draft = json!({ "schedule_type": "ONEOFF", "schedule_config": once["schedule_config"] });
        let preview = app.post(&format!("{project}/schedule-preview"), &draft).await;
        preview.message(422, "validation-failed", "schedule_config.run_at");
        // Personal tokens are created in a browser only; their draft is checked by the same rule.
        let body = json!({ "name": "CI", "expires_at": year });
        app.post(&format!("{project}/api-keys"), &body).await.message(422, "validation-failed", "expires_at");
    }
    assert_eq!(app.snapshot().await, before);
    for near in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
        app.get(&format!("{task}/next-runs?from={near}")).await.ok(200);
    }
    app.end().await;
}
