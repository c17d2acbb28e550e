//! A shard that this replica owns: its lease, and whether its take-over has settled.
//!
//! Fed by the scheduler's leases; feeds dispatching.

use std::collections::{BTreeSet, HashMap};

use super::entry::AgentIdentity;
use crate::ids::{AttemptKey, Epoch, Shard};
use crate::time::Timestamp;

/// A shard that this replica owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardLease {
    pub shard: Shard,
    pub epoch: Epoch,
}

/// A shard whose take-over can be settled.
#[derive(Clone, Debug)]
pub struct UnsettledShard {
    pub lease: ShardLease,
}

#[derive(Debug)]
pub(super) struct ShardState {
    pub(super) epoch: Epoch,
    /// Nothing is dispatched from then on unless the lease is renewed.
    pub(super) stop_at: Timestamp,
    pub(super) settling: Option<ShardSettling>,
    pub(super) draining: bool,
}

#[derive(Debug)]
pub(super) struct ShardSettling {
    /// Agents whose inventory is awaited.
    pub(super) awaited: BTreeSet<AgentIdentity>,
    pub(super) give_up_at: Timestamp,
    /// Attempts that agents reported.
    pub(super) claimed: HashMap<AttemptKey, AgentIdentity>,
}

impl ShardState {
    pub const fn is_draining(&self) -> bool {
        self.draining
    }

    /// The epoch, while the shard may dispatch.
    pub fn epoch_if_open(&self, now: Timestamp) -> Option<Epoch> {
        self.may_dispatch(now).then_some(self.epoch)
    }

    pub fn may_dispatch(&self, now: Timestamp) -> bool {
        self.settling.is_none() && !self.draining && now < self.stop_at
    }
}
