//! Nothing that is secret is written anywhere: fifty secrets are planted where people and programs put them, and then looked
//! for in the log at its most talkative and in everything that the database holds. Signing secrets are no part of it: calls are
//! signed with them, so the database has to know them.

use crate::node::{Node, output, until, url};
use crate::stock::id_of;
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

const EVERYTHING: &str = "SELECT coalesce(string_agg(query_to_xml(format('SELECT * FROM %I.%I', table_schema, table_name), true, true, '')::text, ''), '')
    FROM information_schema.tables WHERE table_schema IN ('public', 'apalis') AND table_type = 'BASE TABLE'";

fn secret(of: &str) -> String {
    format!("{of}-{}", Uuid::new_v4().simple())
}

#[sqlx::test(migrations = false)]
async fn no_secret_is_logged_or_kept(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let database = url(&on);
    let mail = secret("mail");
    let smtp = format!("smtp://sexton:{mail}@127.0.0.1:9");
    let settings = [("SEXTON_LOG", "trace"), ("SEXTON_SMTP_URL", smtp.as_str()), ("SEXTON_MAIL_FROM", "a@example.com")];
    let node = Node::ready(&database, &settings).await;
    let mut planted = vec![mail];
    planted.extend(passwords(&node, &database).await);
    planted.extend(programs(&node, &database, &pool).await);
    assert!(planted.len() >= 50, "{}", planted.len());
    until("the log has the last request", async || node.log().contains("the-last-one")).await;
    let everything: String = sqlx::query_scalar(EVERYTHING).fetch_one(&pool).await.unwrap();
    assert!(everything.contains("grace0@example.com") && everything.contains("sxk_"), "nothing was looked at");
    let log = node.log();
    for secret in planted {
        assert!(!log.contains(&secret), "{secret} is in the log");
        assert!(!everything.contains(&secret), "{secret} is in the database");
    }
    drop(node);
    pool.close().await;
}

/// Passwords, right and wrong ones, and sessions.
async fn passwords(node: &Node, database: &str) -> Vec<String> {
    let mut planted = Vec::new();
    for n in 0..5 {
        let (email, password) = (format!("grace{n}@example.com"), secret("password"));
        let file = std::env::temp_dir().join(Uuid::new_v4().to_string());
        std::fs::write(&file, &password).unwrap();
        let added =
            output(&["user", "add", &email, "--password-file", file.to_str().unwrap()], &[("DATABASE_URL", database)]);
        std::fs::remove_file(&file).unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        for wrong in [secret("wrong"), secret("wrong")] {
            let body = json!({ "email": email, "password": wrong });
            node.client.post("/api/v1/session", body).await;
            planted.push(wrong);
        }
        let session = node.client.sign_in(&email, &password).await;
        planted.extend([password, session]);
    }
    planted
}

/// Tokens and keys, those that open something and those that do not.
async fn programs(node: &Node, database: &str, pool: &PgPool) -> Vec<String> {
    let mut planted = Vec::new();
    let project = node.client.project(0).await;
    for n in 0..10 {
        let arguments = ["user", "token", "ada@example.com", "--name", &format!("token {n}")];
        let token = String::from_utf8(output(&arguments, &[("DATABASE_URL", database)]).stdout).unwrap();
        let token = token.trim().to_owned();
        assert!(token.starts_with("sxt_"), "{token}");
        let is_known =
            node.client.call_back("DELETE", &format!("/api/v1/tokens/{}", Uuid::nil()), &token, json!({})).await;
        assert_eq!(is_known, Some(404));
        let key = node.client.post(&format!("{project}/api-keys"), json!({ "name": format!("key {n}") })).await;
        planted.extend([token, key.body["key"].as_str().unwrap().to_owned()]);
        let (id, unknown) = (Uuid::now_v7(), format!("sxk_{}", secret("unknown")));
        for key in [planted.last().unwrap().clone(), unknown.clone()] {
            let path = format!("/api/v1/executions/{id}/logs");
            node.client.call_back("POST", &path, &key, json!({ "message": "x" })).await;
        }
        planted.push(unknown);
    }
    let keys: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys WHERE project_id = $1")
        .bind(id_of(&project))
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(keys, 10);
    node.client.send("GET", "/api/v1/the-last-one", None).await.unwrap();
    planted
}
