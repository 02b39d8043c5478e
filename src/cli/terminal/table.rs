//! Tables whose columns are as wide as their widest cell.

use super::printable::printable;
use super::style::{Colour, Style};

/// A cell of printable text with an optional colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) colour: Option<Colour>,
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: printable(&text.into()).into_owned(), colour: None }
    }

    pub(crate) fn coloured(text: impl Into<String>, colour: Colour) -> Self {
        Self { text: printable(&text.into()).into_owned(), colour: Some(colour) }
    }
}

/// The lines of a table. The last cell of a row that is shorter than the header may exceed its column.
pub(crate) fn lines<const COLUMNS: usize>(header: [&str; COLUMNS], rows: &[Vec<Cell>], style: Style) -> Vec<String> {
    let full = || rows.iter().filter(|row| row.len() == COLUMNS);
    let width = |column: usize| {
        let cells = full().map(|row| &row[column]);
        cells.map(|cell| cell.text.chars().count()).chain([header[column].len()]).max().unwrap_or_default()
    };
    let first_cells = rows.iter().filter_map(|row| row.first()).map(|cell| cell.text.chars().count());
    let mut widths: [usize; COLUMNS] = std::array::from_fn(width);
    widths[0] = first_cells.chain([widths[0]]).max().unwrap_or_default();
    let header: Vec<_> = header.iter().map(|name| Cell::coloured(*name, Colour::Bold)).collect();
    std::iter::once(&header).chain(rows).map(|row| line(row, &widths, style)).collect()
}

fn line(row: &[Cell], widths: &[usize], style: Style) -> String {
    let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or_default();
    let mut line = String::new();
    for (index, (cell, width)) in row.iter().zip(widths).enumerate().take(last + 1) {
        let painted = cell.colour.map_or_else(|| cell.text.clone(), |colour| style.paint(colour, &cell.text));
        line.push_str(&painted);
        if index < last {
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.text.chars().count()) + 2));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells.iter().map(|text| Cell::plain(*text)).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            row(&["a", "expired 2 h ago", "x"]),
            row(&["longer-name", "now", ""]),
            row(&["b", "a long error that ends the line"]),
        ];
        let lines = lines(["SECRET", "TOKEN", "NEXT"], &rows, Style::default());
        assert_eq!(
            lines,
            [
                "SECRET       TOKEN            NEXT",
                "a            expired 2 h ago  x",
                "longer-name  now",
                "b            a long error that ends the line",
            ]
        );
    }

    #[test]
    fn colours_do_not_change_the_column_width() {
        let style = Style { colour: true, unicode: true };
        let rows = [vec![Cell::coloured("a", Colour::Red), Cell::plain("x")], row(&["ab", "y"])];
        let lines = lines(["S", "T"], &rows, style);
        assert_eq!(lines[1], "\x1b[31ma\x1b[0m   x");
        assert_eq!(lines[2], "ab  y");
    }
}
