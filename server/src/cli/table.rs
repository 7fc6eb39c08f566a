//! Tables: columns that are as wide as what stands in them.

use super::failure::Failure;
use super::screen::Screen;
use super::words::plain;

/// A longer text is cut where a person reads the table: a line should fit.
const WIDEST: usize = 48;

/// How something is shown where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// Of little weight.
    Faint,
    /// On its way.
    Busy,
    /// Has gone well.
    Good,
    /// Needs somebody.
    Bad,
    /// The head of a column.
    Head,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Faint => "\u{1b}[2m",
            Self::Busy => "\u{1b}[33m",
            Self::Good => "\u{1b}[32m",
            Self::Bad => "\u{1b}[31m",
            Self::Head => "\u{1b}[1m",
        }
    }
}

/// What stands in a row under a column.
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text with a tone.
    pub fn toned(text: &str, tone: Tone) -> Self {
        Self { text: plain(text), tone }
    }

    /// A text of which the beginning is enough, whoever reads it.
    pub fn short(text: &str) -> Self {
        let mut cell = Self::from(text);
        cut(&mut cell);
        cell
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text.as_ref(), Tone::Plain)
    }
}

/// A table of `N` columns. Its rows may come in several parts: a column never gets narrower.
pub struct Table<const N: usize> {
    heads: [&'static str; N],
    widths: [usize; N],
    has_begun: bool,
}

impl<const N: usize> Table<N> {
    /// A table without rows; nothing is shown of it yet.
    pub fn new(heads: [&'static str; N]) -> Self {
        Self { heads, widths: heads.map(width), has_begun: false }
    }

    /// Shows rows, below the heads if they are the first.
    pub fn show(&mut self, screen: &mut Screen, rows: Vec<[Cell; N]>) -> Result<(), Failure> {
        let mut rows = rows;
        // The last column needs no room beside it.
        for cell in rows.iter_mut().flat_map(|row| row.iter_mut().take(N - 1)).filter(|_| screen.is_terminal()) {
            cut(cell);
        }
        for row in &rows {
            for (widest, cell) in self.widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(&cell.text));
            }
        }
        if !rows.is_empty() && !self.has_begun {
            self.has_begun = true;
            let heads = self.heads.map(|head| Cell::toned(head, Tone::Head));
            screen.line(&self.line(&heads, screen.has_colours()))?;
        }
        rows.iter().try_for_each(|row| screen.line(&self.line(row, screen.has_colours())))
    }

    fn line(&self, row: &[Cell; N], has_colours: bool) -> String {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            let code = if has_colours { cell.tone.code() } else { "" };
            let end = if code.is_empty() { "" } else { "\u{1b}[0m" };
            line.extend([code, &cell.text, end]);
            if index + 1 < N {
                line.push_str(&" ".repeat(self.widths[index] - width(&cell.text) + 2));
            }
        }
        line.trim_end().to_owned()
    }
}

fn cut(cell: &mut Cell) {
    if width(&cell.text) <= WIDEST {
        return;
    }
    let mut text = String::new();
    for c in cell.text.chars() {
        if width(&text) + columns(c) >= WIDEST {
            break;
        }
        text.push(c);
    }
    text.push('…');
    // Text from right to left stands between isolates.
    if cell.text.starts_with('\u{2068}') {
        text.push('\u{2069}');
    }
    cell.text = text;
}

/// Columns of a terminal that a text takes.
fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Marks stand on the character before them; those of East Asia and pictures are twice as wide.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200f | 0x2060..=0x206f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 => 2,
        0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_whatever_is_in_them() {
        let mut table = Table::new(["NAME", "STATUS"]);
        let rows = [["a", "ACTIVE"], ["日本", "DISABLED"], ["e\u{301}tude", "ACTIVE"], ["\u{1b}[31mred", "x"]];
        let mut lines = Vec::new();
        for [name, status] in rows {
            table.widths[0] = table.widths[0].max(width(&plain(name)));
            lines.push([Cell::from(name), Cell::from(status)]);
        }
        let lines: Vec<String> = lines.iter().map(|row| table.line(row, false)).collect();
        assert_eq!(lines[0], "a         ACTIVE");
        assert_eq!(lines[1], "日本      DISABLED");
        assert_eq!(lines[2], "e\u{301}tude     ACTIVE");
        assert_eq!(lines[3], "\u{fffd}[31mred  x", "what a server sends does not steer the terminal");
    }

    #[test]
    fn text_from_right_to_left_keeps_to_its_column() {
        let name = "ג".repeat(60);
        let cells = [Cell::from("a\u{202e}b"), Cell::short(&name)];
        assert_eq!(cells[0].text, "a\u{fffd}b");
        assert_eq!((width(&cells[1].text), cells[1].text.ends_with("…\u{2069}")), (WIDEST, true));
    }

    #[test]
    fn colours_take_no_room() {
        let mut table = Table::new(["A", "B"]);
        table.widths = [6, 1];
        let row = [Cell::toned("busy", Tone::Busy), Cell::from("x")];
        assert_eq!(table.line(&row, true), "\u{1b}[33mbusy\u{1b}[0m    x");
        assert_eq!(table.line(&row, false), "busy    x");
    }

    #[test]
    fn a_long_text_is_cut_with_a_sign() {
        let text = Cell::short(&"x".repeat(100)).text;
        assert_eq!((width(&text), text.ends_with('…')), (WIDEST, true));
    }
}
