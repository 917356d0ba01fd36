//! Prints a table with aligned columns.

use super::statistics::Summary;

/// A table that is printed as a whole, once all rows are known.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(ToString::to_string).collect()],
        }
    }

    /// Adds a row, one cell for each heading.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints it in the Markdown form, so that it can be copied into a page.
    pub(crate) fn print(&self) {
        let widths = self.widths();
        for (index, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:>width$}"))
                .collect();
            println!("| {} |", cells.join(" | "));
            if index == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                println!("| {} |", rules.join(" | "));
            }
        }
        println!();
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        (0..columns).map(width).collect()
    }
}

/// A target beside the value measured: `<= 1.10 met`.
pub(crate) fn against_target(value: f64, target: f64) -> String {
    let verdict = if value <= target { "met" } else { "MISSED" };
    format!("<= {target:.2} {verdict}")
}

/// A median with its range: `1.02 (0.98-1.05)`.
pub(crate) fn with_range(summary: Summary) -> String {
    let Summary {
        median,
        smallest,
        largest,
    } = summary;
    format!("{median:.2} ({smallest:.2}-{largest:.2})")
}
