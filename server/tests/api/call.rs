//! A request as a test writes it, and its answer as a test reads it.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, header};
use serde_json::Value;
use std::net::SocketAddr;

/// The token of an administrator of the instance, who [`crate::app::App`] knows.
pub const TOKEN: &str = "sxt_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A request on its way. To `localhost` and by an administrator of the instance, unless it says otherwise.
pub struct Call {
    method: String,
    path: String,
    peer: SocketAddr,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

pub fn call(method: &str, path: &str) -> Call {
    let headers = [("host", "localhost"), ("authorization", &format!("Bearer {TOKEN}"))];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let peer = SocketAddr::from(([127, 0, 0, 1], 50_000));
    Call { method: method.to_owned(), path: path.to_owned(), peer, headers, body: Vec::new() }
}

pub fn get(path: &str) -> Call {
    call("GET", path)
}

pub fn delete(path: &str) -> Call {
    call("DELETE", path)
}

impl Call {
    /// Sets a header, in place of any of this name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// By who holds this token, key or session; the empty one: by nobody.
    pub fn by(self, secret: &str) -> Self {
        if secret.is_empty() {
            self.without("authorization")
        } else {
            self.header("authorization", &format!("Bearer {secret}"))
        }
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub fn from(mut self, peer: &str) -> Self {
        self.peer = SocketAddr::new(peer.parse().unwrap(), 50_000);
        self
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// A form as a program in the browser sends it.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", form).header("accept", "application/json")
    }

    /// The request itself.
    pub fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.extension(ConnectInfo(self.peer)).body(Body::from(self.body)).unwrap()
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// The body of an answer with this status.
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The problem that this answer must be; its form is the same for every problem.
    pub fn problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.headers[header::CACHE_CONTROL], "no-store");
        let problem = self.json();
        assert_eq!(problem["type"], format!("https://sexton.dev/problems/{slug}"), "{problem}");
        assert_eq!(problem["code"], slug.replace('-', "_").to_uppercase());
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        for member in ["title", "detail", "request_id"] {
            assert!(!problem[member].as_str().unwrap().trim().is_empty(), "{member} is empty: {problem}");
        }
        for error in problem["errors"].as_array().unwrap() {
            assert!(!error["field"].as_str().unwrap().is_empty(), "{problem}");
            assert!(error["message"].as_str().unwrap().len() > 10, "says too little: {problem}");
        }
        problem
    }

    /// The message about `field` in a problem.
    pub fn message(&self, status: u16, slug: &str, field: &str) -> String {
        let problem = self.problem(status, slug);
        let errors = problem["errors"].as_array().unwrap();
        let error = errors.iter().find(|error| error["field"] == field);
        let error = error.unwrap_or_else(|| panic!("{field} is not named: {problem}"));
        error["message"].as_str().unwrap().to_owned()
    }
}
