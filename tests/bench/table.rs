//! Tables in Markdown, and what is in them.
//!
//! Fed by the figures of every run; feeds standard output. Guarantees that a
//! figure of several runs is shown as their median with the range, and that a
//! target is shown beside what was reached.

/// The same figure of every run.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<f64>);

impl Figures {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn median(&self) -> f64 {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// `median (least–most)`; the median alone of a single run.
    pub fn show(&self, decimals: usize) -> String {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let median = number(self.median(), decimals);
        match self.0.len() {
            0 => "–".to_owned(),
            1 => median,
            _ => format!("{median} ({}–{})", number(least, decimals), number(most, decimals)),
        }
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// A number with a comma between thousands.
pub fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let plain = format!("{value:.decimals$}");
    let (whole, rest) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && digit.is_ascii_digit() && (whole.len() - at) % 3 == 0 && grouped != "-" {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() { grouped } else { format!("{grouped}.{rest}") }
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    /// `at least 0.50: met`; nothing without a target.
    pub fn show(target: Option<Self>, reached: f64) -> String {
        let (words, bound, met) = match target {
            None => return String::new(),
            Some(Self::AtLeast(bound)) => ("at least", bound, reached >= bound),
            Some(Self::AtMost(bound)) => ("at most", bound, reached <= bound),
        };
        format!("{words} {bound}: {}", if met { "met" } else { "**not met**" })
    }
}

/// A table, printed when it is whole.
#[derive(Debug)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { columns, rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Under a heading; the first column is words, the others are figures.
    pub fn print(&self, heading: &str) {
        println!("\n### {heading}\n");
        println!("| {} |", self.columns.join(" | "));
        let rules = (0..self.columns.len()).map(|at| if at == 0 { "---" } else { "---:" });
        println!("|{}|", rules.collect::<Vec<_>>().join("|"));
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}
