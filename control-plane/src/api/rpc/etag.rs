//! Changes under an etag: the one loop that reads, compares, writes and tries again.
//!
//! Fed by the changes of tenants, subscriptions and event types; feeds them what they are
//! to write on. Guarantees that a change with an etag applies only to what its caller
//! saw, and that one without an etag neither loses to nor undoes a concurrent change: it
//! is made again on the result.

use std::fmt::Display;

use postrider_store::WriteError;
use tonic::{Status, async_trait};

use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::values::etag::etag_is;

/// How often a change without an etag is tried. Each try lost to another change of the same
/// thing, and those are made by people.
const MAX_CHANGE_TRIES: u32 = 5;

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

    /// The resource is another one than the caller saw.
    fn mismatch(&self) -> Status;
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

/// Makes a change under the caller's etag; an empty one means any.
pub async fn change_under_etag<C: EtagChange>(etag: &str, change: &C) -> Result<C::Done, Status> {
    let mut tries = 0;
    loop {
        tries += 1;
        let resource = change.read().await?;
        if !etag.is_empty() && !etag_is(etag, C::revision(&resource)) {
            return Err(change.mismatch());
        }
        match change.write(resource).await {
            Err(ChangeError::LostRace) if etag.is_empty() && tries < MAX_CHANGE_TRIES => {}
            Err(ChangeError::LostRace) => return Err(change.mismatch()),
            Err(ChangeError::Refused(status)) => return Err(status),
            Ok(done) => return Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tonic::Code;

    use super::*;

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

        fn mismatch(&self) -> Status {
            Status::aborted("changed")
        }
    }

    #[tokio::test]
    async fn only_a_lost_race_without_an_etag_is_run_again() {
        let done = change_under_etag("", &ContestedChange::losing(4)).await;
        assert_eq!(done.unwrap(), 11);
        for (etag, lost_races) in [("", MAX_CHANGE_TRIES), ("r7", 1), ("r6", 0), ("7", 0)] {
            let refused = change_under_etag(etag, &ContestedChange::losing(lost_races)).await;
            assert_eq!(refused.unwrap_err().code(), Code::Aborted, "{etag} {lost_races}");
        }
        assert_eq!(change_under_etag("r7", &ContestedChange::losing(0)).await.unwrap(), 7);
        let broken = ContestedChange { lost_races: 0, reads: AtomicU32::new(100) };
        assert_eq!(change_under_etag("", &broken).await.unwrap_err().code(), Code::Internal);
    }
}
