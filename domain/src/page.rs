//! Keyset pages: a slice of a list and the cursor of the next one.

use crate::error::{FieldError, ProblemKind, Refusal};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use uuid::Uuid;

/// Counts stop here: "1,000+" is as good as 1,000,000, and never a scan.
pub const COUNT_CAP: i64 = 1_000;

/// Counts of the history of one task stop here: "10,000+".
pub const HISTORY_CAP: i64 = 10_000;

/// One page of a list. There is no total: counting a million rows to show fifty is not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The rows of this page.
    pub data: Vec<T>,
    /// Opaque; give it back as `cursor` for the next page. Null on the last one.
    pub next_cursor: Option<String>,
}

/// How many rows a page may have: 1 to 200, 50 unless asked otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    /// The largest page.
    pub const MAX: u32 = 200;

    /// Checks a page size that a client asked for.
    ///
    /// # Errors
    /// [`ProblemKind::InvalidRequest`] naming `limit` when it is not within 1 to 200.
    pub fn parse(asked: Option<u32>) -> Result<Self, Refusal> {
        match asked {
            None => Ok(Self::default()),
            Some(limit @ 1..=Self::MAX) => Ok(Self(limit)),
            Some(_) => Err(Refusal::fields(
                ProblemKind::InvalidRequest,
                vec![FieldError::new("limit", format!("must be between 1 and {}", Self::MAX))],
            )),
        }
    }

    /// Rows of a page.
    #[must_use]
    pub fn rows(self) -> usize {
        self.0 as usize
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// The cursor behind the row with this id.
#[must_use]
pub fn cursor(id: Uuid) -> String {
    id.simple().to_string()
}

/// Reads a cursor that we gave out.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming `cursor` for anything else.
pub fn parse_cursor(text: Option<&str>) -> Result<Option<Uuid>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let ours = |id: &Uuid| id.get_version_num() == 7 && cursor(*id) == text;
    match Uuid::try_parse(text).ok().filter(ours) {
        Some(id) => Ok(Some(id)),
        None => Err(Refusal::fields(
            ProblemKind::InvalidRequest,
            vec![FieldError::new("cursor", "must be a next_cursor of this list; leave it out for the first page")],
        )),
    }
}

/// Values of a filter, separated by commas. Only an absent or empty filter lists everything: what names nothing is refused.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming `field`, with the values that are allowed.
pub fn parse_values<T: FromStr<Err = String>>(field: &str, text: Option<&str>) -> Result<Vec<T>, Refusal> {
    let named = text.filter(|text| !text.is_empty()).into_iter().flat_map(|text| text.split(',')).map(str::trim);
    named
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|message| Refusal::fields(ProblemKind::InvalidRequest, vec![FieldError::new(field, message)]))
}

impl<T> Page<T> {
    /// Makes a page of rows that were read with one row more than `limit`; `id` names the key of a row.
    #[must_use]
    pub fn of(mut rows: Vec<T>, limit: Limit, id: impl Fn(&T) -> Uuid) -> Self {
        let more = rows.len() > limit.rows();
        rows.truncate(limit.rows());
        let next_cursor = rows.last().filter(|_| more).map(|row| cursor(id(row)));
        Self { data: rows, next_cursor }
    }
}
