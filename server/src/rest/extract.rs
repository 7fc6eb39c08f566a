//! What comes in: path, query, body and `If-Match`, each refused with a problem that names the field.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, FormRejection, PathRejection};
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use backend::tasks::etag::Precondition;
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::json::{check_numbers, too_deep};
use domain::whole::{is_about_a_fraction, write_whole_numbers};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{Object, Required, Type};

/// What is allowed where an id is expected.
const A_UUID: &str = "must be a UUID such as 0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";

/// Path parameters.
pub struct ApiPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::from_request_parts(parts, state).await.map(|Path(path)| Self(path)).map_err(|rejection| {
            let (field, message) = match &rejection {
                PathRejection::FailedToDeserializePathParams(error) => match error.kind() {
                    ErrorKind::ParseErrorAtKey { key, .. } | ErrorKind::DeserializeError { key, .. } => {
                        (key.clone(), A_UUID.to_owned())
                    }
                    other => ("(path)".to_owned(), other.to_string()),
                },
                other => ("(path)".to_owned(), other.to_string()),
            };
            invalid(&field, &message)
        })
    }
}

/// The query string; parameters that are not known are refused.
pub struct ApiQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(query))
            .map(Self)
            .map_err(|error| invalid(&error.path().to_string(), &in_words(&error.inner().to_string())))
    }
}

/// What parsers say of a parameter, so that it also says what is allowed.
fn in_words(message: &str) -> String {
    let says = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if says(&["invalid digit", "number too large", "integer from empty"]) {
        return "must be a whole number that is not negative".to_owned();
    }
    if says(&["UUID"]) {
        return A_UUID.to_owned();
    }
    if says(&["premature end of input", "invalid characters", "out of range", "trailing input", "not enough"]) {
        return "must be a moment such as 2026-11-23T14:00:00Z".to_owned();
    }
    message.replace("there are no fields", "no parameter is known here")
}

/// A JSON body.
pub struct ApiJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "The body must have Content-Type: application/json.";
            return Err(Refusal::new(ProblemKind::UnsupportedMediaType, detail).into());
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| refuse_body(&rejection))?;
        let text = text_of(&body)?;
        check_numbers("", text).map_err(|error| Refusal::fields(ProblemKind::ValidationFailed, vec![error]))?;
        // A list would be read as the fields of an object in their order.
        if text.trim_ascii_start().starts_with('[') {
            return Err(invalid("(body)", "must be a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let value = match serde_path_to_error::deserialize(&mut json) {
            Err(error) if is_about_a_fraction(&error.inner().to_string()) => {
                return with_whole_numbers(text).map(Self);
            }
            read => read.map_err(|error| unreadable(&error.path().to_string(), &error.inner().to_string()))?,
        };
        json.end().map_err(|error| invalid("(body)", &error.to_string()))?;
        Ok(Self(value))
    }
}

/// What a form sends.
pub struct ApiForm<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Form::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self(form)),
            Err(FormRejection::InvalidFormContentType(_)) => {
                let detail = "The body must have Content-Type: application/x-www-form-urlencoded.";
                Err(Refusal::new(ProblemKind::UnsupportedMediaType, detail).into())
            }
            Err(FormRejection::BytesRejection(rejection)) => Err(refuse_body(&rejection)),
            Err(rejection) => Err(invalid("(body)", &rejection.body_text())),
        }
    }
}

/// A body with `30.0` where an integer is expected.
fn with_whole_numbers<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut value = serde_json::from_str(text).map_err(|error| unreadable("(body)", &error.to_string()))?;
    write_whole_numbers(&mut value);
    serde_path_to_error::deserialize(value)
        .map_err(|error| invalid(&error.path().to_string(), &error.inner().to_string()))
}

/// The text of a JSON body: UTF-8 (RFC 8259, section 8.1), after a byte order mark, which some programs put before it.
fn text_of(body: &[u8]) -> Result<&str, Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).map_err(|error| {
        invalid("(body)", &format!("must be JSON in UTF-8: it is not at byte {}", error.valid_up_to()))
    })
}

/// What the parser refused. Too deep is a value that is not allowed, however deep it is.
fn unreadable(path: &str, message: &str) -> Problem {
    if !message.starts_with("recursion limit exceeded") {
        return invalid(path, message);
    }
    let field = path.split(['.', '[']).next().filter(|field| !field.is_empty()).unwrap_or("(body)");
    Refusal::fields(ProblemKind::ValidationFailed, vec![FieldError::new(field, too_deep())]).into()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// A body that could not be read, or is larger than it may be.
pub fn refuse_body(rejection: &BytesRejection) -> Problem {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Refusal::new(ProblemKind::PayloadTooLarge, "The body is larger than this server takes.").into()
        }
        other => invalid("(body)", &other.to_string()),
    }
}

/// A malformed request, with the path of the field.
pub fn invalid(path: &str, message: &str) -> Problem {
    Refusal::fields(ProblemKind::InvalidRequest, vec![FieldError::malformed(path, message)]).into()
}

/// `If-Match`.
pub struct IfMatch(pub Precondition);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let values: Vec<_> = parts.headers.get_all(header::IF_MATCH).iter().collect();
        if values.is_empty() {
            return Ok(Self(Precondition::None));
        }
        let tags =
            values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim);
        let tags: Vec<&str> = tags.collect();
        if tags.contains(&"*") {
            return Ok(Self(Precondition::Exists));
        }
        // A proxy that compresses an answer makes its tag weak. The tag is the row's version, so it is as good as before.
        let strong = |tag: &&str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
        let version = |tag: &str| tag.strip_prefix("\"v")?.strip_suffix('"')?.parse().ok();
        Ok(Self(Precondition::OneOf(tags.iter().filter_map(|tag| version(&strong(tag))).collect())))
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "Only if it is still this version: the ETag of an answer that showed it, also in its \
             weak form (W/\"v1\"), or * if it is there at all.";
        let parameter = ParameterBuilder::new().name("If-Match").parameter_in(ParameterIn::Header);
        let parameter = parameter.required(Required::False).description(Some(about));
        vec![parameter.schema(Some(Object::with_type(Type::String))).example(Some("*".into())).build()]
    }
}

/// The `ETag` of a version.
pub fn etag(version: i64) -> (header::HeaderName, HeaderValue) {
    let value = HeaderValue::try_from(format!("\"v{version}\"")).unwrap_or(HeaderValue::from_static("\"v0\""));
    (header::ETAG, value)
}
