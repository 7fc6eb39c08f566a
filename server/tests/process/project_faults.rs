//! A fault at every named point on the way of a project's deletion: while it is accepted, handed over, waited for, removed. A
//! node without the fault must then see it gone, once, with nothing left.

use crate::faults::{Fault, World, every, try_to};
use crate::invariants;
use crate::node::until;
use crate::stock::{history, tasks};
use backend::faults::PROJECT;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

const SETTINGS: [(&str, &str); 1] = [("SEXTON_RETRY_BASE_MS", "1")];

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_while_a_project_is_deleted_ends_with_it_gone(pool: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(pool, &on, 0).await;
    for fault in every(PROJECT).filter(|fault| fault.kind != "delay") {
        let fails =
            if fault.point == "project.record_step_failure" { "project.remove_some=1*return(error);" } else { "" };
        let fault = Fault { besides: fails, settings: &SETTINGS, ..fault };
        let id = Uuid::now_v7();
        let project = format!("/api/v1/projects/{id}");
        let insert = "INSERT INTO projects (id, name, execution_endpoint) VALUES ($1, $1::text, 'http://127.0.0.1:9/')";
        sqlx::query(insert).bind(id).execute(&world.pool).await.unwrap();
        let inside = tasks(&world.pool, &project, 2).await;
        history(&world.pool, &inside[0], 200).await;
        let mut first = None;
        let delete = async |client: &crate::client::Client| first = try_to(client, "DELETE", &project).await;
        let healthy = world.strike(fault, delete).await;
        let again = healthy.client.delete(&project).await;
        if let Some((202, body)) = &first {
            let same = again.status == 404 || again.body["deletion"]["id"] == body["deletion"]["id"];
            assert!(same, "{} at {}: {again:?}", fault.kind, fault.point);
        } else {
            assert!([202, 404].contains(&again.status), "{again:?}");
        }
        let gone = "SELECT NOT EXISTS (SELECT FROM projects WHERE id = $1) AND NOT EXISTS (SELECT FROM tasks WHERE project_id = $1)";
        until(&format!("it is gone after {} at {}", fault.kind, fault.point), async || {
            sqlx::query_scalar(gone).bind(id).fetch_one(&world.pool).await.unwrap()
        })
        .await;
        let told = "SELECT (SELECT count(*) FROM events WHERE project_id = $1 AND kind = 'ProjectDeleted'),
                           (SELECT count(*) FROM project_deletions WHERE project_id = $1 AND completed_at IS NOT NULL),
                           (SELECT count(*) FROM deletions WHERE project_id = $1 AND state = 'SUCCEEDED')";
        let told: (i64, i64, i64) = sqlx::query_as(told).bind(id).fetch_one(&world.pool).await.unwrap();
        assert_eq!(told, (1, 1, 2), "{} at {}", fault.kind, fault.point);
        invariants::hold(&world.pool).await;
    }
    world.pool.close().await;
}
