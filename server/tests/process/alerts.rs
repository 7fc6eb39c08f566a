//! Alerts of real nodes: one mail about one cause, however many nodes there are.

use crate::node::{Node, until, url};
use crate::smtp::MailServer;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn two_nodes_send_one_mail_about_a_run_that_failed_and_log_no_password(_: PgPoolOptions, on: PgConnectOptions) {
    let (server, database) = (MailServer::start().await, url(&on));
    let smtp = server.url();
    let settings =
        [("SEXTON_SMTP_URL", smtp.as_str()), ("SEXTON_MAIL_FROM", "sexton@example.com"), ("SEXTON_LOG", "debug")];
    let nodes = [Node::ready(&database, &settings).await, Node::ready(&database, &settings).await];
    let client = &nodes[0].client;
    let project = client.project(0).await;
    let wish = Some(json!({ "emails": ["ops@example.com"] }));
    assert_eq!(client.send("PUT", &format!("{project}/alert-settings"), wish).await.unwrap().status, 200);
    // It calls an address that is not public: refused at once.
    let task = client.tasks(&project, 1).await.remove(0);
    assert_eq!(client.send("POST", &format!("{task}/trigger"), None).await.unwrap().status, 201);
    let alerts = format!("{project}/alerts");
    until("it is sent", async || client.get(&alerts).await.body["data"][0]["state"] == "SENT").await;
    let (mails, listed) = (server.mails(), client.get(&alerts).await.body);
    assert_eq!((mails.len(), listed["data"].as_array().unwrap().len()), (1, 1), "{listed}");
    assert_eq!(mails[0].header("Subject"), "[Undo within 0 s] Task 0 failed");
    assert!(mails[0].says(listed["data"][0]["message"].as_str().unwrap()), "{mails:?}");
    for node in nodes {
        let (log, password) = (node.log(), ["sexton:secret", "AHNleHRvbgBzZWNyZXQ="]);
        assert!(!log.is_empty() && !password.iter().any(|password| log.contains(password)), "{log}");
    }
}
