//! How the browser calls server functions: as they always are called, arguments as a form and the answer as JSON, but in
//! one shape for all, so that what sends, waits and refuses is downloaded once and not once a function.

use super::executions::GetFragment;
use crate::browser;
use crate::error::AppError;
use leptos::server_fn::client::Client;
use leptos::server_fn::codec::{IntoReq, Json, PostUrl};
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::request::ClientReq;
use leptos::server_fn::response::ClientRes;
use leptos::server_fn::server::Server;
use leptos::server_fn::{Bytes, ContentType, Http, Protocol, ServerFn};
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::Pin;

/// The protocol of every server function.
pub struct Wire;

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, AppError>> + Send>>;

impl<I, O, C, S> Protocol<I, O, C, S, AppError> for Wire
where
    Http<PostUrl, Json>: Protocol<I, O, C, S, AppError>,
    I: IntoReq<PostUrl, C::Request, AppError>,
    O: DeserializeOwned,
    C: Client<AppError>,
    S: Server<AppError>,
{
    const METHOD: http::Method = http::Method::POST;

    fn run_server<F, Fut>(
        request: S::Request,
        function: F,
    ) -> impl Future<Output = Result<S::Response, AppError>> + Send
    where
        F: Fn(I) -> Fut + Send,
        Fut: Future<Output = Result<O, AppError>> + Send,
    {
        Http::<PostUrl, Json>::run_server(request, function)
    }

    fn run_client(path: &str, input: I) -> impl Future<Output = Result<O, AppError>> + Send {
        let answer = exchange::<C>(input.into_req(path, Json::CONTENT_TYPE));
        async move { read(&answer.await?) }
    }
}

/// A server function of ours.
pub trait Callable:
    ServerFn<Protocol = Wire, Error = AppError, InputStreamError = AppError, OutputStreamError = AppError> + 'static
{
}

impl<F> Callable for F where
    F: ServerFn<Protocol = Wire, Error = AppError, InputStreamError = AppError, OutputStreamError = AppError> + 'static
{
}

/// Calls a server function with a form as the browser encodes it.
pub fn submit<F: Callable>(body: String) -> impl Future<Output = Result<F::Output, AppError>> + Send
where
    F::Output: DeserializeOwned,
{
    let answer = exchange::<F::Client>(posted::<F>(F::PATH, body));
    async move { read(&answer.await?) }
}

type Request<F> = <<F as ServerFn>::Client as Client<AppError>>::Request;

/// Sends a form to where it is meant for. The answer says where to look next, or what was done; see `components::sender`.
pub async fn post(path: &str, body: String) -> Result<Option<String>, AppError> {
    let request = posted::<GetFragment>(path, body);
    read(&exchange::<<GetFragment as ServerFn>::Client>(request).await?)
}

fn posted<F: Callable>(path: &str, body: String) -> Result<Request<F>, AppError> {
    Request::<F>::try_new_post(path, Json::CONTENT_TYPE, PostUrl::CONTENT_TYPE, body)
}

/// Sends a request and waits for its answer; a refusal is an error.
fn exchange<C: Client<AppError>>(request: Result<C::Request, AppError>) -> Pending<Bytes> {
    Box::pin(async move {
        let response = C::send(request?).await?;
        let refused = response.status() >= 400;
        if response.status() == 401 {
            // The session has ended: the server shows where one signs in.
            browser::reload();
        }
        let body = response.try_into_bytes().await?;
        if refused { Err(AppError::de(body)) } else { Ok(body) }
    })
}

fn read<O: DeserializeOwned>(body: &[u8]) -> Result<O, AppError> {
    let unreadable = |error: serde_json::Error| ServerFnErrorErr::Deserialization(error.to_string());
    serde_json::from_slice(body).map_err(|error| AppError::from_server_fn_error(unreadable(error)))
}
