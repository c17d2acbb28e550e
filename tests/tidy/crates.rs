//! The rules about crates.
//!
//! Fed by the manifests and by Cargo's own view of them; feeds `main` with
//! findings. Guarantees that what the design keeps apart is apart all the way
//! down: not only what a manifest names, but everything that comes with it.
//!
//! Keeps the invariant `layers-stay-apart`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::source::{Source, root};

/// A crate and what it may never be built with.
const FORBIDDEN_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("postrider-agent", &["postrider", "postrider-domain", "postrider-store"]),
    (
        "postrider-webhook-request",
        &[
            "postrider",
            "postrider-domain",
            "postrider-store",
            "postrider-agent",
            "hickory-resolver",
        ],
    ),
    (
        "postrider-settings",
        &["postrider", "postrider-domain", "postrider-store", "postrider-proto", "postrider-agent"],
    ),
    (
        "postrider-telemetry",
        &["postrider", "postrider-domain", "postrider-store", "postrider-proto", "postrider-agent"],
    ),
    (
        "postrider-tls",
        &["postrider", "postrider-domain", "postrider-store", "postrider-proto", "postrider-agent"],
    ),
    (
        "postrider-secret-encryption",
        &["postrider", "postrider-domain", "postrider-store", "postrider-proto", "sqlx", "tokio"],
    ),
    (
        "postrider-cli",
        &["postrider", "postrider-domain", "postrider-store", "postrider-agent", "sqlx"],
    ),
    ("fair-batch", &["postrider-domain", "postrider-store", "postrider-proto", "sqlx", "tonic"]),
    ("postrider-domain", &["tokio", "sqlx", "tonic", "prost", "hyper", "rand", "postrider-proto"]),
    (
        "postrider-identity",
        &["tokio", "sqlx", "tonic", "prost", "hyper", "rand", "postrider-proto", "postrider-store"],
    ),
    ("postrider-proto", &["postrider", "postrider-domain", "postrider-store", "postrider-agent"]),
    ("postrider-store", &["tonic", "postrider-proto", "postrider-agent"]),
];

/// What the control plane may not be built with where its feature `dev` is left out.
const FORBIDDEN_WITHOUT_DEV: &[&str] = &["postrider-agent", "rcgen", "standardwebhooks"];

/// What a crate needs, by name, without build scripts and tests.
pub type DependencyMap = BTreeMap<String, BTreeSet<String>>;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// Absent for an ordinary dependency.
    kind: Option<String>,
}

fn ask_cargo(arguments: &[&str]) -> Result<Vec<u8>> {
    let answer = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .arg("--locked")
        .current_dir(root())
        .output()
        .context("run cargo")?;
    let told = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "cargo {}: {told}", arguments.join(" "));
    Ok(answer.stdout)
}

/// What the control plane is built with where its feature `dev` is left out, by name.
pub fn needs_without_dev() -> Result<BTreeSet<String>> {
    let tree = ask_cargo(&[
        "tree",
        "--package=postrider",
        "--no-default-features",
        "--edges=normal",
        "--prefix=none",
    ])?;
    let names = String::from_utf8(tree)?;
    Ok(names.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

/// Crates that only `dev` may bring along.
pub fn not_only_in_dev(needs: &BTreeSet<String>) -> Vec<String> {
    let mut findings = Vec::new();
    if !needs.contains("postrider-store") {
        findings.push("cargo tree did not name the store; the rule about dev is stale".to_owned());
    }
    let forbidden = FORBIDDEN_WITHOUT_DEV.iter().filter(|name| needs.contains(**name));
    findings.extend(forbidden.map(|name| format!("postrider is built with {name} without dev")));
    findings
}

/// Cargo's view of the workspace.
pub fn needs() -> Result<DependencyMap> {
    let metadata: Metadata =
        serde_json::from_slice(&ask_cargo(&["metadata", "--format-version", "1"])?)?;
    let names: BTreeMap<_, _> =
        metadata.packages.iter().map(|package| (&package.id, &package.name)).collect();
    let mut needs = DependencyMap::new();
    for node in &metadata.resolve.nodes {
        let name = *names.get(&node.id).context("a node without a package")?;
        let needed = needs.entry(name.clone()).or_default();
        for dependency in &node.deps {
            let ordinary = dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
            if ordinary && let Some(name) = names.get(&dependency.pkg) {
                needed.insert((*name).clone());
            }
        }
    }
    Ok(needs)
}

/// Crates that are built with what they must be apart from.
pub fn not_apart(needs: &DependencyMap) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, forbidden) in FORBIDDEN_DEPENDENCIES {
        if !needs.contains_key(*name) {
            findings.push(format!("{name}: no such crate; the rule about it is stale"));
        }
        let reached = reached(needs, name);
        for other in *forbidden {
            if reached.contains(*other) {
                findings.push(format!("{name} is built with {other}"));
            }
        }
    }
    findings
}

