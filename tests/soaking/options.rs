//! How long, on what and how hard.
//!
//! Fed by the command line; feeds the soak. Guarantees that it ends: there is no soak without
//! a length.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use postrider_tests::cluster::Engine;

pub const USAGE_TEXT: &str = "usage: tests/soak --minutes N [--engine postgres|sqlite] \
    [--rate EVENTS_PER_SECOND] [--seed N]";

/// Two days: what it keeps in memory of each round would allow for more.
const MAX_MINUTES: u64 = 2_880;
/// Each event makes six deliveries; a small machine takes these with programs that are not
/// optimised.
const DEFAULT_EVENTS_PER_SECOND: u32 = 10;
const MAX_EVENTS_PER_SECOND: u32 = 200;
/// As many rounds as a slope needs, in a soak of a few minutes.
const LEAST_ROUNDS: u32 = 5;
const MIN_LOAD_TIME: Duration = Duration::from_secs(15);
/// What is read and judged of a round stays small.
const MAX_LOAD_TIME: Duration = Duration::from_secs(60);

/// A whole command line.
#[derive(Clone, Debug)]
pub struct Options {
    pub length: Duration,
    pub engine: Engine,
    pub events_per_second: u32,
    pub seed: u64,
}

impl Options {
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let mut minutes = None;
        let mut options = Self {
            length: Duration::ZERO,
            engine: Engine::Postgres,
            events_per_second: DEFAULT_EVENTS_PER_SECOND,
            seed: rand::random::<u32>().into(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let value = rest.next().with_context(|| format!("{argument} needs a value"))?;
            match argument.as_str() {
                "--minutes" => minutes = Some(value.parse::<u64>().context("--minutes")?),
                "--rate" => options.events_per_second = value.parse().context("--rate")?,
                "--seed" => options.seed = value.parse().context("--seed")?,
                "--engine" => {
                    options.engine = match value.as_str() {
                        "postgres" => Engine::Postgres,
                        "sqlite" => Engine::Sqlite,
                        other => bail!("no engine {other}"),
                    }
                }
                other => bail!("no option {other}"),
            }
        }
        let minutes = minutes.context("--minutes is missing")?;
        ensure!((1..=MAX_MINUTES).contains(&minutes), "--minutes is from 1 to {MAX_MINUTES}");
        let rates = 1..=MAX_EVENTS_PER_SECOND;
        ensure!(rates.contains(&options.events_per_second), "--rate is from 1 to {}", rates.end());
        options.length = Duration::from_mins(minutes);
        Ok(options)
    }

    /// How long a round's load lasts.
    pub fn load_time(&self) -> Duration {
        // The other half of a round's time is for settling and judging.
        (self.length / LEAST_ROUNDS / 2).clamp(MIN_LOAD_TIME, MAX_LOAD_TIME)
    }
}
