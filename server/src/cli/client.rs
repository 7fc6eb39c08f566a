//! The HTTP client of the commands for people.
//!
//! Invariant: the token goes to the server that was named and to no other (redirects are not followed), and is in no text.

use super::connection::Token;
use super::failure::{Failure, Problem};
use super::screen::remark;
use domain::page::Page;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a connection, and how long an answer may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How often, and after how many seconds at the most, it comes back to a server that has too much to do.
const COMES_BACK: usize = 5;
const LONGEST_WAIT: u64 = 60;

/// Asks one server.
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// A client that has not asked anything yet.
    pub fn new(server: &Url, token: Option<&Token>) -> Result<Self, Failure> {
        backend::executor::use_tls();
        let base = server.as_str().trim_end_matches('/').to_owned();
        let is_near = matches!(server.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let mut headers = HeaderMap::new();
        if let Some(Token(token)) = token.filter(|token| !token.0.is_empty()) {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            let mut value = value.map_err(|_| Failure::Usage("SEXTON_TOKEN holds what no token can".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
            if server.scheme() == "http" && !is_near {
                remark(&format!("the token goes to {base} without encryption; whoever is in between can read it"));
            }
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .user_agent(concat!("sexton-cli/", env!("CARGO_PKG_VERSION")));
        // A proxy of the environment is for what is far away.
        let http = if is_near { http.no_proxy() } else { http };
        let http = http.build().map_err(|error| Failure::Impossible(format!("no HTTP client: {}", reason(&error))))?;
        Ok(Self { http, base })
    }

    /// Reads.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(self.request(Method::GET, path), false).await
    }

    /// Reads a page of a list; filters without a value are left out.
    pub async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        filters: &[(&str, String)],
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<T>, Failure> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(filters.iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(cursor.map(|cursor| ("cursor", cursor))).append_pair("limit", &limit.to_string());
        self.get(&format!("{path}?{}", query.finish())).await
    }

    /// Creates something, or has something done.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: Option<&impl Serialize>) -> Result<T, Failure> {
        let mut request = self.request(Method::POST, path);
        if let Some(body) = body {
            let body = serde_json::to_string(body).map_err(|error| Failure::Impossible(error.to_string()))?;
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        self.ask(request, true).await
    }

    /// Deletes; `only_if_there` makes an error of what is not there.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str, only_if_there: bool) -> Result<T, Failure> {
        let request = self.request(Method::DELETE, path);
        let request = if only_if_there { request.header(IF_MATCH, "*") } else { request };
        self.ask(request, true).await
    }

    /// Opens a stream of events. It lasts, so that only its beginning has a limit. Answers the status of a refusal, if there
    /// was an answer.
    pub async fn stream(&self, path: &str) -> Result<Response, Option<StatusCode>> {
        let open = self.http.get(format!("{}{path}", self.base)).send();
        let response = timeout(CONNECT_WITHIN, open).await.ok().and_then(Result::ok).ok_or(None)?;
        if response.status().is_success() { Ok(response) } else { Err(Some(response.status())) }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).timeout(ANSWER_WITHIN)
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder, changes: bool) -> Result<T, Failure> {
        let response = self.send(request).await.map_err(|error| self.lost(&error, changes))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| self.lost(&error, changes))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| {
                Failure::Impossible(format!("{} answered what is not understood here: {error}", self.base))
            });
        }
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Failure::Refused(Box::new(problem)),
            Err(_) => Failure::Impossible(self.foreign(status, &headers)),
        })
    }

    /// Sends it; comes back later as often as the server asks for, within reason: nothing has been done then.
    async fn send(&self, mut request: RequestBuilder) -> Result<Response, reqwest::Error> {
        for _ in 0..COMES_BACK {
            let Some(again) = request.try_clone() else { break };
            let response = request.send().await?;
            let later = response.headers().get(RETRY_AFTER).and_then(|later| later.to_str().ok()?.parse().ok());
            match later.filter(|later| *later <= LONGEST_WAIT) {
                Some(later) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                    sleep(Duration::from_secs(later)).await;
                    request = again;
                }
                _ => return Ok(response),
            }
        }
        request.send().await
    }

    /// No answer. A change may have been made all the same, unless nobody was there to be asked.
    fn lost(&self, error: &reqwest::Error, changes: bool) -> Failure {
        let because = if error.is_timeout() { "it takes too long".to_owned() } else { reason(error) };
        let unknown = if changes && !error.is_connect() { "; whether it was done is not known" } else { "" };
        Failure::Unreachable(format!("the server at {} cannot be reached: {because}{unknown}", self.base))
    }

    /// Somebody answered who is not Sexton.
    fn foreign(&self, status: StatusCode, headers: &HeaderMap) -> String {
        let to = headers.get(LOCATION).and_then(|to| to.to_str().ok());
        match to.filter(|_| status.is_redirection()) {
            Some(to) => format!("{} sends to {to}; give the server's own address with --server", self.base),
            None => format!("{} answered {status}, and not as Sexton does; is --server right?", self.base),
        }
    }
}

/// The innermost cause: "Connection refused (os error 111)".
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
