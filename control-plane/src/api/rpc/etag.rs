//! Changes under an etag: the one loop that reads, compares, writes and tries again.
//!
//! Fed by the changes of tenants, subscriptions and event types; feeds them what they are
//! to write on. Guarantees that a change with an etag applies only to what its caller
//! saw, and that one without an etag does not undo a concurrent change: it is made again on
//! the result. Changes of one resource have turns at a replica, so that none loses to the
//! others for ever; one that loses to other replicas up to its limit says so.

use std::fmt::Display;

use postrider_store::WriteError;
use tokio::time::Instant;
use tonic::{Status, async_trait};

use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::values::etag::etag_is;
use crate::state::lost_races::{ChangeTries, ChangeTurns};

/// One change of one resource.
#[async_trait]
pub trait EtagChange: Sync {
    type Resource: Send;
    type Done: Send;

    /// The resource as it is now.
    async fn read(&self) -> Result<Self::Resource, Status>;

    fn revision(resource: &Self::Resource) -> i64;

    /// Writes the change, if the resource is still the one given.
    async fn write(&self, resource: Self::Resource) -> Result<Self::Done, ChangeError>;

    /// What kind of resource it is, and its name.
    fn named(&self) -> (ResourceKind, String);
}

/// Under what a change is made.
pub struct ChangeTerms<'a> {
    /// Empty: whatever the resource is.
    pub etag: &'a str,
    /// Those of changes of the same resource.
    pub turns: &'a ChangeTurns,
    /// Whose change waits for them: usually the resource's name.
    pub turn: &'a str,
    /// No try begins later.
    pub deadline: Instant,
}

impl<'a> ChangeTerms<'a> {
    /// Of a change that this caller makes.
    pub fn new(turns: &'a ChangeTurns, turn: &'a str, etag: &'a str, caller: &Caller) -> Self {
        Self { etag, turns, turn, deadline: caller.answer_by }
    }
}

/// A resource after a change, and whether the change wrote anything.
pub struct ChangeResult<T> {
    pub now: T,
    pub written: bool,
}

/// Why a change was not written.
pub enum ChangeError {
    /// Another change came between reading and writing.
    LostRace,
    Refused(Status),
}

impl ChangeError {
    pub fn of_write(error: WriteError, kind: ResourceKind, name: &dyn Display) -> Self {
        if matches!(error, WriteError::RevisionMismatch) {
            Self::LostRace
        } else {
            Self::Refused(errors::write(error, kind, name))
        }
    }
}

