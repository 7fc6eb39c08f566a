//! An issuer that lies: it gives out whatever token a test has signed, and says which keys are its own.

use crate::app::{App, listen};
use crate::oidc_issuer::cookie;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use chrono::{TimeDelta, Utc};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreHmacKey, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, Audience, EmptyAdditionalClaims, EndUserEmail, IssuerUrl, JsonWebKeyId, Nonce, PrivateSigningKey,
    StandardClaims, SubjectIdentifier,
};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// Private keys of tests.
const KEYS: [&str; 2] = [
    "MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB",
    "MC4CAQAwBQYDK2VwBCIEIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC",
];

fn key(number: usize) -> CoreEdDsaPrivateSigningKey {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", KEYS[number]);
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(format!("key {number}")))).unwrap()
}

#[derive(Clone)]
struct Liar {
    url: String,
    /// The number of the key that it says is its own.
    key: Arc<Mutex<usize>>,
}

impl Liar {
    async fn start(stop: CancellationToken) -> Self {
        let url = Arc::new(Mutex::new(String::new()));
        let key = Arc::new(Mutex::new(0));
        let state = (url.clone(), key.clone());
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(about))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(state);
        let at = format!("http://{}", listen(router, stop).await);
        url.lock().unwrap().clone_from(&at);
        Self { url: at, key }
    }
}

type Told = State<(Arc<Mutex<String>>, Arc<Mutex<usize>>)>;

async fn about(State((url, _)): Told) -> Json<Value> {
    let url = url.lock().unwrap().clone();
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
    }))
}

async fn keys(State((_, number)): Told) -> Json<CoreJsonWebKeySet> {
    let number = *number.lock().unwrap();
    Json(CoreJsonWebKeySet::new(vec![key(number).as_verification_key()]))
}

/// The code is the token.
async fn token(Form(form): Form<HashMap<String, String>>) -> Json<Value> {
    Json(json!({ "access_token": "access", "token_type": "Bearer", "id_token": form["code"] }))
}

/// What is made of an honest token.
type Lie = fn(Token) -> String;

/// What a token says.
struct Token {
    issuer: String,
    audiences: Vec<&'static str>,
    nonce: Option<String>,
    seconds: i64,
    access: &'static str,
    key: usize,
}

impl Token {
    fn claims(&self) -> CoreIdTokenClaims {
        let audiences = self.audiences.iter().map(|&audience| Audience::new(audience.to_owned())).collect();
        let (now, ends) = (Utc::now(), Utc::now() + TimeDelta::seconds(self.seconds));
        let person = StandardClaims::new(SubjectIdentifier::new("1".to_owned()))
            .set_email(Some(EndUserEmail::new("ada@example.com".to_owned())))
            .set_email_verified(Some(true));
        let issuer = IssuerUrl::new(self.issuer.clone()).unwrap();
        let claims = CoreIdTokenClaims::new(issuer, audiences, ends, now, person, EmptyAdditionalClaims {});
        claims.set_nonce(self.nonce.clone().map(Nonce::new))
    }

    fn signed(&self) -> String {
        let (algorithm, access) = (CoreJwsSigningAlgorithm::EdDsa, AccessToken::new(self.access.to_owned()));
        CoreIdToken::new(self.claims(), &key(self.key), algorithm, Some(&access), None).unwrap().to_string()
    }

    fn signed_by_our_secret(&self) -> String {
        let (key, algorithm) = (CoreHmacKey::new("a secret that only two know"), CoreJwsSigningAlgorithm::HmacSha256);
        CoreIdToken::new(self.claims(), &key, algorithm, None, None).unwrap().to_string()
    }

    /// `{"alg":"none"}`, and no signature.
    fn unsigned(&self) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.", self.signed().split('.').nth(1).unwrap())
    }
}

impl App {
    /// What becomes of the token that `told` makes of an honest one.
    async fn believes(&self, liar: &Liar, told: impl FnOnce(Token) -> String) -> (u16, String) {
        let departure = self.depart("/").await;
        let query = departure.header("location").split_once('?').unwrap().1.to_owned();
        let query: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!(query["code_challenge_method"], "S256");
        let (nonce, audiences) = (Some(query["nonce"].clone()), vec!["sexton"]);
        let token = told(Token { issuer: liar.url.clone(), audiences, nonce, seconds: 60, access: "access", key: 0 });
        let path = format!("/login/oidc/callback?state={}&code={token}", query["state"]);
        let answer = self.arrive(&path, &cookie(&departure, "sexton-oidc")).await;
        (answer.status, answer.text)
    }
}

#[sqlx::test(migrations = false)]
async fn a_token_that_is_not_what_it_should_be_is_not_believed(_: PgPoolOptions, on: PgConnectOptions) {
    let stop = CancellationToken::new();
    let liar = Liar::start(stop.clone()).await;
    let app = App::with_issuer(&on, &liar.url, "sexton", &[]).await;
    let lies: [(&str, Lie); 10] = [
        ("No matching key", |token| Token { key: 1, ..token }.signed()),
        ("No signature", |token| token.unsigned()),
        ("Disallowed signature algorithm", |token| token.signed_by_our_secret()),
        ("Invalid issuer", |token| Token { issuer: "http://evil.example".to_owned(), ..token }.signed()),
        ("Invalid audiences", |token| Token { audiences: vec!["another"], ..token }.signed()),
        ("not a trusted audience", |token| Token { audiences: vec!["sexton", "another"], ..token }.signed()),
        ("Expired", |token| Token { seconds: -1, ..token }.signed()),
        ("nonce mismatch", |token| Token { nonce: Some("another".to_owned()), ..token }.signed()),
        ("missing nonce", |token| Token { nonce: None, ..token }.signed()),
        ("access token", |token| Token { access: "another", ..token }.signed()),
    ];
    for (why, lie) in lies {
        let (status, text) = app.believes(&liar, lie).await;
        assert!(status == 401 && text.contains("cannot be believed") && text.contains(why), "{why}: {status} {text}");
    }
    // Another signature than that of these words.
    let (status, text) = app.believes(&liar, |token| token.signed().replacen('.', ".e30", 1)).await;
    assert!(matches!(status, 401 | 502), "{status} {text}");
    assert_eq!(app.count("sessions").await + app.count("user_identities").await, 0);
    assert_eq!(app.believes(&liar, |token| token.signed()).await.0, 303, "the truth is believed");
    *liar.key.lock().unwrap() = 1;
    assert_eq!(app.believes(&liar, |token| Token { key: 1, ..token }.signed()).await.0, 303, "its keys may change");
    let (status, _) = app.believes(&liar, |token| token.signed()).await;
    assert_eq!(status, 401, "and what they were before is nothing then");
    stop.cancel();
    app.end().await;
}
