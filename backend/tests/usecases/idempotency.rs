//! Keys of requests: one holds them at a time, whoever dies lets go, and what expires is removed.

use crate::support::{World, kind};
use backend::idempotency::{Held, Kept, Keyed, Turn, begin, keep, release};
use domain::error::ProblemKind;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

fn keyed(key: &str, asked: &str) -> Keyed {
    Keyed::new(&[b"Ada", key.as_bytes()], &[asked.as_bytes()])
}

fn answer(text: &str) -> Kept {
    let headers = vec![("location".to_owned(), "/a".to_owned())];
    Kept { status: 201, is_refusal: false, headers, body: text.as_bytes().to_vec() }
}

async fn acts(world: &World, keyed: &Keyed) -> Held {
    match begin(&world.backend, keyed).await.unwrap() {
        Turn::Act(held) => held,
        Turn::Repeat(kept) => panic!("answered {kept:?}"),
    }
}

const LATER: &str = "UPDATE idempotency_keys SET expires_at = clock_timestamp()";

#[sqlx::test(migrations = false)]
async fn a_node_that_dies_lets_go_after_a_minute_and_its_late_answer_is_not_kept(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let world = World::new(&on).await;
    let dead = acts(&world, &keyed("a", "x")).await;
    assert_eq!(kind(begin(&world.backend, &keyed("a", "x")).await), ProblemKind::IdempotencyInProgress);
    assert_eq!(kind(begin(&world.backend, &keyed("a", "y")).await), ProblemKind::IdempotencyKeyReused);
    let within = "idempotency_keys WHERE expires_at BETWEEN now() + interval '50 s' AND now() + interval '1 min'";
    assert_eq!(world.count(within).await, 1);
    world.execute(LATER).await;
    let heir = acts(&world, &keyed("a", "y")).await;
    assert!(!keep(&world.backend, &dead, &answer("dead")).await.unwrap());
    release(&world.backend, &dead).await.unwrap();
    assert!(keep(&world.backend, &heir, &answer("heir")).await.unwrap());
    assert_eq!(begin(&world.backend, &keyed("a", "y")).await.unwrap(), Turn::Repeat(answer("heir")));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_answer_is_kept_for_a_day_and_then_removed_in_batches(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    for n in 0..10 {
        let held = acts(&world, &keyed(&n.to_string(), "x")).await;
        assert!(keep(&world.backend, &held, &answer("a")).await.unwrap());
        assert!(!keep(&world.backend, &held, &answer("b")).await.unwrap(), "an answer is written once");
    }
    let day = "idempotency_keys WHERE expires_at BETWEEN now() + interval '23:59' AND now() + interval '24:00'";
    assert_eq!(world.count(day).await, 10);
    assert_eq!(world.clean_up(30, 4).await, 1);
    assert_eq!(world.count("idempotency_keys").await, 10);
    world.execute(LATER).await;
    acts(&world, &keyed("0", "another")).await;
    let batches = world.clean_up(30, 4).await;
    assert_eq!((batches, world.count("idempotency_keys").await), (3, 1));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_released_can_be_taken_with_another_body(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let held = acts(&world, &keyed("a", "x")).await;
    release(&world.backend, &held).await.unwrap();
    let other = acts(&world, &keyed("a", "y")).await;
    assert!(keep(&world.backend, &other, &answer("y")).await.unwrap());
    release(&world.backend, &other).await.unwrap();
    assert_eq!(begin(&world.backend, &keyed("a", "y")).await.unwrap(), Turn::Repeat(answer("y")), "an answer stays");
    world.end().await;
}

#[test]
fn parts_of_a_scope_cannot_be_mistaken_for_one_another() {
    assert_ne!(Keyed::new(&[b"ab", b"c"], &[]), Keyed::new(&[b"a", b"bc"], &[]));
    assert_ne!(Keyed::new(&[], &[b"a", b""]), Keyed::new(&[], &[b"", b"a"]));
    assert_eq!(keyed("a", "x"), keyed("a", "x"));
}
