//! Keys of requests: an answer is stored with the change that it answers for, whoever dies lets go, and what expires is removed.

use crate::support::{ADA, World, kind, project_draft, task_draft};
use backend::idempotency::{Kept, Keyed, act, find};
use backend::{Result, projects, tasks};
use domain::error::ProblemKind;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::future::{pending, ready};
use tokio::sync::Notify;

fn keyed(key: &str, asked: &str) -> Keyed {
    Keyed::new(&[b"Ada", key.as_bytes()], &[asked.as_bytes()])
}

fn answer(text: &str) -> Kept {
    let headers = vec![("location".to_owned(), "/a".to_owned())];
    Kept { status: 201, is_refusal: false, headers, body: text.as_bytes().to_vec() }
}

/// Creates a task under a key, with this answer.
async fn create(world: &World, keyed: &Keyed, kept: Option<Kept>) -> Result<Result<()>> {
    let work = async {
        let task = tasks::create(&world.backend, &ADA, world.project.id, task_draft("Ledger")).await;
        let kept = kept.filter(|_| task.is_ok());
        (task.map(drop), kept)
    };
    act(&world.backend, keyed, work).await
}

#[sqlx::test(migrations = false)]
async fn an_answer_is_stored_with_what_it_answers_for_or_neither_is(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    create(&world, &keyed("a", "x"), None).await.unwrap().unwrap();
    assert_eq!((world.count("tasks").await, find(&world.backend, &keyed("a", "x")).await.unwrap()), (0, None));
    for (event, code) in [("INSERT ON idempotency_keys", "53100"), ("INSERT ON tasks", "53100")] {
        world.refuse(event, code).await;
        let refused = create(&world, &keyed("a", "x"), Some(answer("a"))).await;
        assert!(!matches!(refused, Ok(Ok(()))), "{event}");
        world.allow().await;
        assert_eq!((world.count("tasks").await, find(&world.backend, &keyed("a", "x")).await.unwrap()), (0, None));
    }
    create(&world, &keyed("a", "x"), Some(answer("a"))).await.unwrap().unwrap();
    assert_eq!(world.count("tasks").await, 1);
    assert_eq!(find(&world.backend, &keyed("a", "x")).await.unwrap(), Some(answer("a")));
    assert_eq!(kind(find(&world.backend, &keyed("a", "y")).await), ProblemKind::IdempotencyKeyReused);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_key_is_in_one_hand_and_whoever_dies_lets_go_at_once(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (key, held) = (keyed("a", "x"), Notify::new());
    let dies = async {
        tasks::create(&world.backend, &ADA, world.project.id, task_draft("Ledger")).await.unwrap();
        let meanwhile = create(&world, &key, Some(answer("meanwhile"))).await.unwrap();
        assert_eq!(kind(meanwhile), ProblemKind::IdempotencyInProgress);
        held.notify_one();
        (pending().await, None)
    };
    tokio::select! {
        _ = act::<()>(&world.backend, &key, dies) => panic!("it ended"),
        () = held.notified() => {}
    }
    // Its connection is rolled back on its way into the pool.
    while create(&world, &key, Some(answer("heir"))).await.unwrap().is_err() {}
    assert_eq!(find(&world.backend, &key).await.unwrap(), Some(answer("heir")));
    assert_eq!(world.count("tasks").await, 1);
    // Whoever asked while the heir was at it acts no more.
    let late = create(&world, &key, Some(answer("late"))).await.unwrap();
    assert_eq!(kind(late), ProblemKind::IdempotencyInProgress);
    assert_eq!(world.count("tasks").await, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn nothing_is_kept_for_a_request_that_was_refused_before_it_could_act(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    act(&world.backend, &keyed("a", "x"), ready(((), Some(answer("a"))))).await.unwrap();
    assert_eq!(world.count("idempotency_keys").await, 0);
    // A refusal by the use case is kept, and nothing else of it.
    let work = async {
        let draft = projects::create(&world.backend, &ADA, project_draft("Project", 0)).await;
        assert_eq!(kind(draft), ProblemKind::NameTaken);
        ((), Some(Kept { status: 409, is_refusal: true, ..answer("taken") }))
    };
    act(&world.backend, &keyed("b", "x"), work).await.unwrap();
    assert_eq!((world.count("projects").await, world.count("idempotency_keys WHERE status = 409").await), (1, 1));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_answer_is_kept_for_a_day_and_then_removed_in_batches(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    for n in 0..10 {
        create(&world, &keyed(&n.to_string(), "x"), Some(answer("a"))).await.unwrap().unwrap();
    }
    let within =
        "idempotency_keys WHERE expires_at BETWEEN now() + interval '23 h 59 min' AND now() + interval '1 day'";
    assert_eq!(world.count(within).await, 10);
    assert_eq!(world.clean_up(30, 4).await, 1);
    assert_eq!(world.count("idempotency_keys").await, 10);
    world.execute("UPDATE idempotency_keys SET expires_at = clock_timestamp()").await;
    assert_eq!(find(&world.backend, &keyed("0", "x")).await.unwrap(), None);
    create(&world, &keyed("0", "another"), Some(answer("b"))).await.unwrap().unwrap();
    let batches = world.clean_up(30, 4).await;
    assert_eq!((batches, world.count("idempotency_keys").await), (3, 1));
    world.end().await;
}

#[test]
fn parts_of_a_scope_cannot_be_mistaken_for_one_another() {
    assert_ne!(Keyed::new(&[b"ab", b"c"], &[]), Keyed::new(&[b"a", b"bc"], &[]));
    assert_ne!(Keyed::new(&[], &[b"a", b""]), Keyed::new(&[], &[b"", b"a"]));
    assert_eq!(keyed("a", "x"), keyed("a", "x"));
}
