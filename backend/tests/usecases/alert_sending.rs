//! The courier: by mail and webhook, each message once whatever the nodes do, again after a refusal, and given up with its
//! reason.

use crate::receiver::Receiver;
use crate::smtp::MailServer;
use crate::support::{PATIENCE, World};
use backend::alerts::{Courier, CourierSettings, Smtp, SmtpTls, send_test};
use backend::tasks::delete;
use domain::alert::{Alert, AlertDelivery, AlertState, DeliveryState};
use domain::deletion::FailureKind;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use standardwebhooks::Webhook;
use std::collections::BTreeSet;

const DUE: &str = "UPDATE alert_deliveries SET next_try_at = clock_timestamp()";

fn by_mail(server: &MailServer) -> CourierSettings {
    let from = Some("Sexton <sexton@example.com>".to_owned());
    CourierSettings { smtp: Some(Smtp::Url(server.url())), hello: None, mail_from: from, allow_private: true }
}

impl World {
    fn courier(&self, settings: &CourierSettings) -> Courier {
        Courier::new(self.backend.clone(), settings).unwrap()
    }

    /// A project with these receivers, and one deletion that is given up.
    async fn with_alert(options: &PgConnectOptions, receivers: Value) -> Self {
        let world = Self::new(options).await;
        world.alert(receivers).await;
        let deletion = world.request(&world.task("Nightly").await).await;
        delete::failed(&world.backend, deletion.id, FailureKind::Conflict, "extra refers to it", 0.0).await.unwrap();
        world
    }

    async fn only_alert(&self) -> Alert {
        let mut alerts = self.alerts().await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        alerts.remove(0)
    }

    async fn only_delivery(&self) -> AlertDelivery {
        let mut deliveries = self.only_alert().await.deliveries;
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        deliveries.remove(0)
    }
}

