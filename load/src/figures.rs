//! Arithmetic on what was measured, and tables to print it in.

use std::time::Duration;

/// How many in a second.
pub fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// How long one takes, in microseconds.
pub fn microseconds_each(count: usize, time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

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

/// A ratio that was measured once in each round.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// The middle one: a round that something else disturbed does not move it.
    pub median: f64,
    /// A quarter of the rounds lie below.
    pub low: f64,
    /// A quarter of the rounds lie above.
    pub high: f64,
}

impl Ratio {
    /// The ratio over all rounds.
    pub fn of_rounds(ratios: impl Iterator<Item = f64>) -> Self {
        let mut ratios: Vec<f64> = ratios.collect();
        Self { median: quantile(&mut ratios, 0.5), low: quantile(&mut ratios, 0.25), high: quantile(&mut ratios, 0.75) }
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.3} ({:.3} to {:.3})", self.median, self.low, self.high)
    }
}

/// How a goal is said to be met or not.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
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

    /// Prints it: the first column to the left, numbers to the right.
    pub fn print(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let cell = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
                line.push_str(&cell);
            }
            println!("{}", line.trim_end());
        }
        println!();
    }
}
