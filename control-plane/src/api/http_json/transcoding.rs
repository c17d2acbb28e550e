//! Where JSON is read and written.
//!
//! Fed by `request_body` and `answers`. Guarantees that what is large holds up no other call:
//! it is done on a thread of its own, and by so many at once. The work cannot be given up, so
//! that it has to hold what its text is counted by: who has gone waits for it all the same.
//!
//! Keeps the invariant `bounded-everything`.

use tokio::sync::Semaphore;
use tonic::Status;

use crate::api::rpc::errors::{self, ErrorReason};

/// A call's usual size, which takes less than a millisecond.
const MAX_INLINE_BYTES: usize = 128 * 1024;
/// Most large texts that are worked on at once: each takes several times its bytes meanwhile.
/// Two are done in the time that the database takes for one.
const MAX_LARGE_TEXTS: usize = 4;

static LARGE_TEXTS: Semaphore = Semaphore::const_new(MAX_LARGE_TEXTS);

/// Does the work for a text of so many bytes. A large one waits for its turn, in which `work`
/// keeps what it holds.
pub(super) async fn transcode<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    if bytes <= MAX_INLINE_BYTES {
        return work();
    }
    // Nobody closes it.
    let turn = LARGE_TEXTS.acquire().await;
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    done.await
        .unwrap_or_else(|_| Err(errors::status(ErrorReason::Internal, "the call was given up")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_given_up_is_held_until_it_is_done() {
        let held = Arc::new(());
        let mut waiting = Vec::new();
        let mut ends = Vec::new();
        // One more than have a turn.
        for _ in 0..=MAX_LARGE_TEXTS {
            let (end, ended) = mpsc::sync_channel::<()>(1);
            let held = Arc::clone(&held);
            ends.push(end);
            waiting.push(tokio::spawn(transcode(MAX_INLINE_BYTES + 1, move || {
                let _ = ended.recv();
                drop(held);
                Ok(())
            })));
        }
        while LARGE_TEXTS.available_permits() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for call in waiting {
            call.abort();
            assert!(call.await.is_err());
        }
        // The one without a turn has let go; the others go on.
        assert_eq!(Arc::strong_count(&held), 1 + MAX_LARGE_TEXTS);
        assert_eq!(LARGE_TEXTS.available_permits(), 0);
        drop(ends);
        while Arc::strong_count(&held) > 1 || LARGE_TEXTS.available_permits() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let inline = transcode(MAX_INLINE_BYTES, || Ok(1)).await;
        assert_eq!(inline.unwrap(), 1);
    }
}