#[sqlx::test(migrations = false)]
async fn a_cause_is_one_mail_that_says_what_happened(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, server) =
        (World::with_alert(&options, json!({ "emails": ["ops@example.com"] })).await, MailServer::start().await);
    let courier = world.courier(&by_mail(&server));
    assert!(!courier.step().await.unwrap(), "there is no more");
    world.execute(DUE).await;
    courier.step().await.unwrap();
    let mails = server.mails();
    assert_eq!(mails.len(), 1, "one for one cause");
    let (mail, alert, delivery) = (&mails[0], world.only_alert().await, world.only_delivery().await);
    assert!(mail.from.contains("<sexton@example.com>") && mail.to.contains("<ops@example.com>"), "{mail:?}");
    assert_eq!(mail.header("From"), "Sexton <sexton@example.com>");
    assert_eq!(mail.header("Subject"), "[Project] Nightly could not be deleted");
    assert_eq!(mail.header("Message-ID"), format!("<{}@example.com>", delivery.id));
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert!(mail.says(&alert.message) && mail.says(&alert.deletion_id.unwrap().to_string()), "{mail:?}");
    assert_eq!((alert.state, delivery.state, delivery.attempts), (AlertState::Sent, DeliveryState::Sent, 1));
    assert!(delivery.sent_at.is_some() && delivery.error.is_none());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_webhook_gets_a_signed_post_with_the_delivery_as_its_id(_: PgPoolOptions, options: PgConnectOptions) {
    let receiver = Receiver::start().await;
    let world = World::with_alert(&options, json!({ "webhook_url": receiver.url("/ok") })).await;
    world.courier(&CourierSettings { allow_private: true, ..CourierSettings::default() }).step().await.unwrap();
    let (calls, alert, delivery) = (receiver.calls(), world.only_alert().await, world.only_delivery().await);
    assert_eq!((calls.len(), delivery.state), (1, DeliveryState::Sent));
    assert_eq!(calls[0].id(), delivery.id);
    let mut headers = reqwest::header::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, calls[0].headers[name].parse().unwrap());
    }
    let secret: String =
        sqlx::query_scalar("SELECT signing_secret FROM projects").fetch_one(&world.pool).await.unwrap();
    Webhook::new(&secret).unwrap().verify(calls[0].body.as_bytes(), &headers).unwrap();
    let body: Value = serde_json::from_str(&calls[0].body).unwrap();
    let expected = json!({
        "alert_id": alert.id, "kind": "DELETE_FAILED", "project_id": world.project.id, "project": "Project",
        "task_uuid": alert.task_uuid, "task": "Nightly", "message": alert.message, "execution_id": null,
        "deletion_id": alert.deletion_id, "at": alert.created_at,
    });
    assert_eq!(body, expected);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_webhook_that_cannot_be_signed_is_not_sent_and_fails_with_that_reason(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let receiver = Receiver::start().await;
    let world = World::with_alert(&options, json!({ "webhook_url": receiver.url("/ok") })).await;
    world.execute("UPDATE projects SET signing_secret = 'whsec_no base64 at all!'").await;
    world.courier(&CourierSettings { allow_private: true, ..CourierSettings::default() }).step().await.unwrap();
    let delivery = world.only_delivery().await;
    assert_eq!((delivery.state, receiver.calls().len()), (DeliveryState::Failed, 0));
    let error = delivery.error.unwrap();
    assert!(error.starts_with("Not called: it could not be signed"), "{error}");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn two_nodes_at_once_send_each_message_once(_: PgPoolOptions, options: PgConnectOptions) {
    let emails: Vec<_> = (0..20).map(|n| format!("ops{n}@example.com")).collect();
    let (world, server) = (World::with_alert(&options, json!({ "emails": emails })).await, MailServer::start().await);
    let nodes = [world.courier(&by_mail(&server)), world.courier(&by_mail(&server))];
    for _ in 0..2 {
        let (one, other) = tokio::join!(nodes[0].step(), nodes[1].step());
        one.unwrap();
        other.unwrap();
    }
    let mails = server.mails();
    let receivers: BTreeSet<_> = mails.iter().map(|mail| mail.to.clone()).collect();
    let ids: BTreeSet<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!((mails.len(), receivers.len(), ids.len()), (20, 20, 20));
    assert_eq!(world.only_alert().await.state, AlertState::Sent);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_refused_for_now_is_the_same_mail_again_when_its_time_has_come(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, server) =
        (World::with_alert(&options, json!({ "emails": ["ops@example.com"] })).await, MailServer::start().await);
    let courier = world.courier(&by_mail(&server));
    server.refuse("451 come again");
    courier.step().await.unwrap();
    let refused = world.only_delivery().await;
    assert_eq!((refused.state, refused.attempts), (DeliveryState::Pending, 1));
    assert!(refused.error.unwrap().contains("451"));
    courier.step().await.unwrap();
    assert_eq!(server.mails().len(), 1, "not before its time");
    world.execute(DUE).await;
    courier.step().await.unwrap();
    let mails = server.mails();
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    let sent = world.only_delivery().await;
    assert_eq!((mails.len(), sent.state, sent.attempts, sent.error), (2, DeliveryState::Sent, 2, None));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_cannot_be_sent_is_given_up_with_its_reason(_: PgPoolOptions, options: PgConnectOptions) {
    let receiver = Receiver::start().await;
    let receivers = json!({ "emails": ["ops@example.com"], "webhook_url": receiver.url("/status/500") });
    let (world, server) = (World::with_alert(&options, receivers).await, MailServer::start().await);
    let courier = world.courier(&by_mail(&server));
    server.refuse("550 no such user");
    for _ in 0..7 {
        courier.step().await.unwrap();
        world.execute(DUE).await;
    }
    let alert = world.only_alert().await;
    let [mail, webhook] = alert.deliveries.as_slice() else { panic!("{alert:?}") };
    assert_eq!((mail.state, mail.attempts), (DeliveryState::Failed, 1), "a refusal for good");
    assert!(mail.error.as_ref().unwrap().contains("no such user"), "{mail:?}");
    assert_eq!((webhook.state, webhook.attempts), (DeliveryState::Failed, 5));
    assert_eq!(webhook.error.as_deref(), Some("The endpoint answered 500."));
    assert_eq!((receiver.calls().len(), server.mails().len(), alert.state), (5, 1, AlertState::Failed));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn without_a_mail_server_and_at_addresses_that_are_not_public_nothing_is_sent(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let receiver = Receiver::start().await;
    let receivers = json!({ "emails": ["ops@example.com"], "webhook_url": receiver.url("/ok") });
    let world = World::with_alert(&options, receivers).await;
    world.courier(&CourierSettings::default()).step().await.unwrap();
    let deliveries = world.only_alert().await.deliveries;
    let ends: Vec<_> = deliveries.iter().map(|delivery| (delivery.state, delivery.attempts)).collect();
    assert_eq!(ends, [(DeliveryState::Failed, 1), (DeliveryState::Failed, 1)]);
    assert!(deliveries[0].error.as_ref().unwrap().contains("SEXTON_SMTP_URL"), "{deliveries:?}");
    assert!(deliveries[1].error.as_ref().unwrap().contains("not public"), "{deliveries:?}");
    assert_eq!(receiver.calls().len(), 0);
    let by = |url: &str| Some(Smtp::Url(url.to_owned()));
    let half = CourierSettings { smtp: by("smtp://127.0.0.1:1"), ..CourierSettings::default() };
    for url in ["smtps://mail.example.com", "smtp://user:pass@mail.example.com:587?tls=required"] {
        let whole = CourierSettings { smtp: by(url), mail_from: Some("a@example.com".to_owned()), ..half.clone() };
        assert!(Courier::new(world.backend.clone(), &whole).is_ok(), "{url}");
        let nobody = CourierSettings { mail_from: Some("nobody".to_owned()), ..whole };
        assert!(
            Courier::new(world.backend.clone(), &nobody).is_err_and(|error| error.contains("SEXTON_MAIL_FROM=nobody"))
        );
    }
    assert!(Courier::new(world.backend.clone(), &half).is_err_and(|error| error.contains("SEXTON_MAIL_FROM")));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_a_dead_node_was_sending_is_left_alone_until_its_lease_is_over(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let receiver = Receiver::start().await;
    let world = World::with_alert(&options, json!({ "webhook_url": receiver.url("/held") })).await;
    let settings = CourierSettings { allow_private: true, ..CourierSettings::default() };
    let dying = world.courier(&settings);
    let sending = tokio::spawn(async move { dying.step().await });
    receiver.until(1).await;
    sending.abort();
    receiver.open(true);
    let other = world.courier(&settings);
    other.step().await.unwrap();
    assert_eq!(receiver.calls().len(), 1, "its lease goes on");
    world.execute(DUE).await;
    tokio::time::timeout(PATIENCE, other.step()).await.unwrap().unwrap();
    let delivery = world.only_delivery().await;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Sent, 2));
    assert_eq!(receiver.calls().iter().map(|call| call.id()).collect::<Vec<_>>(), [delivery.id; 2]);
    world.end().await;
}

#[tokio::test]
async fn a_mail_server_is_greeted_by_the_public_name_and_a_password_may_contain_anything() {
    let server = MailServer::start().await;
    for (hello, greeting) in [("cron.example.com", "EHLO cron.example.com"), ("10.0.0.7", "EHLO [10.0.0.7]")] {
        let login = Some(("sexton".to_owned(), "se#c/r@t".to_owned()));
        let (host, port) = ("127.0.0.1".to_owned(), server.port());
        let smtp = Some(Smtp::Server { host, port, tls: SmtpTls::None, login });
        let settings = CourierSettings { smtp, hello: Some(hello.to_owned()), ..by_mail(&server) };
        send_test(&settings, "ops@example.com").await.unwrap();
        assert_eq!(server.mails().last().unwrap().hello, greeting);
    }
    server.refuse("550 not here");
    let refused = send_test(&by_mail(&server), "ops@example.com").await.unwrap_err();
    assert!(refused.contains("not here"), "{refused}");
    let none = send_test(&CourierSettings::default(), "ops@example.com").await.unwrap_err();
    assert!(none.contains("SEXTON_SMTP_HOST"), "{none}");
}
