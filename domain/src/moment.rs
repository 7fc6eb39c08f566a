//! Moments that clients send: of the years that everybody writes with four digits. Beyond them calculations overflow, and
//! formats differ.

use crate::error::FieldError;
use chrono::{DateTime, Datelike, Utc};
use std::ops::RangeInclusive;

/// The years that a moment or a date may lie in: those that RFC 3339 can write.
pub(crate) const YEARS: RangeInclusive<i32> = 1..=9_999;

/// Checks a moment that a client sends.
///
/// # Errors
/// One that names `field`, for a year before 1 or after 9999.
pub fn check_moment(field: &str, at: DateTime<Utc>) -> Result<(), FieldError> {
    if YEARS.contains(&at.year()) {
        return Ok(());
    }
    Err(FieldError::new(field, "must be a moment of the years 1 to 9999, such as 2026-11-23T14:00:00Z"))
}
