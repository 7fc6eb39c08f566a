//! A browser that uses a host name the server does not know gets a page that names the missing setting.

use crate::app::App;
use crate::call::get;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

#[sqlx::test(migrations = false)]
async fn a_browser_by_another_name_is_told_what_to_set(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let visit =
        |host: &str| get("/").header("host", host).header("sec-fetch-site", "none").header("accept", "text/html");
    for (host, proto, value) in [
        ("cron.example.com", "https", "SEXTON_PUBLIC_URL=https://cron.example.com<"),
        ("cron.example.com:8080", "http", "SEXTON_PUBLIC_URL=http://cron.example.com:8080<"),
        ("a&b'.example", "http", "SEXTON_PUBLIC_URL=http://a&amp;b'.example<"),
        ("<b>", "http", "SEXTON_PUBLIC_URL=https://sexton.example.com<"),
    ] {
        let answer = app.send(visit(host).header("x-forwarded-proto", proto)).await;
        assert_eq!((answer.status, answer.header("content-type")), (403, "text/html; charset=utf-8"));
        assert!(answer.text.contains(value) && answer.text.contains("is not set"), "{}", answer.text);
    }
    let program = visit("cron.example.com").header("accept", "application/json");
    let problem = app.send(program).await.problem(403, "forbidden");
    assert!(problem["detail"].as_str().unwrap().contains("SEXTON_PUBLIC_URL=http://cron.example.com"), "{problem}");
    assert_ne!(app.send(visit("localhost")).await.status, 403);
    app.end().await;
}
