//! The address of a fragment: a path and a query, as pages have them.

use crate::error::AppError;
use domain::error::{FieldError, ProblemKind, Refusal};
use std::str::FromStr;
use uuid::Uuid;

/// An address, taken apart.
pub struct Address<'a> {
    path: Vec<&'a str>,
    query: Vec<(String, String)>,
}

impl<'a> Address<'a> {
    /// Of any text.
    pub fn parse(at: &'a str) -> Self {
        let (path, query) = at.split_once('?').unwrap_or((at, ""));
        Self {
            path: path.split('/').filter(|part| !part.is_empty()).collect(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        }
    }

    /// The parts of the path.
    pub fn path(&self) -> &[&'a str] {
        &self.path
    }

    /// A parameter; an empty one counts as none.
    pub fn get(&self, name: &str) -> Option<String> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    }

    /// A parameter that is not just any text.
    pub fn parsed<T: FromStr>(&self, name: &str, allowed: &str) -> Result<Option<T>, AppError> {
        let refused = |_| Refusal::fields(ProblemKind::InvalidRequest, vec![FieldError::new(name, allowed)]);
        self.get(name).map(|text| text.parse().map_err(refused)).transpose().map_err(AppError)
    }
}

/// An id in an address; a malformed one is of nothing.
pub fn id(text: &str) -> Result<Uuid, AppError> {
    text.parse().map_err(|_| unknown())
}

/// There is no such page.
pub fn unknown() -> AppError {
    Refusal::new(ProblemKind::RouteNotFound, "There is nothing at this address.").into()
}

/// A path with a query of the parameters that have a value.
pub fn href(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::{Address, href};

    #[test]
    fn an_address_is_a_path_and_a_query_and_an_empty_parameter_is_none() {
        let address = Address::parse("/projects/1/executions/?status=&date=2026-11-25&x=a%26b");
        assert_eq!(address.path(), ["projects", "1", "executions"]);
        assert_eq!((address.get("status"), address.get("date").as_deref()), (None, Some("2026-11-25")));
        assert_eq!(address.get("x").as_deref(), Some("a&b"));
        assert!(Address::parse("").path().is_empty());
    }

    #[test]
    fn a_link_has_only_parameters_with_a_value() {
        assert_eq!(href("/a", &[("x", None), ("y", Some(""))]), "/a");
        assert_eq!(href("/a", &[("x", Some("1,2")), ("y", Some("<&>"))]), "/a?x=1%2C2&y=%3C%26%3E");
    }
}
