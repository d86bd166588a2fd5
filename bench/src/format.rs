//! Numbers and tables as text.

use crate::stats::Spread;

/// A whole number with thousands separators: `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds as microseconds: `1.53 us`.
pub fn micros(nanoseconds: u64) -> String {
    format!("{:.2} us", nanoseconds as f64 / 1000.0)
}

/// A median and how far it spreads: `3.26x (3.15..4.17)`.
pub fn spread(spread: Spread, show: impl Fn(f64) -> String, unit: &str) -> String {
    let Spread { median, min, max } = spread;
    format!("{}{unit} ({}..{})", show(median), show(min), show(max))
}

/// Rows of cells under a heading row; the first column holds labels.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column headings.
    pub fn new(headings: impl IntoIterator<Item = String>) -> Self {
        Self {
            rows: vec![headings.into_iter().collect()],
        }
    }

    /// Adds a row: its label, then a cell for every further column.
    pub fn row(&mut self, label: &str, cells: impl IntoIterator<Item = String>) {
        self.rows
            .push(std::iter::once(label.to_owned()).chain(cells).collect());
    }

    /// The table in aligned columns, for people at a terminal.
    pub fn text(&self) -> String {
        let widths = self.widths();
        let rule = widths
            .iter()
            .map(|width| "-".repeat(*width))
            .collect::<Vec<_>>()
            .join("  ");
        let mut out = String::new();
        for (i, row) in self.rows.iter().enumerate() {
            out.push_str(aligned(row, &widths, "  ").trim_end());
            out.push('\n');
            if i == 0 {
                out.push_str(&rule);
                out.push('\n');
            }
        }
        out
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|c| escape(c)).collect())
            .collect();
        let table = Table { rows };
        let widths: Vec<usize> = table
            .widths()
            .into_iter()
            .map(|width| width.max(2))
            .collect();
        let mut out = String::new();
        for (i, row) in table.rows.iter().enumerate() {
            out.push_str(&format!("| {} |\n", aligned(row, &widths, " | ")));
            if i == 0 {
                let rule = widths.iter().enumerate().map(|(column, width)| {
                    let dashes = "-".repeat(width - 1);
                    if column == 0 {
                        format!("{dashes}-")
                    } else {
                        format!("{dashes}:")
                    }
                });
                out.push_str(&format!("| {} |\n", rule.collect::<Vec<_>>().join(" | ")));
            }
        }
        out
    }

    /// The width of every column, in characters.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }
}

/// Text that Markdown would read as markup, made plain.
pub fn escape(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('*', "\\*")
        .replace('_', "\\_")
}

/// Labels to the left, figures to the right.
fn aligned(row: &[String], widths: &[usize], separator: &str) -> String {
    let cells = row
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(column, (cell, width))| {
            if column == 0 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
    cells.collect::<Vec<_>>().join(separator)
}
