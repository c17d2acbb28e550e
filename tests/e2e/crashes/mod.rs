//! Processes that die, or are asked to stop, with deliveries in flight.
//!
//! Fed by real clusters on both engines; feeds the verdict of
//! [`postrider_tests::history`]. Guarantees that each round can be told apart
//! by its printed seed: `POSTRIDER_TEST_SEED` repeats one, or draws one if it is `random`;
//! `POSTRIDER_TEST_ROUNDS` asks for more.

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

pub use self::fire::SHORT_LEASES;

/// In CI: enough for each kind of victim twice.
const SQLITE_ROUNDS: u64 = 8;
const POSTGRES_ROUNDS: u64 = 14;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    Box::pin(round::rounds(Engine::Sqlite, SQLITE_ROUNDS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_postgres() {
    Box::pin(round::rounds(Engine::Postgres, POSTGRES_ROUNDS)).await;
}
