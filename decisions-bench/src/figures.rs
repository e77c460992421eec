//! Arithmetic on what was measured, and tables to print it in.

/// The value that a `part` (0 to 1) of the values lie below; between two of them where it falls between. Sorts them.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = part * values.len().saturating_sub(1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the values")]
    let index = place as usize;
    let Some(below) = values.get(index) else { return f64::NAN };
    let above = values.get(index + 1).unwrap_or(below);
    below + (above - below) * (place - index as f64)
}

/// How a goal is said to be met or not.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}

/// Microseconds, with as many digits as mean something.
pub fn microseconds(nanoseconds: f64) -> String {
    let microseconds = nanoseconds / 1000.0;
    match microseconds {
        small if small < 10.0 => format!("{small:.3}"),
        medium if medium < 100.0 => format!("{medium:.1}"),
        large => format!("{large:.0}"),
    }
}

/// Rows of text in columns.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it as Markdown: the first column to the left, numbers to the right.
    pub fn print(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).max(3)).collect();
        for (at, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!(" {cell:<width$} "),
                _ => format!(" {cell:>width$} "),
            });
            println!("|{}|", cells.collect::<Vec<_>>().join("|"));
            if at == 0 {
                let lines = widths.iter().enumerate().map(|(column, width)| match column {
                    0 => format!(" {} ", "-".repeat(*width)),
                    _ => format!(" {}: ", "-".repeat(*width - 1)),
                });
                println!("|{}|", lines.collect::<Vec<_>>().join("|"));
            }
        }
        println!();
    }
}
