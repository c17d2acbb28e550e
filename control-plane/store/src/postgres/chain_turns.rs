//! Turns of the calls that append to one audit chain.
//!
//! Fed by each call whose change is recorded, before it has a connection; feeds it with
//! its turn. Guarantees that of one chain one call of this process at a time has a
//! connection: a tenant whose changes wait for each other, or for another process that has
//! the chain, takes none from the others.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use postrider_identity::AuditChain;
use tokio::sync::OwnedMutexGuard;

/// Chains that are remembered although nobody appends to them: those of a busy minute.
const MAX_IDLE_CHAINS: usize = 1024;

/// A turn, until it is dropped.
pub(super) type ChainTurn = OwnedMutexGuard<()>;

type ChainQueue = Arc<tokio::sync::Mutex<()>>;

/// Who appends to each chain, and who waits. First come, first served.
#[derive(Default)]
pub(super) struct ChainTurns(Mutex<HashMap<AuditChain, ChainQueue>>);

impl ChainTurns {
    pub(super) async fn take(&self, chain: &AuditChain) -> ChainTurn {
        let queue = self.queue(chain);
        queue.lock_owned().await
    }

    fn queue(&self, chain: &AuditChain) -> ChainQueue {
        let mut queues = self.0.lock();
        if queues.len() >= MAX_IDLE_CHAINS {
            // Who has a turn or waits for one holds its queue.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        }
        Arc::clone(queues.entry(chain.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn chain(number: usize) -> AuditChain {
        AuditChain::from_stored(&format!("tenant-{number}"))
    }

    #[tokio::test]
    async fn each_chain_has_one_turn_at_a_time() {
        let turns = ChainTurns::default();
        let turn = turns.take(&chain(1)).await;
        assert!(turns.take(&chain(1)).now_or_never().is_none());
        assert!(turns.take(&chain(2)).now_or_never().is_some());
        drop(turn);
        assert!(turns.take(&chain(1)).now_or_never().is_some());
    }

    #[tokio::test]
    async fn chains_that_are_idle_are_forgotten_and_others_are_not() {
        let turns = ChainTurns::default();
        let turn = turns.take(&chain(0)).await;
        for number in 1..3 * MAX_IDLE_CHAINS {
            drop(turns.take(&chain(number)).await);
        }
        assert!(turns.0.lock().len() <= MAX_IDLE_CHAINS);
        assert!(turns.take(&chain(0)).now_or_never().is_none());
        drop(turn);
    }
}
