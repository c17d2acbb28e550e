//! Processes that die, or are asked to stop, with deliveries in flight.
//!
//! Fed by real clusters on both engines; feeds the verdict of
//! [`postrider_tests::history`]. Guarantees that each round can be told apart
//! by its printed seed: `POSTRIDER_TEST_SEED` repeats one, or draws one if it is `random`;
//! `POSTRIDER_TEST_ROUNDS` asks for more.

mod failover;
mod fire;
mod in_flight;
mod late_success;
mod load;
mod publishers;
mod round;
pub mod witness;

use std::env;
use std::str::FromStr;

use postrider_tests::cluster::Engine;
pub use postrider_tests::cluster::SHORT_LEASES;

/// In CI: enough for each kind of victim twice.
fn default_rounds(engine: Engine) -> u64 {
    match engine {
        Engine::Sqlite => 8,
        Engine::Postgres => 14,
    }
}

/// Every run without `POSTRIDER_TEST_SEED` draws the same rounds from it.
const DEFAULT_FIRST_SEED: u32 = 1;

/// The seed of the first round: `POSTRIDER_TEST_SEED`, a number or `random`.
pub fn first_seed() -> u32 {
    match env::var("POSTRIDER_TEST_SEED").as_deref() {
        Ok("random") => rand::random(),
        Ok(text) => text.parse().unwrap(),
        Err(_) => DEFAULT_FIRST_SEED,
    }
}

pub fn variable<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

async fn nothing_acknowledged_is_lost(engine: Engine) {
    round::rounds(engine, default_rounds(engine)).await;
}

on_both_engines!(nothing_acknowledged_is_lost);
