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

/// Shortens the names in the first column so that the table fits into a width, unless two names would be equal then.
pub(crate) fn fit<const COLUMNS: usize>(header: [&str; COLUMNS], rows: &mut [Vec<Cell>], width: usize) {
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.chars().count());
        cells.chain([header[column].len()]).max().unwrap_or_default()
    };
    let others: usize = (1..COLUMNS).map(|column| widest(column) + 2).sum();
    let left = width.saturating_sub(others).max(header[0].len());
    let names: Vec<_> = rows.iter().map(|row| row.first().map(|cell| shortened(&cell.text, left))).collect();
    for (index, row) in rows.iter_mut().enumerate() {
        let is_unique = names.iter().filter(|name| **name == names[index]).count() == 1;
        if let (true, Some(cell), Some(name)) = (is_unique, row.first_mut(), &names[index]) {
            cell.text.clone_from(name);
        }
    }
}

/// A name without its first words, as far as that is needed and possible: no word is cut.
fn shortened(name: &str, width: usize) -> String {
    const OMITTED: &str = "...";
    if name.chars().count() <= width {
        return name.to_owned();
    }
    let after_separator = name.match_indices(['/', ':', '-', '_', '.']).map(|(index, _)| &name[index + 1..]);
    let mut rests = after_separator.filter(|rest| !rest.is_empty());
    let fitting = rests.find(|rest| rest.chars().count() + OMITTED.len() <= width);
    fitting.map_or_else(|| name.to_owned(), |rest| format!("{OMITTED}{rest}"))
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
    fn names_lose_whole_words_and_stay_distinct() {
        for (name, width, expected) in [
            ("aws:prod/genesys", 16, "aws:prod/genesys"),
            ("aws:prod/genesys", 15, "...prod/genesys"),
            ("aws:prod/genesys", 14, "...genesys"),
            ("aws:prod/genesys", 5, "aws:prod/genesys"),
            ("team-a/", 4, "team-a/"),
        ] {
            assert_eq!(shortened(name, width), expected, "{name} {width}");
        }
        let mut rows = [row(&["prod/a/genesys", "ok"]), row(&["test/a/genesys", "ok"]), row(&["prod/ci/kafka", "ok"])];
        fit(["NAME", "STATE"], &mut rows, 19);
        let names: Vec<_> = rows.iter().map(|row| row[0].text.as_str()).collect();
        assert_eq!(names, ["prod/a/genesys", "test/a/genesys", "...ci/kafka"]);
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
