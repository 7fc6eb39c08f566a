//! What a server function can end in, on its way to the browser.

use domain::error::{FieldError, ProblemKind, Refusal};
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// A refusal, or that the server could not be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppError(pub Refusal);

impl AppError {
    /// The sentence for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self.0.kind {
            ProblemKind::EtagMismatch => "Somebody changed it in between; nothing was done.",
            _ => &self.0.detail,
        }
    }

    /// True when the same may work a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.0.kind, ProblemKind::Unavailable | ProblemKind::Unconfirmed | ProblemKind::Timeout)
    }

    /// The message of one field, if it was refused.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let of_field = |error: &&FieldError| error.field == name || error.field.starts_with(&format!("{name}["));
        self.0.errors.iter().find(of_field).map(|error| error.message.clone())
    }

    /// True when there is no such thing: the page answers 404.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        use ProblemKind as K;
        matches!(
            self.0.kind,
            K::ProjectNotFound
                | K::TaskNotFound
                | K::TaskDeleted
                | K::GroupNotFound
                | K::DeletionNotFound
                | K::ExecutionNotFound
                | K::RouteNotFound
        )
    }
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

#[cfg(feature = "ssr")]
pub use http_side::HttpStatus;

#[cfg(feature = "ssr")]
mod http_side {
    use super::{AppError, Refusal};
    use http::request::Parts;
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    /// The rule that gives a refusal its HTTP status; provided by the server, which has it for the REST API too.
    #[derive(Clone, Copy)]
    pub struct HttpStatus(pub fn(&Refusal) -> http::StatusCode);

    impl AppError {
        /// Gives the answer that is being made the status of this refusal.
        pub(crate) fn set_status(&self) {
            let (Some(HttpStatus(status)), Some(response)) = (use_context(), use_context::<ResponseOptions>()) else {
                return;
            };
            let status = status(&self.0);
            response.set_status(status);
            if status == http::StatusCode::SERVICE_UNAVAILABLE {
                response.insert_header(http::header::RETRY_AFTER, http::HeaderValue::from_static("2"));
            }
        }
    }

    impl From<backend::Error> for AppError {
        /// An answer to a call of a server function gets the status of its refusal; a page decides by itself.
        fn from(error: backend::Error) -> Self {
            let error = Self(error.into_refusal());
            if use_context::<Parts>().is_some_and(|parts| parts.uri.path().starts_with("/fn/")) {
                error.set_status();
            }
            error
        }
    }
}

#[cfg(not(feature = "ssr"))]
impl AppError {
    /// The browser answers nobody.
    pub(crate) fn set_status(&self) {}
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let refusal = match error {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => {
                Refusal::new(ProblemKind::Unavailable, "The server cannot be reached. Nothing has changed; try again.")
            }
            ServerFnErrorErr::Args(message) | ServerFnErrorErr::MissingArg(message) => {
                Refusal::new(ProblemKind::InvalidRequest, format!("The form is not complete: {message}."))
            }
            other => Refusal::new(ProblemKind::Internal, format!("The server's answer could not be read: {other}.")),
        };
        Self(refusal)
    }
}
