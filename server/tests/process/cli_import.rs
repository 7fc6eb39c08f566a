//! `sexton import` against a real server.

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
@hourly curl -fsS https://example.com/ping
@daily /opt/notify $MAILTO
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
    for says in [
        "NEXT RUN (UTC)",
        "02:30:00  would be created",
        "would be created, HTTP call",
        "1 marked “HTTP call” run curl or wget",
        "line 1: the variable MAILTO is not carried over",
        "line 10 “notify”: it uses $MAILTO (line 1)",
    ] {
        assert!(tried.out.contains(says), "{says}: {}", tried.out);
    }
    assert!(tried.out.ends_with("5 would be created, 0 there already, 2 not imported\n"), "{tried:?}");

    let imported = import(&node, &["--timezone", "Asia/Tokyo"], CRONTAB).await;
    assert_eq!(imported.code, 1);
    for says in [
        "3     backup            At 02:30",
        "line 1: the variable MAILTO is not carried over",
        "line 7 was not imported: @reboot",
        "line 8 “never” was not imported: “61 * * * *” cannot have minute \"61\"",
        "5 created, 0 there already, 2 not imported",
    ] {
        assert!(imported.out.contains(says), "{says}: {}", imported.out);
    }
    assert!(!imported.out.contains("ops@example.com"));
    let there = tasks(&node, &project).await;
    let seen = |key: &str| there.iter().map(|task| task[key].clone()).collect::<Vec<_>>();
    assert_eq!(seen("name"), ["backup", "a.php", "b.php", "curl example.com", "notify"]);
    assert_eq!(seen("description"), ["Nightly backup", "", "", "", ""]);
    assert_eq!(there[0]["metadata"], json!({ "command": "/usr/local/bin/backup --full" }));
    let zones: Vec<_> = there.iter().map(|task| &task["schedule_config"]["timezone"]).collect();
    assert_eq!(zones[..3], ["Asia/Tokyo", "Europe/Berlin", "Europe/Berlin"]);

    // Again: nothing is made twice, and what now differs is said.
    let again = import(&node, &["--timezone", "Asia/Tokyo"], CRONTAB).await;
    assert!(again.out.ends_with("0 created, 5 there already, 2 not imported\n"), "{again:?}");
    let only = "0 9 * * mon-fri /usr/bin/php /srv/other/b.php\n";
    let other = import(&node, &["--timezone", "Europe/Berlin"], only).await;
    assert!(
        other.out.contains("line 1 “b.php” was not imported: a task of this name does something else"),
        "{other:?}"
    );
    run(&node, &["tasks", "delete", "backup"]).await.well(&[]);
    let line = "# Nightly backup\n30 2 * * * /usr/local/bin/backup --full\n";
    let deleted = import(&node, &["--timezone", "Asia/Tokyo"], line).await;
    // One that is being deleted does not stand in its way; by its name, the live one is meant from now on.
    deleted.well(&["1 created, 0 there already, 0 not imported"]);
    assert_eq!(tasks(&node, &project).await.len(), 6);
    run(&node, &["tasks", "delete", "backup"]).await.well(&[]);
    let statuses: Vec<_> = tasks(&node, &project).await.iter().map(|task| task["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == json!("PENDING_DELETE")).count(), 2, "{statuses:?}");
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
    assert_eq!((&task["name"], &task["status"]), (&json!("run-parts /etc/cron.hourly"), &json!("DISABLED")));
    assert_eq!(task["metadata"], json!({ "command": "cd / && run-parts /etc/cron.hourly", "user": "root" }));
    let again = import(&node, &[], system).await;
    again.well(&["0 created, 1 there already, 0 not imported"]);
    assert!(again.err.contains("- is a crontab with a column for the user"), "{again:?}");
    let unclear = "0 1 * * * deploy /srv/nightly\n";
    import(&node, &["--dry-run"], unclear)
        .await
        .bad(2, &["(line 1): say --system if it has one, --user if it has not"]);
    import(&node, &["--dry-run", "--user"], unclear).await.well(&["deploy"]);
    import(&node, &["--dry-run", "--system"], unclear).await.well(&["nightly"]);
    import(&node, &["--user", "--system"], unclear).await.bad(2, &["cannot be used with"]);
    let variables = "SHELL=/bin/bash\nMAILTO=\"\"\n# S\u{e4}uberung\n@weekly /opt/clean\n";
    import(&node, &["--dry-run"], variables).await.well(&["line 1: the variable SHELL", "1 would be created"]);
    import(&node, &[], "# nothing\n").await.well(&["0 created, 0 there already, 0 not imported"]);
    let file = format!("{}/crontab-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    std::fs::write(&file, "@daily /bin/day").unwrap();
    run(&node, &["import", "crontab", &file]).await.well(&["1 created"]);
    std::fs::remove_file(&file).unwrap();
    run(&node, &["import", "crontab", &file]).await.bad(2, &["cannot be read: No such file"]);
    run(&node, &["import", "crontab", "-", "--timezone", "Nowhere"]).await.bad(2, &["not an IANA time zone"]);
    run(&node, &["import", "crontab"]).await.bad(2, &["FILE"]);
    node.kill();
}

/// A file of the corpus, and the command for it.
async fn corpus(node: &Node, command: &str, file: &str, more: &[&str]) -> Said {
    let path = format!("{}/tests/corpus/import/{file}", env!("CARGO_MANIFEST_DIR"));
    let arguments: Vec<_> = ["import", command, path.as_str()].iter().chain(more).copied().collect();
    run(node, &arguments).await
}

#[sqlx::test(migrations = false)]
async fn files_of_other_schedulers_become_tasks_by_either_command(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(600).await;
    let manifest = corpus(&node, "k8s", "k8s.yaml", &["--disabled"]).await;
    assert!(manifest.code == 1 && manifest.out.contains("3 created, 0 there already, 2 not imported"), "{manifest:?}");
    assert!(
        manifest.out.contains("“nightly-report”: ") && manifest.out.contains("env is not carried over"),
        "{manifest:?}"
    );
    let again = corpus(&node, "crontab", "k8s.yaml", &["--disabled"]).await;
    assert!(again.out.contains("0 created, 3 there already, 2 not imported"), "{again:?}");
    assert!(again.err.contains("a CronJob manifest of Kubernetes: read as sexton import k8s does"), "{again:?}");
    let task = tasks(&node, &project).await.remove(0);
    assert_eq!((&task["name"], &task["status"]), (&json!("nightly-report"), &json!("DISABLED")));
    assert_eq!((&task["timeout_seconds"], &task["max_attempts"]), (&json!(600), &json!(3)));

    let ofelia = corpus(&node, "ofelia", "ofelia.ini", &[]).await;
    assert!(ofelia.out.contains("write all six") && !ofelia.out.contains("hunter2"), "{ofelia:?}");
    let systemd = corpus(&node, "systemd", "backup.timer", &["--json"]).await;
    let systemd: Value = serde_json::from_str(&systemd.out).unwrap();
    assert_eq!((&systemd["created"], &systemd["not_imported"]), (&json!(2), &json!(1)));
    for (command, reason) in
        [("k8s", "no CronJob manifest"), ("ofelia", "no configuration of Ofelia"), ("systemd", "no timer unit")]
    {
        let wrong = corpus(&node, command, "tabs.crontab", &[]).await;
        assert!(wrong.code == 1 && wrong.out.contains(reason), "{wrong:?}");
    }
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn the_service_of_a_timer_is_looked_for_beside_it(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(600).await;
    let folder = format!("{}/units-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(format!("{folder}/tidy.timer"), "[Timer]\nOnCalendar=daily\n").unwrap();
    std::fs::write(format!("{folder}/tidy.service"), "[Service]\nUser=www-data\nExecStart=/opt/tidy --all\n").unwrap();
    run(&node, &["import", "systemd", &format!("{folder}/tidy.timer")]).await.well(&["1 created"]);
    std::fs::remove_dir_all(&folder).unwrap();
    let task = tasks(&node, &project).await.remove(0);
    assert_eq!(task["metadata"], json!({ "command": "/opt/tidy --all", "unit": "tidy.service", "user": "www-data" }));
    node.kill();
}
