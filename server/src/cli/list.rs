//! Lists: page after page as it comes, so that one of a million is shown from its first row on.

use super::connection::Session;
use super::failure::Failure;
use super::screen::remark;
use super::table::{Cell, Table};
use clap::Args;
use domain::page::{Limit, Page};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How much of a list is shown.
#[derive(Debug, Args)]
pub struct Pages {
    /// How many are shown.
    #[arg(long, value_name = "ROWS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all, however many.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Go on where a list ended: its `next_cursor`.
    #[arg(long)]
    cursor: Option<String>,
}

/// Shows a list; `row` is what stands in the table of one thing.
pub async fn show<T: DeserializeOwned + Serialize, const N: usize>(
    mut session: Session,
    what: &str,
    filters: &[(&str, String)],
    pages: &Pages,
    heads: [&'static str; N],
    row: impl Fn(&T) -> [Cell; N],
) -> Result<bool, Failure> {
    let path = session.path(what);
    let (mut left, mut cursor, mut table, mut shown) = (pages.limit, pages.cursor.clone(), Table::new(heads), 0);
    loop {
        let limit = if pages.all { Limit::MAX } else { left.min(Limit::MAX) };
        let page: Page<T> = session.client.page(&path, filters, cursor.as_deref(), limit).await?;
        left -= (page.data.len() as u32).min(left);
        cursor = page.next_cursor;
        if session.screen.is_json() {
            write_json(&mut session, &page.data, shown == 0)?;
        } else {
            table.show(&mut session.screen, page.data.iter().map(&row).collect())?;
        }
        shown += page.data.len();
        if cursor.is_none() || session.screen.is_gone() || (left == 0 && !pages.all) {
            break;
        }
    }
    if session.screen.is_json() {
        let next = serde_json::json!(cursor);
        let begin = if shown == 0 { "{\"data\":[" } else { "" };
        session.screen.line(&format!("{begin}],\"next_cursor\":{next}}}"))?;
    } else if let Some(cursor) = cursor {
        remark(&format!("there are more: --all shows them, --cursor {cursor} goes on from here"));
    } else if shown == 0 {
        remark(&format!("no {what}"));
    }
    Ok(true)
}

/// A part of one document, an object a line.
fn write_json<T: Serialize>(session: &mut Session, data: &[T], is_first: bool) -> Result<(), Failure> {
    for (index, one) in data.iter().enumerate() {
        let before = if is_first && index == 0 { "{\"data\":[" } else { "," };
        let text = serde_json::to_string(one).map_err(|error| Failure::Impossible(error.to_string()))?;
        session.screen.line(&format!("{before}{text}"))?;
    }
    Ok(())
}
