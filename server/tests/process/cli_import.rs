//! `sexton import crontab` against a real server.

use crate::client::TOKEN;
use crate::node::{Node, url};
use crate::person::{Said, run, tell};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const CRONTAB: &str = "\
MAILTO=ops@example.com
# Nightly backup
30 2 * * * /usr/local/bin/backup --full
CRON_TZ=Europe/Berlin
*/5 * * * * /usr/bin/php /srv/a.php
0 9 * * mon-fri /usr/bin/php /srv/b.php
@reboot /bin/start
61 * * * * /bin/never
";

async fn import(node: &Node, more: &[&str], crontab: &str) -> Said {
    let arguments: Vec<_> = ["import", "crontab", "-"].iter().chain(more).copied().collect();
    tell(node.client.base(), &arguments, &[("SEXTON_TOKEN", TOKEN)], crontab.as_bytes()).await
}

async fn tasks(node: &Node, project: &str) -> Vec<Value> {
    let mut tasks = node.client.get(&format!("{project}/tasks")).await.body["data"].as_array().unwrap().clone();
    tasks.reverse();
    tasks
}

#[sqlx::test(migrations = false)]
async fn lines_become_tasks_and_the_rest_is_listed_with_its_reason(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(600).await;
    let tried = import(&node, &["--dry-run"], CRONTAB).await;
    assert_eq!((tried.code, tasks(&node, &project).await.len()), (1, 0), "{tried:?}");
    assert!(tried.out.ends_with("3 would be created, 0 there already, 3 not imported\n"), "{tried:?}");

    let imported = import(&node, &["--timezone", "Asia/Tokyo"], CRONTAB).await;
    assert_eq!(imported.code, 1);
    for says in [
        "3     Nightly backup  At 02:30",
        "line 1 was not imported: the variable MAILTO",
        "line 7 was not imported: @reboot",
        "line 8 was not imported: “61 * * * *” cannot have minute \"61\"",
        "3 created, 0 there already, 3 not imported",
    ] {
        assert!(imported.out.contains(says), "{says}: {}", imported.out);
    }
    assert!(!imported.out.contains("ops@example.com"));
    let there = tasks(&node, &project).await;
    let seen = |key: &str| there.iter().map(|task| task[key].clone()).collect::<Vec<_>>();
    assert_eq!(seen("name"), ["Nightly backup", "php", "php (2)"]);
    assert_eq!(seen("description"), ["Nightly backup", "", ""]);
    assert_eq!(there[0]["metadata"], json!({ "command": "/usr/local/bin/backup --full" }));
    let zones: Vec<_> = there.iter().map(|task| &task["schedule_config"]["timezone"]).collect();
    assert_eq!(zones, ["Asia/Tokyo", "Europe/Berlin", "Europe/Berlin"]);

    // Again: nothing is made twice, and what now differs is said.
    let again = import(&node, &["--timezone", "Asia/Tokyo"], CRONTAB).await;
    assert!(again.out.ends_with("0 created, 3 there already, 3 not imported\n"), "{again:?}");
    let only = "0 9 * * mon-fri /usr/bin/php /srv/b.php\n";
    let other = import(&node, &["--timezone", "Europe/Berlin"], only).await;
    assert!(other.out.contains("line 1 “php” was not imported: a task of this name does something else"), "{other:?}");
    run(&node, &["tasks", "delete", "Nightly backup"]).await.well(&[]);
    let line = "# Nightly backup\n30 2 * * * /usr/local/bin/backup --full\n";
    let deleted = import(&node, &["--timezone", "Asia/Tokyo"], line).await;
    assert!(deleted.code == 1 && deleted.out.contains("a task of this name is being deleted"), "{deleted:?}");
    assert_eq!(tasks(&node, &project).await.len(), 3);
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn a_crontab_without_fault_is_imported_as_a_whole(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(600).await;
    let system = "17 * * * * root cd / && run-parts /etc/cron.hourly\n";
    let whole = import(&node, &["--system", "--disabled", "--json"], system).await.json();
    assert_eq!((&whole["created"], &whole["not_imported"]), (&json!(1), &json!(0)));
    assert_eq!(whole["lines"][0]["outcome"], "CREATED");
    let task = tasks(&node, &project).await.remove(0);
    assert_eq!((&task["name"], &task["status"]), (&json!("run-parts"), &json!("DISABLED")));
    assert_eq!(task["metadata"], json!({ "command": "cd / && run-parts /etc/cron.hourly", "user": "root" }));
    import(&node, &["--system"], system).await.well(&["0 created, 1 there already, 0 not imported"]);
    import(&node, &[], "# nothing\n").await.well(&["0 created, 0 there already, 0 not imported"]);
    let file = format!("{}/crontab-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    std::fs::write(&file, "@daily /bin/day").unwrap();
    run(&node, &["import", "crontab", &file]).await.well(&["1 created"]);
    std::fs::remove_file(&file).unwrap();
    run(&node, &["import", "crontab", &file]).await.bad(2, &["cannot be read: No such file"]);
    run(&node, &["import", "crontab", "/etc/crontab"]).await.bad(2, &["add --system"]);
    run(&node, &["import", "crontab", "-", "--timezone", "Nowhere"]).await.bad(2, &["not an IANA time zone"]);
    run(&node, &["import", "crontab"]).await.bad(2, &["FILE"]);
    node.kill();
}
