//! What is measured, and how much of it.
//!
//! Fed by the command line; feeds every section. Guarantees that one flag makes
//! all sizes small, or full, together.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use postrider_tests::cluster::Engine;

pub const USAGE_TEXT: &str = "usage: postrider-bench \
    [throughput|least|latency|owners|authentication|memory|isolation|all] … [--small|--full] \
    [--runs N] [--events N] [--engine sqlite|postgres] [--case NAME]";

/// A part that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Throughput,
    Least,
    Latency,
    Owners,
    Authentication,
    Memory,
    Isolation,
}

const NAMED_SECTIONS: &[(&str, Section)] = &[
    ("throughput", Section::Throughput),
    ("least", Section::Least),
    ("latency", Section::Latency),
    ("owners", Section::Owners),
    ("authentication", Section::Authentication),
    ("memory", Section::Memory),
    ("isolation", Section::Isolation),
];

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// That it runs, with programs that are not optimised.
    Small,
    /// Minutes.
    Usual,
    /// What the figures mean: a million.
    Full,
}

/// A whole command line.
#[derive(Clone, Debug)]
pub struct Options {
    pub sections: Vec<Section>,
    pub scale: Scale,
    pub engines: Vec<Engine>,
    pub runs: usize,
    /// Events of one throughput figure.
    pub events: u64,
    /// Of the cases of isolation, and of the ways to publish (`stream, https`), those
    /// whose names contain this.
    pub case: String,
}

impl Options {
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let scale = match arguments {
            given if has(given, "--small") => Scale::Small,
            given if has(given, "--full") => Scale::Full,
            _ => Scale::Usual,
        };
        let mut options = Self {
            sections: Vec::new(),
            scale,
            engines: vec![Engine::Postgres, Engine::Sqlite],
            runs: if scale == Scale::Small { 1 } else { 3 },
            events: scale.pick(500, 20_000, 50_000),
            case: String::new(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--small" | "--full" => {}
                "--runs" => options.runs = value()?.parse()?,
                "--events" => options.events = value()?.parse()?,
                "--engine" => options.engines = vec![engine(value()?)?],
                "--case" => options.case.clone_from(value()?),
                "all" => options.sections.extend(NAMED_SECTIONS.iter().map(|(_, section)| section)),
                name => options.sections.push(section(name)?),
            }
        }
        if options.sections.is_empty() {
            options.sections.extend(NAMED_SECTIONS.iter().map(|(_, section)| section));
        }
        Ok(options)
    }
}

impl Scale {
    pub fn pick<T>(self, small: T, usual: T, full: T) -> T {
        match self {
            Self::Small => small,
            Self::Usual => usual,
            Self::Full => full,
        }
    }

    /// How long one pace is kept.
    pub fn pace(self) -> Duration {
        Duration::from_secs(self.pick(2, 10, 30))
    }
}

fn has(arguments: &[String], flag: &str) -> bool {
    arguments.iter().any(|argument| argument == flag)
}

fn engine(name: &str) -> Result<Engine> {
    match name {
        "sqlite" => Ok(Engine::Sqlite),
        "postgres" => Ok(Engine::Postgres),
        _ => bail!("no engine {name}"),
    }
}

fn section(name: &str) -> Result<Section> {
    let found = NAMED_SECTIONS.iter().find(|(known, _)| *known == name);
    found.map(|(_, section)| *section).with_context(|| format!("no section {name}"))
}
