//! Where JSON is read and written.
//!
//! Fed by `request_body` and `answers`. Guarantees that what is large holds up no other call:
//! it is done on a thread of its own.

use tonic::Status;

use crate::api::rpc::errors::{self, ErrorReason};

/// A call's usual size, which takes less than a millisecond.
const MAX_INLINE_BYTES: usize = 128 * 1024;

/// Does the work for a text of so many bytes.
pub(super) async fn transcode<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    if bytes <= MAX_INLINE_BYTES {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(errors::status(ErrorReason::Internal, "the call was given up")))
}
