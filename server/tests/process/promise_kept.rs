//! What the promise needs of the database: a session that is told to be careless is not, and a standby is waited for.

use crate::node::{Node, output, until};
use crate::spare::Spare;

#[tokio::test]
async fn a_database_that_is_told_not_to_wait_for_its_disk_loses_no_accepted_deletion() {
    let spare = Spare::new().await;
    let pool = spare.connect().await;
    for careless in [
        "ALTER DATABASE outages SET synchronous_commit = off",
        "ALTER DATABASE outages SET default_transaction_isolation = 'serializable'",
    ] {
        sqlx::raw_sql(careless).execute(&pool).await.unwrap();
    }
    let node = Node::ready(&spare.url(), &[]).await;
    let project = node.client.project(3_600).await;
    let tasks = node.client.tasks(&project, 20).await;
    for task in &tasks {
        node.client.accept(task).await;
    }
    spare.kill();
    spare.restart().await;
    pool.close().await;
    let pool = spare.connect().await;
    let accepted = "SELECT count(*) FROM tasks WHERE status = 'PENDING_DELETE'";
    assert_eq!(sqlx::query_scalar::<_, i64>(accepted).fetch_one(&pool).await.unwrap(), 20);
    node.kill();
    pool.close().await;
}

#[tokio::test]
async fn a_standby_is_waited_for_and_the_reason_is_said() {
    let spare = Spare::new().await;
    spare.become_standby().await;
    let mut node = Node::start(&spare.url(), &[]).await;
    until("it says why it waits", async || node.log().contains("the database is a standby")).await;
    assert!(node.is_running());
    assert_eq!(node.client.status("/readyz").await, 503);
    let refused = output(&["migrate"], &[("DATABASE_URL", &spare.url())]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("the database is a standby"), "{said}");
    let pool = spare.connect().await;
    sqlx::query("SELECT pg_promote()").execute(&pool).await.unwrap();
    node.gets_ready().await;
    node.kill();
    pool.close().await;
}
