//! Compares `docs/address-guard.md`, and the ports of `config.default.toml`, with `cases.toml`.

use std::fmt::Write;
use std::path::Path;

use super::cases::{GuardCase, cases};
use crate::{AgentConfig, ControlPlaneEndpoint};

const BEGIN_MARK: &str = "<!-- generated: begin -->\n";
const END_MARK: &str = "<!-- generated: end -->";

fn verdict(row: &GuardCase) -> String {
    match (row.optional("problem"), row.optional("rule")) {
        (Some(problem), _) => format!("the URL {problem}"),
        (None, Some("")) => "accepted".to_owned(),
        (None, rule) => format!("refused: {}", rule.unwrap_or_default()),
    }
}

/// A table of the rows of a kind, each with what is judged, how, and the source.
fn table(title: &str, kind: &str, field: &str) -> String {
    let mut text = format!("\n### {title}\n\n| {field} | verdict | source |\n|---|---|---|\n");
    for row in cases(kind) {
        // As in the file: a tab and a backslash are seen.
        let judged = row.field(field).escape_debug().to_string();
        let _ = writeln!(text, "| `{judged}` | {} | {} |", verdict(&row), row.field("source"));
    }
    text
}

fn documented() -> String {
    let mut text = table("Ranges", "range", "subnet");
    text += &table("Outside of global unicast", "outside", "subnet");
    text += &table("Addresses", "address", "address");
    text += &table("URLs", "url", "url");
    text += "\n### Ports\n\n| port | service | source |\n|---|---|---|\n";
    for row in cases("port") {
        let (port, service) = (row.field("port"), row.field("service"));
        let _ = writeln!(text, "| {port} | {service} | {} |", row.field("source"));
    }
    text + "\n"
}

/// `POSTRIDER_WRITE_DOCS=1` writes the tables instead.
#[test]
fn the_document_shows_the_cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/address-guard.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN_MARK).unwrap();
    let (tables, after) = rest.split_once(END_MARK).unwrap();
    if std::env::var_os("POSTRIDER_WRITE_DOCS").is_some() {
        let written = format!("{before}{BEGIN_MARK}{}{END_MARK}{after}", documented());
        std::fs::write(&path, written).unwrap();
        return;
    }
    assert_eq!(tables, documented(), "docs/address-guard.md is not what cases.toml says");
}

#[test]
fn the_ports_denied_by_default_are_those_of_the_cases() {
    let anywhere = ControlPlaneEndpoint::parse("https://postrider.example").unwrap();
    let config = AgentConfig::new(anywhere, "eu-1".to_owned(), "agent-1".to_owned()).unwrap();
    assert!(config.allowed_ports.is_empty());
    let rows = cases("port");
    let ports: Vec<&str> = rows.iter().map(|row| row.field("port")).collect();
    let denied: Vec<String> = config.denied_ports.iter().map(ToString::to_string).collect();
    assert_eq!(denied, ports);
}
