//! Simulates the work stream and the scheduler, thousands of times a minute.
//!
//! Replicas and agents are the product's own code, from the publisher's entrance to the
//! agent's report, without sockets and over a store in memory; crashes, stops,
//! partitions, delays and a database of which nobody knows what it did come from a
//! seed, and so does everything else that is left to chance. Prints one command for
//! each seed that fails, which repeats it.

mod agent;
mod database;
mod entropy;
mod faults;
mod judge;
mod lies;
mod load;
mod network;
mod process;
mod receiver;
mod replica;
mod scenario;
mod world;

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use parking_lot::Mutex;
use scenario::Outcome;

#[global_allocator]
static GLOBAL_ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Simulates Postrider, seed after seed.
#[derive(Parser)]
struct Arguments {
    /// Simulate this seed alone, and print what happens in it.
    #[arg(long)]
    seed: Option<u64>,
    /// Simulate the seeds of a file: numbers, and comments after `#`.
    #[arg(long)]
    seeds: Option<PathBuf>,
    /// The first seed; a random one when absent.
    #[arg(long)]
    from: Option<u64>,
    /// How many seeds at most.
    #[arg(long, default_value_t = u64::MAX)]
    count: u64,
    /// How long at most.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many seeds at once; as many as there are cores when absent.
    #[arg(long)]
    threads: Option<usize>,
    /// Simulate every seed twice, and compare.
    #[arg(long)]
    twice: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    replica::prepare();
    scenario::note_panics();
    match arguments.seed {
        Some(seed) => {
            if arguments.twice {
                one(seed);
            }
            one(seed)
        }
        None => match seeds(&arguments) {
            Ok(seeds) => many(&arguments, &seeds),
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Which seeds are simulated.
enum Seeds {
    Listed(Vec<u64>),
    From(u64),
}

impl Seeds {
    fn get(&self, index: u64) -> Option<u64> {
        match self {
            Self::Listed(seeds) => seeds.get(usize::try_from(index).ok()?).copied(),
            Self::From(first) => first.checked_add(index),
        }
    }
}

fn seeds(arguments: &Arguments) -> Result<Seeds, String> {
    let Some(file) = &arguments.seeds else {
        let from = arguments.from.unwrap_or_else(random_seed);
        println!("seeds from {from}");
        return Ok(Seeds::From(from));
    };
    let named = |error: &dyn Display| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
    let listed = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let listed: Result<Vec<_>, _> =
        listed.flat_map(str::split_whitespace).map(str::parse).collect();
    Ok(Seeds::Listed(listed.map_err(|error| named(&error))?))
}

fn random_seed() -> u64 {
    let mut bytes = [0; 4];
    let read = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    read.map_or(0, |_| u32::from_le_bytes(bytes).into())
}

fn one(seed: u64) -> ExitCode {
    let outcome = scenario::run(seed, true);
    println!(
        "seed {seed}: {} events, {:?}, hash {:016x}",
        outcome.events, outcome.lasted, outcome.hash
    );
    tell(&outcome);
    if outcome.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says what was wrong, and how to see it again.
fn tell(outcome: &Outcome) {
    if outcome.wrong.is_empty() {
        return;
    }
    println!("FAILED seed {}", outcome.seed);
    outcome.wrong.iter().take(5).for_each(|what| println!("  {what}"));
    println!("  repeat: tests/sim/run --seed {}", outcome.seed);
}

fn many(arguments: &Arguments, seeds: &Seeds) -> ExitCode {
    let threads = arguments
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let begun = Instant::now();
    let limit = Duration::from_secs(arguments.seconds);
    let (next, failed, events) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let longest = Mutex::new(Duration::ZERO);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begun.elapsed() < limit {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let seed = seeds.get(number).filter(|_| number < arguments.count);
                    let Some(seed) = seed else {
                        next.fetch_sub(1, Ordering::Relaxed);
                        return;
                    };
                    let mut outcome = scenario::run(seed, false);
                    if arguments.twice {
                        let again = scenario::run(seed, false);
                        if again.hash != outcome.hash {
                            outcome.wrong.push("it went another way the second time".to_owned());
                        }
                    }
                    events.fetch_add(outcome.events, Ordering::Relaxed);
                    let mut longest = longest.lock();
                    *longest = outcome.lasted.max(*longest);
                    if !outcome.wrong.is_empty() {
                        failed.fetch_add(1, Ordering::Relaxed);
                        tell(&outcome);
                    }
                }
            });
        }
    });
    let (count, failed) = (next.into_inner(), failed.into_inner());
    let span = begun.elapsed();
    println!(
        "{count} seeds in {:.1} s, {:.0} a minute, {} events, the longest {:?} of simulated time, {failed} failed",
        span.as_secs_f64(),
        count as f64 * 60.0 / span.as_secs_f64(),
        events.into_inner(),
        longest.into_inner(),
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
