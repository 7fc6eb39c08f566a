//! A Postgres that is restarted, killed, and away for a minute, while two nodes accept deletions and tear down.

use crate::invariants;
use crate::load::{IN_TIME, Load};
use crate::node::{Node, until};
use crate::spare::Spare;
use crate::stock::history;
use serde_json::json;
use std::time::{Duration, Instant};

/// How long Postgres is away.
const OUTAGE: Duration = Duration::from_secs(60);
/// Work begins again within this time after the end of an outage. On a machine with nothing else to do it is 5 s.
const BACK_WITHIN: Duration = Duration::from_secs(15);
/// Executions of a task whose teardown takes several transactions.
const LONG: i64 = 4_000;

#[derive(Clone, Copy, Debug)]
enum Outage {
    Restart,
    Kill,
    Minute,
}

#[tokio::test]
async fn no_outage_of_the_database_loses_a_deletion_or_holds_up_an_answer() {
    let spare = Spare::new().await;
    let database = spare.url();
    let (mut one, mut two) = tokio::join!(Node::ready(&database, &[]), Node::ready(&database, &[]));
    let (project, patient) = (one.client.project(0).await, one.client.project(3_600).await);
    let load = Load::start(&[&one.client, &two.client], &project, 2);
    let (mut long, mut undone, mut pending) = (Vec::new(), Vec::new(), Vec::new());
    for outage in [Outage::Restart, Outage::Kill, Outage::Minute] {
        load.goes_on(50).await;
        undone.extend(one.client.tasks(&patient, 1).await);
        let record = one.client.accept(undone.last().unwrap()).await;
        pending.push(one.client.accept(&one.client.tasks(&patient, 1).await[0]).await);
        long.push(begin_long(&spare, &one, &project).await);
        happen(&spare, outage).await;
        works_again(&spare, &load, [&one, &two], outage).await;
        let undo = async || two.client.send("POST", &format!("{record}/undo"), None).await.unwrap().status == 200;
        until("the deletion is undone", undo).await;
    }
    assert!(one.is_running() && two.is_running(), "a process has exited");
    let log = load.end().await;
    println!("accepted {}, refused {}, slowest answer {:?}", log.accepted.len(), log.refused, log.slowest);
    assert!(log.slowest < IN_TIME, "an answer took {:?}", log.slowest);
    let pool = spare.connect().await;
    log.is_true(&pool).await;
    let open = "SELECT count(*) FROM deletions WHERE completed_at IS NULL";
    let is_quiet = async || sqlx::query_scalar::<_, i64>(open).fetch_one(&pool).await.unwrap() == pending.len() as i64;
    until("all that is due is gone", is_quiet).await;
    for record in &long {
        let receipt = two.client.get(record).await.body["receipt"].clone();
        assert_eq!((&receipt["executions"], &receipt["execution_logs"]), (&json!(LONG), &json!(2 * LONG)));
    }
    for record in &pending {
        assert_eq!(one.client.state(record).await, "SCHEDULED");
    }
    for task in &undone {
        assert_eq!(two.client.get(task).await.body["status"], "ACTIVE");
    }
    invariants::hold(&pool).await;
    pool.close().await;
}

/// Requests a deletion that takes a while; answers its record as soon as it is being worked at.
async fn begin_long(spare: &Spare, node: &Node, project: &str) -> String {
    let pool = spare.connect().await;
    let task = node.client.tasks(project, 1).await.remove(0);
    history(&pool, &task, LONG).await;
    let record = node.client.accept(&task).await;
    until("the teardown runs", async || node.client.state(&record).await != "SCHEDULED").await;
    pool.close().await;
    record
}

/// Breaks the database and repairs it again.
async fn happen(spare: &Spare, outage: Outage) {
    match outage {
        Outage::Restart => {}
        Outage::Kill => spare.kill(),
        Outage::Minute => {
            spare.stop().await;
            tokio::time::sleep(OUTAGE).await;
        }
    }
    spare.restart().await;
}

/// After an outage deletions are accepted, and end, soon; and every node works.
async fn works_again(spare: &Spare, load: &Load, nodes: [&Node; 2], outage: Outage) {
    let back = Instant::now();
    let pool = spare.connect().await;
    let gone =
        "SELECT EXISTS (SELECT FROM deletions WHERE completed_at > pg_postmaster_start_time() AND state = 'SUCCEEDED')";
    let is_gone = async || sqlx::query_scalar::<_, bool>(gone).fetch_one(&pool).await.unwrap();
    until("a task is gone", is_gone).await;
    let gone = back.elapsed();
    for node in nodes {
        node.gets_ready().await;
    }
    let ready = back.elapsed();
    let accepted = load.first_after(back).await;
    println!("{outage:?}: accepted after {accepted:?}, torn down after {gone:?}, all nodes ready after {ready:?}");
    assert!(accepted.max(gone).max(ready) < BACK_WITHIN, "{outage:?}: {accepted:?}, {gone:?}, {ready:?}");
    pool.close().await;
}
