//! What a page reads before it is shown: one shape for all pages, so that the browser downloads its machinery once.

use super::layout::{Loading, Trouble};
use crate::error::AppError;
use crate::view;
use domain::error::{ProblemKind, Refusal};
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::Any;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

type Read = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Loaded, AppError>> + Send>> + Send + Sync>;
type Show = Arc<dyn Fn(Loaded) -> Result<AnyView, AppError> + Send + Sync>;

/// Reads what `source` names, again whenever that changes, and shows it; or says why it could not be read.
pub fn loaded<S, T, F>(
    source: impl Fn() -> S + Copy + Send + Sync + 'static,
    read: impl Fn(S) -> F + Send + Sync + 'static,
    show: impl Fn(T) -> AnyView + Send + Sync + 'static,
) -> AnyView
where
    S: Debug + 'static,
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = Result<T, AppError>> + Send + 'static,
{
    let read: Read = Arc::new(move || {
        let reading = read(untrack(source));
        Box::pin(async move { reading.await.map(Loaded::new) })
    });
    load(Signal::derive(move || format!("{:?}", source())), read, Arc::new(move |loaded| loaded.take().map(&show)))
}

fn load(key: Signal<String>, read: Read, show: Show) -> AnyView {
    let resource = Resource::new(move || key.get(), move |_| read());
    let content = move || {
        let show = Arc::clone(&show);
        Suspend::new(async move {
            match resource.await.and_then(|loaded| show(loaded)) {
                Ok(view) => view,
                Err(error) => view! { <Trouble error /> },
            }
        })
    };
    view! { <Suspense fallback=Loading>{content}</Suspense> }
}

/// Something that was read: as text on its way from the server's page to the browser, as it is where it was read.
#[derive(Clone)]
pub enum Loaded {
    Text(String),
    Value(Arc<dyn Any + Send + Sync>),
}

impl Loaded {
    /// What was read here.
    pub fn new<T: Serialize + Send + Sync + 'static>(value: T) -> Self {
        if cfg!(feature = "ssr") {
            Self::Text(serde_json::to_string(&value).unwrap_or_default())
        } else {
            Self::Value(Arc::new(value))
        }
    }

    /// What was read here or on the server. From bytes, as the answers of server functions: one way of reading is enough.
    ///
    /// # Errors
    /// The text is not a `T`.
    pub fn take<T: Clone + DeserializeOwned + 'static>(self) -> Result<T, AppError> {
        let value = match self {
            Self::Text(text) => serde_json::from_slice(text.as_bytes()).ok(),
            Self::Value(value) => value.downcast_ref().cloned(),
        };
        value.ok_or_else(|| Refusal::new(ProblemKind::Internal, "The page could not be read.").into())
    }
}

impl Serialize for Loaded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Value(_) => Err(serde::ser::Error::custom("only the server sends pages")),
        }
    }
}

impl<'de> Deserialize<'de> for Loaded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::Text)
    }
}
