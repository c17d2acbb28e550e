//! A simulated process: it runs, is stopped for a while, or is dead.
//!
//! Fed by `faults`; feeds everything a process does that others could see: its clock,
//! its calls to the database and its messages all pass its gate. Guarantees that of a
//! dead process nothing is seen any more, and of a stopped one nothing until it wakes,
//! while time goes on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postrider::clock::Clock;
use postrider_domain::time::Timestamp;
use tokio::sync::watch;

use crate::entropy;

/// When simulations begin.
const EPOCH_US: i64 = 1_800_000_000_000_000;

/// The time that the whole simulation agrees on: the database's.
pub fn now() -> Timestamp {
    Timestamp::from_micros(EPOCH_US) + entropy::elapsed()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Stopped,
    Dead,
}

/// One process, from its start to its death.
pub struct Process {
    state: watch::Sender<State>,
    /// How far its clock is behind the database's, which it was set by.
    behind: Duration,
}

impl Process {
    pub fn start() -> Arc<Self> {
        let behind = entropy::millis(0, 30);
        Arc::new(Self { state: watch::Sender::new(State::Running), behind })
    }

    pub fn set(&self, state: State) {
        self.state.send_modify(|now| {
            if *now != State::Dead {
                *now = state;
            }
        });
    }

    pub fn is(&self, state: State) -> bool {
        *self.state.borrow() == state
    }

    /// Returns once it runs: never, when it is dead.
    pub async fn gate(&self) {
        if self.is(State::Running) {
            return;
        }
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| *state == State::Running).await;
    }

    /// Returns once it is dead.
    pub async fn died(&self) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| *state == State::Dead).await;
    }
}

#[async_trait]
impl Clock for Process {
    fn now(&self) -> Timestamp {
        now() - self.behind
    }

    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(at.since(self.now())).await;
        self.gate().await;
    }
}
