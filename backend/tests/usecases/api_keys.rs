//! API keys: shown once, kept as a hash, and good for one project.

use crate::support::{ADA, World, actor, kind, project_draft, refused};
use backend::api_keys;
use chrono::{TimeDelta, Utc};
use domain::api_key::{ApiKeyDraft, Scope};
use domain::error::ProblemKind;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

fn draft(name: &str) -> ApiKeyDraft {
    ApiKeyDraft { name: name.to_owned(), ..ApiKeyDraft::default() }
}

#[sqlx::test(migrations = false)]
async fn a_key_opens_its_project_and_is_nowhere_to_be_read(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (shown, key) = api_keys::create(&world.backend, &actor(), world.project.id, draft("  CI ")).await.unwrap();
    assert_eq!(
        (shown.name.as_str(), shown.scopes.as_slice(), shown.created_by.as_str()),
        ("CI", [Scope::Callbacks].as_slice(), "Ada")
    );
    assert!(key.starts_with("sxk_") && key.len() == 4 + 64 && key.starts_with(&shown.hint) && shown.hint.len() == 10);
    let holder = api_keys::authenticate(&world.backend, &key).await.unwrap();
    assert_eq!((holder.project_id, holder.scopes), (world.project.id, vec![Scope::Callbacks]));
    let kept: String = sqlx::query_scalar("SELECT api_keys::text FROM api_keys").fetch_one(&world.pool).await.unwrap();
    assert!(!kept.contains(&key[HINT_ENDS..]), "{kept}");
    let (_, other) = api_keys::create(&world.backend, &actor(), world.project.id, draft("CI")).await.unwrap();
    assert_ne!(key, other);
    world.end().await;
}

const HINT_ENDS: usize = 10;

#[sqlx::test(migrations = false)]
async fn what_is_no_key_any_more_opens_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let in_an_hour = Some(Utc::now() + TimeDelta::hours(1));
    let timed = ApiKeyDraft { expires_at: in_an_hour, ..draft("timed") };
    let (timed, old) = api_keys::create(&world.backend, &actor(), world.project.id, timed).await.unwrap();
    let (deleted, gone) = api_keys::create(&world.backend, &actor(), world.project.id, draft("gone")).await.unwrap();
    assert!(timed.expires_at.is_some() && api_keys::authenticate(&world.backend, &old).await.is_ok());
    world.execute("UPDATE api_keys SET expires_at = now() WHERE expires_at IS NOT NULL").await;
    let other = backend::projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    let foreign = api_keys::delete(&world.backend, &ADA, other.id, deleted.id).await;
    assert_eq!(kind(foreign), ProblemKind::ApiKeyNotFound);
    assert!(api_keys::authenticate(&world.backend, &gone).await.is_ok());
    api_keys::delete(&world.backend, &ADA, world.project.id, deleted.id).await.unwrap();
    assert_eq!(
        kind(api_keys::delete(&world.backend, &ADA, world.project.id, deleted.id).await),
        ProblemKind::ApiKeyNotFound
    );
    let hint = &old[..old.len() - 1];
    for key in [old.as_str(), &gone, hint, "sxk_", "", "nonsense", &old.to_uppercase()] {
        assert_eq!(kind(api_keys::authenticate(&world.backend, key).await), ProblemKind::Unauthorized, "{key}");
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn its_last_use_is_noted_once_a_minute(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (shown, key) = api_keys::create(&world.backend, &actor(), world.project.id, draft("CI")).await.unwrap();
    assert_eq!(shown.last_used_at, None);
    let used = async || {
        api_keys::authenticate(&world.backend, &key).await.unwrap();
        api_keys::list(&world.backend, world.project.id, None, None).await.unwrap().data[0].last_used_at.unwrap()
    };
    let first = used().await;
    assert_eq!(used().await, first);
    world.execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 s'").await;
    assert!(used().await >= first);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn keys_are_listed_newest_first_in_pages(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let other = backend::projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    api_keys::create(&world.backend, &actor(), other.id, draft("other")).await.unwrap();
    for n in 0..5 {
        api_keys::create(&world.backend, &actor(), world.project.id, draft(&n.to_string())).await.unwrap();
    }
    let first = api_keys::list(&world.backend, world.project.id, None, Some(3)).await.unwrap();
    let second = api_keys::list(&world.backend, world.project.id, first.next_cursor.as_deref(), Some(3)).await.unwrap();
    let names: Vec<_> = first.data.iter().chain(&second.data).map(|key| key.name.as_str()).collect();
    assert_eq!((names, second.next_cursor), (vec!["4", "3", "2", "1", "0"], None));
    assert_eq!(kind(api_keys::list(&world.backend, Uuid::now_v7(), None, None).await), ProblemKind::ProjectNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_draft_that_cannot_be_a_key_is_refused_field_by_field(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let scopes = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let bad = ApiKeyDraft { name: " ".to_owned(), scopes: scopes(&["admin"]), expires_at: Some(Utc::now()) };
    let refusal = refused(api_keys::create(&world.backend, &actor(), world.project.id, bad).await);
    let fields: Vec<_> = refusal.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!((refusal.kind, fields), (ProblemKind::ValidationFailed, vec!["name", "scopes", "expires_at"]));
    let none = ApiKeyDraft { scopes: scopes(&[]), ..draft("none") };
    assert_eq!(
        refused(api_keys::create(&world.backend, &actor(), world.project.id, none).await).errors[0].field,
        "scopes"
    );
    let twice = ApiKeyDraft { scopes: scopes(&["delete", "read", "delete"]), ..draft("twice") };
    let (shown, _) = api_keys::create(&world.backend, &actor(), world.project.id, twice).await.unwrap();
    assert_eq!(shown.scopes, [Scope::Read, Scope::Delete]);
    let nowhere = api_keys::create(&world.backend, &actor(), Uuid::now_v7(), draft("x")).await;
    assert_eq!(kind(nowhere), ProblemKind::ProjectNotFound);
    assert_eq!(world.count("api_keys").await, 1);
    world.end().await;
}
