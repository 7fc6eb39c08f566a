//! A real issuer of OpenID Connect (`end2end/issuer.js`, on Node.js), and a person who signs in at it by its own forms.

use crate::app::App;
use crate::call::{Answer, call};
use reqwest::{Client, StatusCode, Url, header, redirect};
use sqlx::postgres::PgConnectOptions;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// Where the tests' instance is, for the issuer. Nothing listens there: the tests call the router.
pub const PUBLIC: &str = "http://localhost";
const CALLBACK: &str = "http://localhost/login/oidc/callback";

/// A process that ends with its standard input, so with this one at the latest.
pub struct Issuer {
    pub url: String,
    process: Child,
    /// Kept, because a process that writes to nobody dies.
    _said: BufReader<ChildStdout>,
}

impl Issuer {
    /// On this port; 0: on any that is free.
    pub fn start(port: u16) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../end2end");
        let mut node = Command::new("node");
        node.args(["issuer.js", &port.to_string(), CALLBACK]).current_dir(folder);
        let process = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = process.expect("node is needed: `cargo xtask setup --test` installs it");
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut url = String::new();
        said.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://"), "{url}: `cargo xtask setup --test` installs what the issuer needs");
        Self { url, process, _said: said }
    }

    /// One for all tests of this process.
    pub fn shared() -> &'static str {
        static SHARED: OnceLock<Issuer> = OnceLock::new();
        &SHARED.get_or_init(|| Self::start(0)).url
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl App {
    /// With an issuer at `url`, in which this instance is `client`.
    pub async fn with_issuer(on: &PgConnectOptions, url: &str, client: &str, more: &[&str]) -> Self {
        let secret = concat!(env!("CARGO_TARGET_TMPDIR"), "/oidc-secret");
        std::fs::write(secret, "a secret that only two know\n").unwrap();
        let fixed = ["--public-url", PUBLIC, "--oidc-issuer", url, "--oidc-client-id", client, "--oidc-name", "Acme"];
        let secret: &[&str] = if client == "sexton" { &["--oidc-client-secret-file", secret] } else { &[] };
        Self::with(on, &[&fixed, secret, more].concat()).await
    }

    /// Asks to be sent to the issuer: the answer.
    pub async fn depart(&self, next: &str) -> Answer {
        let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        self.send(call("GET", &format!("/login/oidc?{next}")).without("authorization")).await
    }

    /// Comes back with what the issuer gave.
    pub async fn arrive(&self, path: &str, cookie: &str) -> Answer {
        self.send(call("GET", path).without("authorization").header("cookie", cookie)).await
    }

    /// Goes to the issuer and signs in there: the path back, and the cookie.
    pub async fn there(&self, next: &str, login: &str) -> (String, String) {
        let departure = self.depart(next).await;
        assert_eq!(departure.status, 303, "{departure:?}");
        let back = Person::new().sign_in(departure.header("location"), login).await;
        (back, cookie(&departure, "sexton-oidc"))
    }

    /// There and back.
    pub async fn there_and_back(&self, next: &str, login: &str) -> Answer {
        let (path, cookie) = self.there(next, login).await;
        self.arrive(&path, &cookie).await
    }
}

/// What a browser sends back of a cookie.
pub fn cookie(answer: &Answer, name: &str) -> String {
    let mut set = answer.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let cookie = set.find(|cookie| cookie.starts_with(&format!("{name}=")));
    let cookie = cookie.unwrap_or_else(|| panic!("no cookie {name} in {answer:?}"));
    cookie.split(';').next().unwrap().to_owned()
}

/// Somebody with a browser that knows nothing yet.
pub struct Person {
    http: Client,
    cookies: BTreeMap<String, String>,
}

impl Person {
    pub fn new() -> Self {
        backend::executor::use_tls();
        let http = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Self { http, cookies: BTreeMap::new() }
    }

    /// Fills in the issuer's forms until it sends the browser back; answers the path of that.
    pub async fn sign_in(mut self, url: &str, login: &str) -> String {
        let mut at = Url::parse(url).unwrap();
        let mut form = None;
        loop {
            let page = match self.go(&at, form.take()).await {
                Ok(next) if next.as_str().starts_with(CALLBACK) => return next.as_str()[PUBLIC.len()..].to_owned(),
                Ok(next) => {
                    at = next;
                    continue;
                }
                Err(page) => page,
            };
            let prompt = attribute(&page, "name=\"prompt\" value=\"");
            at = at.join(&attribute(&page, "action=\"")).unwrap();
            let fields = [("prompt", prompt.as_str()), ("login", login), ("password", "any")];
            form = Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish());
        }
    }

    /// Goes away from the issuer's form; answers the path back.
    pub async fn refuse(mut self, url: &str) -> String {
        let mut at = self.go(&Url::parse(url).unwrap(), None).await.unwrap();
        let page = self.go(&at, None).await.unwrap_err();
        at = at.join(&attribute(&page, "<a href=\"")).unwrap();
        while !at.as_str().starts_with(CALLBACK) {
            at = self.go(&at, None).await.unwrap();
        }
        at.as_str()[PUBLIC.len()..].to_owned()
    }

    /// Where the browser is sent, or else the page that it shows.
    async fn go(&mut self, at: &Url, form: Option<String>) -> Result<Url, String> {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match form {
            Some(form) => {
                self.http.post(at.clone()).header("content-type", "application/x-www-form-urlencoded").body(form)
            }
            None => self.http.get(at.clone()),
        };
        let response = request.header(header::COOKIE, cookies.join("; ")).send().await.unwrap();
        for set in response.headers().get_all(header::SET_COOKIE) {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        if let Some(location) = response.headers().get(header::LOCATION) {
            return Ok(at.join(location.to_str().unwrap()).unwrap());
        }
        let (status, page) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{at}: {page}");
        Err(page)
    }
}

/// What stands between `before` and the next quote.
fn attribute(page: &str, before: &str) -> String {
    let found = page.split_once(before).and_then(|(_, rest)| rest.split('"').next());
    found.unwrap_or_else(|| panic!("no {before} in {page}")).to_owned()
}
