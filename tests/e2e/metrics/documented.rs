//! The tables of `docs/metrics.md`.
//!
//! Fed by the page; feeds the tests beside it.

use std::collections::BTreeMap;
use std::path::Path;

/// A metric as the page has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentedMetric {
    /// OpenTelemetry's name.
    pub name: String,
    /// "counter", "up-down counter", "gauge" or "histogram".
    pub kind: String,
    pub unit: String,
    /// As Prometheus writes them.
    pub labels: Vec<String>,
    pub meaning: String,
}

/// The metrics of a program, "control plane" or "agent", by their names in Prometheus.
pub fn documented(program: &str) -> BTreeMap<String, DocumentedMetric> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once(&format!("<!-- {program}: begin -->")).unwrap();
    let (table, _) = rest.split_once(&format!("<!-- {program}: end -->")).unwrap();
    let rows: BTreeMap<_, _> =
        table.lines().filter(|line| line.starts_with("| `")).map(row).collect();
    assert!(rows.len() > 20, "{program}: {rows:?}");
    rows
}

fn row(line: &str) -> (String, DocumentedMetric) {
    let line = line.strip_prefix("| ").unwrap().strip_suffix(" |").unwrap();
    let cells: Vec<&str> = line.split(" | ").collect();
    let [name, prometheus, kind, unit, labels, meaning] = cells[..] else { panic!("{cells:?}") };
    let bare = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let metric = DocumentedMetric {
        name: bare(name),
        kind: bare(kind),
        unit: bare(unit),
        labels: labels.split(", ").map(bare).filter(|label| !label.is_empty()).collect(),
        meaning: meaning.to_owned(),
    };
    (bare(prometheus), metric)
}
