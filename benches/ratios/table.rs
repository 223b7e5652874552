//! The table of results, and the arithmetic that leads to it.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

/// What a ratio has to be.
#[derive(Clone, Copy)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Nothing was promised; the figure explains another one.
    None,
}

/// One result.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What the machine, or the smaller case, does.
    pub floor: String,
    /// What rightful does.
    pub rightful: String,
    /// The one to the other.
    pub ratio: f64,
    /// What it has to be.
    pub target: Target,
}

impl Row {
    /// A row of two figures of the same unit, with as many decimals as they need.
    pub fn new(what: impl Into<String>, (floor, rightful): (f64, f64), unit: &str, target: Target) -> Self {
        let text = |figure: f64| {
            let decimals = usize::from(figure < 1_000.0) + usize::from(figure < 10.0);
            format!("{figure:.decimals$} {unit}")
        };
        Self {
            what: what.into(),
            floor: text(floor),
            rightful: text(rightful),
            ratio: rightful / floor,
            target,
        }
    }

    fn cells(&self) -> [String; 6] {
        let (target, met) = match self.target {
            Target::AtLeast(least) => (format!("≥ {least}"), Some(self.ratio >= least)),
            Target::AtMost(most) => (format!("≤ {most}"), Some(self.ratio <= most)),
            Target::None => (String::new(), None),
        };
        let met = met.map_or("", |met| if met { "yes" } else { "NO" }).to_owned();
        let ratio = format!("{:.2}", self.ratio);
        [self.what.clone(), self.floor.clone(), self.rightful.clone(), ratio, target, met]
    }
}

/// Prints the results as a table that Markdown takes too.
pub fn print(rows: &[Row]) {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["what", "floor", "rightful", "ratio", "target", "met"]);
    for row in rows {
        table.add_row(row.cells());
    }
    println!("{table}");
}

/// The middle of the figures: one slow round is the machine's fault.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "figures are read to three digits")]
pub fn figure(count: u64) -> f64 {
    count as f64
}

/// Bytes as millions of them.
pub fn megabytes(bytes: u64) -> f64 {
    figure(bytes) / 1e6
}