/// What a crate is built with, without itself.
pub fn reached<'a>(needs: &'a DependencyMap, name: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        for needed in needs.get(next).into_iter().flatten() {
            if reached.insert(needed.as_str()) {
                open.push(needed);
            }
        }
    }
    reached
}

/// Dependencies of a member whose version is not the workspace's.
pub fn own_versions(manifest: &Source) -> Vec<String> {
    let member = manifest.path.ends_with("/Cargo.toml");
    let mut findings = Vec::new();
    let mut in_dependencies = false;
    for (line, number) in manifest.text.lines().zip(1..) {
        let line = line.trim();
        if line.starts_with('[') {
            let table = line.trim_matches(['[', ']']);
            in_dependencies = table.ends_with("dependencies");
            // A table for one dependency would hide its version from this rule.
            if member && table.contains("dependencies.") {
                findings.push(manifest.at(number, "a dependency with a table of its own"));
            }
        } else if member
            && in_dependencies
            && !(line.is_empty() || line.starts_with('#'))
            && !line.contains("workspace = true")
        {
            findings.push(manifest.at(number, "a version outside the workspace's list"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs_of(pairs: &[(&str, &[&str])]) -> DependencyMap {
        let pairs = pairs.iter().map(|(name, needed)| {
            let needed = needed.iter().map(|name| (*name).to_owned()).collect();
            ((*name).to_owned(), needed)
        });
        pairs.collect()
    }

    #[test]
    fn what_comes_along_is_seen() {
        let mut needs = needs_of(&[
            ("postrider-agent", &["http"]),
            ("postrider-webhook-request", &["http"]),
            ("postrider-settings", &["config"]),
            ("postrider-telemetry", &["hyper"]),
            ("postrider-tls", &["rustls"]),
            ("postrider-secret-encryption", &["ring"]),
            ("postrider-cli", &["clap"]),
            ("fair-batch", &[]),
            ("postrider-domain", &["helper"]),
            ("postrider-identity", &[]),
            ("postrider-proto", &[]),
            ("postrider-store", &[]),
        ]);
        assert!(not_apart(&needs).is_empty());
        needs.insert("helper".into(), ["tokio".to_owned()].into());
        assert_eq!(not_apart(&needs), ["postrider-domain is built with tokio"]);
        needs.remove("postrider-store");
        assert_eq!(not_apart(&needs).len(), 2);
    }

    #[test]
    fn what_dev_brings_is_seen_elsewhere() {
        let mut needs = BTreeSet::from(["postrider-store".to_owned()]);
        assert!(not_only_in_dev(&needs).is_empty());
        needs.insert("postrider-agent".to_owned());
        let found = not_only_in_dev(&needs);
        assert_eq!(found, ["postrider is built with postrider-agent without dev"]);
        assert_eq!(not_only_in_dev(&BTreeSet::new()).len(), 1);
    }

    #[test]
    fn versions_of_members_are_seen() {
        let manifest = "[package]\nversion = \"1\"\n[dependencies]\na.workspace = true\n\
                        b = { workspace = true, features = [] }\nc = \"1\"\n\
                        [dev-dependencies]\nd = { version = \"2\" }\n[dependencies.e]\n";
        let member = Source::sample("agent/Cargo.toml", manifest);
        assert_eq!(own_versions(&member).len(), 3);
        assert!(own_versions(&Source::sample("Cargo.toml", manifest)).is_empty());
    }
}