impl From<Status> for ChangeError {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// Makes a change under the caller's etag.
pub async fn change_under_etag<C: EtagChange>(
    terms: &ChangeTerms<'_>,
    change: &C,
) -> Result<C::Done, Status> {
    let ChangeTerms { etag, turns, turn, deadline } = *terms;
    let mismatch = || {
        let (kind, name) = change.named();
        errors::etag_mismatch(kind, &name)
    };
    // Whoever reads before his turn writes on what those before him are about to change.
    let _turn = turns.take(turn).await;
    let mut tries = ChangeTries::until(deadline);
    loop {
        let resource = change.read().await?;
        if !etag.is_empty() && !etag_is(etag, C::revision(&resource)) {
            return Err(mismatch());
        }
        match change.write(resource).await {
            Err(ChangeError::LostRace) if !etag.is_empty() => return Err(mismatch()),
            Err(ChangeError::LostRace) => {
                if !tries.wait().await {
                    let (kind, name) = change.named();
                    return Err(errors::concurrent_changes(kind, &name));
                }
            }
            Err(ChangeError::Refused(status)) => return Err(status),
            Ok(done) => return Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
    use std::time::Duration;

    use futures::future::join_all;
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;

    const NAME: &str = "tenants/acme";

    /// Makes a change, with some seconds for it.
    async fn made<C: EtagChange>(
        turns: &ChangeTurns,
        etag: &str,
        change: &C,
    ) -> Result<C::Done, Status> {
        let deadline = Instant::now() + Duration::from_secs(20);
        change_under_etag(&ChangeTerms { etag, turns, turn: NAME, deadline }, change).await
    }

    /// Loses so many races; revision 7 at first, one more after each lost race.
    struct ContestedChange {
        lost_races: u32,
        reads: AtomicU32,
    }

    impl ContestedChange {
        const fn losing(lost_races: u32) -> Self {
            Self { lost_races, reads: AtomicU32::new(0) }
        }
    }

    #[async_trait]
    impl EtagChange for ContestedChange {
        type Resource = i64;
        type Done = i64;

        async fn read(&self) -> Result<i64, Status> {
            Ok(i64::from(self.reads.fetch_add(1, Ordering::Relaxed)) + 7)
        }

        fn revision(resource: &i64) -> i64 {
            *resource
        }

        async fn write(&self, resource: i64) -> Result<i64, ChangeError> {
            match resource {
                refused if refused > 100 => Err(Status::internal("broke").into()),
                revision if revision - 7 < i64::from(self.lost_races) => Err(ChangeError::LostRace),
                revision => Ok(revision),
            }
        }

        fn named(&self) -> (ResourceKind, String) {
            (ResourceKind::Tenant, NAME.to_owned())
        }
    }

    #[tokio::test]
    async fn only_a_lost_race_without_an_etag_is_run_again() {
        let turns = ChangeTurns::default();
        let done = made(&turns, "", &ContestedChange::losing(6)).await;
        assert_eq!(done.unwrap(), 13);
        for (etag, lost_races) in [("r7", 1), ("r6", 0), ("7", 0)] {
            let refused = made(&turns, etag, &ContestedChange::losing(lost_races)).await;
            let reason = refused.unwrap_err().get_details_error_info().unwrap().reason;
            assert_eq!(reason, "ETAG_MISMATCH", "{etag} {lost_races}");
        }
        assert_eq!(made(&turns, "r7", &ContestedChange::losing(0)).await.unwrap(), 7);
        let broken = ContestedChange { lost_races: 0, reads: AtomicU32::new(100) };
        assert_eq!(made(&turns, "", &broken).await.unwrap_err().code(), Code::Internal);
    }

    #[tokio::test]
    async fn who_gave_no_etag_is_told_of_none() {
        let turns = ChangeTurns::default();
        let refused = made(&turns, "", &ContestedChange::losing(50)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "CONCURRENT_CHANGES");
        assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
        assert_eq!(refused.get_details_resource_info().unwrap().resource_name, NAME);
        // Nobody waits for an answer any more.
        let late = ContestedChange::losing(1);
        let terms = ChangeTerms { etag: "", turns: &turns, turn: NAME, deadline: Instant::now() };
        let refused = change_under_etag(&terms, &late).await.unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "CONCURRENT_CHANGES");
    }

    /// A row behind a writer for which all wait in the order of their calls.
    #[derive(Default)]
    struct QueuedRow {
        revision: AtomicI64,
        writer: tokio::sync::Mutex<()>,
        lost: AtomicU32,
    }

    #[async_trait]
    impl EtagChange for QueuedRow {
        type Resource = i64;
        type Done = ();

        async fn read(&self) -> Result<i64, Status> {
            Ok(self.revision.load(Ordering::SeqCst))
        }

        fn revision(resource: &i64) -> i64 {
            *resource
        }

        async fn write(&self, seen: i64) -> Result<(), ChangeError> {
            let _writing = self.writer.lock().await;
            tokio::task::yield_now().await;
            if self.revision.load(Ordering::SeqCst) != seen {
                self.lost.fetch_add(1, Ordering::SeqCst);
                return Err(ChangeError::LostRace);
            }
            self.revision.store(seen + 1, Ordering::SeqCst);
            Ok(())
        }

        fn named(&self) -> (ResourceKind, String) {
            (ResourceKind::Tenant, NAME.to_owned())
        }
    }

    #[tokio::test]
    async fn changes_at_one_replica_lose_to_none_of_each_other() {
        let (row, turns) = (QueuedRow::default(), ChangeTurns::default());
        let writers = (0..4).map(|_| async {
            for _ in 0..10 {
                made(&turns, "", &row).await.unwrap();
            }
        });
        join_all(writers).await;
        let ended = (row.revision.load(Ordering::SeqCst), row.lost.load(Ordering::SeqCst));
        assert_eq!(ended, (40, 0));
    }
}
