//! One seed, from an empty database to a quiet end.
//!
//! Fed with a seed; feeds `main` with what came of it. Guarantees that a seed has a
//! thread of its own, on which time and randomness start over.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use postrider_store_memory::MemoryStore;

use crate::faults::FaultSchedule;
use crate::load::Load;
use crate::world::World;
use crate::{agent, entropy, judge, process, replica};

/// How long faults go on.
const FAULT_TIME: Duration = Duration::from_secs(20);
/// After this everything must be quiet.
const QUIET_BY: Duration = Duration::from_secs(240);

/// What came of a seed.
pub struct Outcome {
    pub seed: u64,
    pub hash: u64,
    pub events: u64,
    pub lasted: Duration,
    pub wrong: Vec<String>,
}

thread_local! {
    /// What panicked on this thread; the runtime catches what a task does.
    static CAUGHT_PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A panic is a failure of the seed in which it happens.
pub fn note_panics() {
    std::panic::set_hook(Box::new(|info| {
        let _ = CAUGHT_PANICS.try_with(|panics| panics.borrow_mut().push(info.to_string()));
    }));
}

/// Simulates a seed, on a thread of its own.
pub fn run(seed: u64, print: bool) -> Outcome {
    let thread = std::thread::spawn(move || {
        let _seeded = entropy::Seeded::with(seed);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true);
        // Which of two ready branches goes first, the runtime draws from a source of its own.
        #[cfg(tokio_unstable)]
        runtime.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
        let runtime = runtime.build().expect("a runtime");
        runtime.block_on(async {
            entropy::follow_runtime();
            simulate(seed, print).await
        })
    });
    thread.join().unwrap_or_else(|_| Outcome {
        seed,
        hash: 0,
        events: 0,
        lasted: Duration::ZERO,
        wrong: vec!["it panicked".to_owned()],
    })
}

async fn simulate(seed: u64, print: bool) -> Outcome {
    let store = Arc::new(MemoryStore::new(replica::SHARD_COUNT, process::now));
    let world = World::new(store, Load::draw(), print);
    world.load.configure(&world).await.expect("an empty store takes anything");
    let (replicas, agents) = (1 + entropy::below(3), 2 + entropy::below(2));
    world.replicas.lock().resize_with(replicas, || None);
    world.agents.lock().resize_with(agents, || None);
    for place in 0..replicas {
        replica::start(&world, place);
        tokio::time::sleep(entropy::millis(0, 3000)).await;
    }
    (0..agents).for_each(|place| agent::start(&world, place, replicas));
    world.load.begin(&world);
    FaultSchedule::new(Arc::clone(&world)).rage(FAULT_TIME).await;
    let mut left = Some("nothing was looked at".to_owned());
    while left.is_some() && entropy::elapsed() < QUIET_BY {
        tokio::time::sleep(Duration::from_millis(500)).await;
        left = judge::unfinished(&world).await.expect("it answers");
    }
    match left {
        Some(left) => {
            world.note_memory();
            world.wrong(format!("not done after {QUIET_BY:?}: {left}"));
        }
        None => judge::judge(&world).await.expect("it answers"),
    }
    CAUGHT_PANICS.take().into_iter().for_each(|panic| world.wrong(panic));
    let (hash, events, wrong) = world.story();
    // Each holds the world that holds it: kept, every seed would leave its own behind.
    world.replicas.lock().clear();
    world.agents.lock().clear();
    Outcome { seed, hash, events, lasted: entropy::elapsed(), wrong }
}
