//! Many at once over few connections: every answer is true, whether or not it is a good one.

use crate::app::App;
use crate::call::{Call, call};
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const FEW: [&str; 4] = ["--api-connections", "3", "--acquire-timeout-ms", "200"];

/// A node with few connections and little patience; a project and tasks, which another node has made, however busy the machine is.
async fn prepared(on: &PgConnectOptions, tasks: usize) -> (App, String, Vec<String>) {
    let patient = App::new(on).await;
    let project = patient.project("Billing").await;
    let mut made = Vec::new();
    for n in 0..tasks {
        made.push(patient.task(&project, &format!("Task {n}")).await);
    }
    patient.end().await;
    (App::with(on, &FEW).await, project, made)
}

/// Sends 64 requests at once; returns how many of them were accepted. The others must say that nothing has changed.
async fn accepted(app: &App, requests: impl Iterator<Item = Call>) -> i64 {
    let answers = join_all(requests.map(|request| app.send(request))).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status < 300);
    for answer in bad {
        let problem = answer.problem(503, "unavailable");
        assert!(problem["detail"].as_str().unwrap().contains("Nothing has changed"), "{problem}");
    }
    good.len() as i64
}

#[sqlx::test(migrations = false)]
async fn of_64_at_once_as_many_happen_as_are_answered_that_they_did(_: PgPoolOptions, on: PgConnectOptions) {
    let (app, project, tasks) = prepared(&on, 64).await;
    let trigger = format!("{}/trigger", tasks[0]);
    let started = accepted(&app, (0..64).map(|_| call("POST", &trigger))).await;
    assert!(started > 0);
    assert_eq!(app.count("executions").await, started);
    let ids = sqlx::query_scalar::<_, String>("SELECT id::text FROM executions").fetch_all(&app.pool).await.unwrap();
    let cancel = |id: &String| call("POST", &format!("{project}/executions/{id}/cancel"));
    let cancelled = accepted(&app, ids.iter().map(cancel)).await;
    assert_eq!(app.count("executions WHERE status = 'CANCELLED'").await, cancelled);
    let deleted = accepted(&app, tasks.iter().map(|task| call("DELETE", task))).await;
    assert_eq!(app.count("deletions").await, deleted);
    let ids = sqlx::query_scalar::<_, String>("SELECT id::text FROM deletions").fetch_all(&app.pool).await.unwrap();
    let undo = |id: &String| call("POST", &format!("{project}/deletions/{id}/undo"));
    let undone = accepted(&app, ids.iter().map(undo)).await;
    assert_eq!(app.count("deletions WHERE state = 'UNDONE'").await, undone);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn forty_keys_that_are_each_repeated_until_they_are_accepted_make_forty_runs(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (app, _, tasks) = prepared(&on, 1).await;
    let trigger = format!("{}/trigger", tasks[0]);
    let repeated = async |key: usize| {
        loop {
            let answer = app.send(call("POST", &trigger).header("idempotency-key", &key.to_string())).await;
            match answer.status {
                201 => return answer.json()["id"].as_str().unwrap().to_owned(),
                503 => drop(answer.problem(503, "unavailable")),
                _ => drop(answer.problem(409, "idempotency-in-progress")),
            }
        }
    };
    // Each key twice, so that repeats meet the first request while it is under way, too.
    let runs = join_all((0..80).map(|n| repeated(n % 40))).await;
    for key in 0..40 {
        assert_eq!(runs[key], runs[key + 40]);
    }
    assert_eq!(app.count("executions").await, 40);
    app.end().await;
}
