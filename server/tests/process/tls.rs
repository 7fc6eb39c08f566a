//! An endpoint that speaks TLS and offers HTTP/2: in front of a receiver, with a certificate of an authority made for the test.
//! What a call negotiates, that it is delivered, and how a handshake that hangs or a bad certificate ends.

use crate::node::{Node, PATIENCE, output, url};
use crate::receiver::Receiver;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

const SETTINGS: [(&str, &str); 2] = [("SEXTON_ALLOW_PRIVATE_TARGETS", "true"), ("SEXTON_ROLES", "web,scheduler")];

/// A name and an authority for it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Where its certificate is, for `SSL_CERT_FILE`.
    file: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("Authority {}", Uuid::new_v4()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ca-{}.pem", Uuid::new_v4()));
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// A certificate for a name, and its key.
    fn certify(&self, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let signed = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (signed.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Takes TLS off and hands on to a receiver. Its protocols are in the order in which it prefers them.
struct Front {
    address: SocketAddr,
    /// What each connection agreed on.
    agreed: watch::Receiver<Vec<String>>,
    /// Connections that came, handshake or not.
    came: watch::Receiver<usize>,
}

impl Front {
    /// `shakes` is false for one that accepts connections and then says nothing.
    async fn start(
        receiver: &Receiver,
        certificate: (CertificateDer<'static>, PrivateKeyDer<'static>),
        shakes: bool,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_no_client_auth().with_single_cert(vec![certificate.0], certificate.1).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, behind) = (listener.local_addr().unwrap(), receiver.port());
        let ((agreed, seen), (came, all)) = (watch::channel(Vec::new()), watch::channel(0));
        tokio::spawn(async move {
            let agreed = Arc::new(agreed);
            let mut held = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                came.send_modify(|came| *came += 1);
                if !shakes {
                    held.push(socket);
                    continue;
                }
                let (acceptor, agreed) = (acceptor.clone(), Arc::clone(&agreed));
                tokio::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(socket).await else { return };
                    let protocol = outside.get_ref().1.alpn_protocol().unwrap_or(b"none").to_vec();
                    agreed.send_modify(|agreed| agreed.push(String::from_utf8(protocol).unwrap()));
                    let mut inside = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        Self { address, agreed: seen, came: all }
    }

    fn url(&self, name: &str) -> String {
        format!("https://{name}:{}/ok", self.address.port())
    }
}

/// Runs a task of a project that calls `endpoint` by hand, once; answers its run when it has ended.
async fn run(node: &Node, name: &str, endpoint: &str) -> Value {
    let project = node.client.project_calling(name, endpoint, 0).await;
    let task = json!({
        "name": "By hand", "max_attempts": 1, "schedule_config": { "cron_expression": "0 3 1 1 *", "timezone": "UTC" },
    });
    let task = node.client.create(&format!("{project}/tasks"), task).await;
    let started = node.client.send("POST", &format!("{task}/trigger"), None).await.unwrap();
    assert_eq!(started.status, 201, "{started:?}");
    let path = format!("{project}/executions/{}", started.body["id"].as_str().unwrap());
    let ended = async {
        loop {
            let run = node.client.send("GET", &path, None).await.unwrap().body;
            if matches!(run["status"].as_str(), Some("SUCCESS" | "FAILED")) {
                return run;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the run ends")
}

#[sqlx::test(migrations = false)]
async fn calls_to_an_endpoint_that_prefers_http_2_speak_http_1_1_and_are_delivered(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (receiver, authority) = (Receiver::start().await, Authority::new());
    let front = Front::start(&receiver, authority.certify("localhost"), true).await;
    let trusted = [&SETTINGS[..], &[("SSL_CERT_FILE", authority.file.to_str().unwrap())]].concat();
    let node = Node::ready(&url(&on), &trusted).await;
    for number in 1..=3 {
        let run = run(&node, &format!("Project {number}"), &front.url("localhost")).await;
        assert_eq!((&run["status"], &run["attempt"]), (&json!("SUCCESS"), &json!(1)), "{run}");
    }
    assert_eq!(receiver.calls().len(), 3);
    let agreed = front.agreed.borrow().clone();
    assert!(!agreed.is_empty() && agreed.iter().all(|protocol| protocol == "http/1.1"), "{agreed:?}");
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn a_tls_handshake_that_hangs_ends_as_a_call_that_could_not_connect_in_time(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (receiver, authority) = (Receiver::start().await, Authority::new());
    let front = Front::start(&receiver, authority.certify("localhost"), false).await;
    let short =
        [&SETTINGS[..], &[("SEXTON_LEASE_SECONDS", "2"), ("SSL_CERT_FILE", authority.file.to_str().unwrap())]].concat();
    let node = Node::ready(&url(&on), &short).await;
    let run = run(&node, "Hangs", &front.url("localhost")).await;
    let expected = (&json!("FAILED"), &json!(1), &json!("Could not connect in time."));
    assert_eq!((&run["status"], &run["attempt"], &run["error"]), expected, "{run}");
    assert_eq!((*front.came.borrow(), receiver.calls().len()), (1, 0), "it was tried once");
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn a_bad_certificate_is_refused_in_words(_: PgPoolOptions, on: PgConnectOptions) {
    let (receiver, trusted, unknown) = (Receiver::start().await, Authority::new(), Authority::new());
    let own = {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    };
    let table = [
        ("Unknown", unknown.certify("localhost"), "is not signed by an authority that this machine trusts."),
        ("Itself", own, "trust"),
        ("Other name", trusted.certify("example.com"), "is for another name"),
    ];
    let settings = [&SETTINGS[..], &[("SSL_CERT_FILE", trusted.file.to_str().unwrap())]].concat();
    let node = Node::ready(&url(&on), &settings).await;
    for (name, certificate, why) in table {
        let front = Front::start(&receiver, certificate, true).await;
        let run = run(&node, name, &front.url("localhost")).await;
        let error = run["error"].as_str().unwrap();
        assert_eq!(run["status"], "FAILED", "{name}: {error}");
        assert!(
            error.starts_with("Could not connect: the endpoint's certificate") && error.contains(why),
            "{name}: {error}"
        );
    }
    assert!(receiver.calls().is_empty());
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn a_lease_that_is_too_short_to_connect_in_is_refused_at_the_start(_: PgPoolOptions, on: PgConnectOptions) {
    let settings = [("SEXTON_LEASE_SECONDS", "13"), ("SEXTON_CONNECT_TIMEOUT_MS", "10000")];
    let database = url(&on);
    let settings = [&settings[..], &[("DATABASE_URL", database.as_str())]].concat();
    let output = output(&["serve"], &settings);
    let said = String::from_utf8(output.stderr).unwrap();
    let why = "SEXTON_LEASE_SECONDS=13 is too short for SEXTON_CONNECT_TIMEOUT_MS=10000: it must be at least 14, or the time to connect shorter";
    assert!(!output.status.success() && said.contains(why), "{said}");
}
