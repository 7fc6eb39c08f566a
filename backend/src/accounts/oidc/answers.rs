//! How an issuer is asked, and what is said when it does not answer.
//!
//! Its addresses are the operator's choice, so they may be private ones, unlike those of tasks; redirects are not followed.

use futures::FutureExt;
use futures::future::BoxFuture;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use reqwest::{Client, redirect};
use std::error::Error;
use std::time::Duration;

/// Bytes of an answer that are read at the most.
const MOST_READ: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreachable(String);

impl From<reqwest::Error> for Unreachable {
    fn from(error: reqwest::Error) -> Self {
        Self(match innermost(&error) {
            _ if error.is_timeout() => "it did not answer in time".to_owned(),
            cause if error.is_connect() => format!("no connection to it: {cause}"),
            cause => cause,
        })
    }
}

/// Sends requests and reads whole answers.
pub(super) struct Http(Client);

impl Http {
    /// One that gives up after so long.
    pub fn new(patience: Duration) -> Result<Self, reqwest::Error> {
        crate::executor::use_tls();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(patience)
            .user_agent(concat!("Sexton/", env!("CARGO_PKG_VERSION")));
        client.build().map(Self)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Unreachable;
    type Future = BoxFuture<'c, Result<HttpResponse, Unreachable>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        fetch(&self.0, request).boxed()
    }
}

async fn fetch(client: &Client, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
    let mut response = client.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_READ {
            return Err(Unreachable("its answer is larger than 1 MB".to_owned()));
        }
    }
    let mut answer = http::Response::new(body);
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(answer)
}

/// What an error says that caused all others: it says it best.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
