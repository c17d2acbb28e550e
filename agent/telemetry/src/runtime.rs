//! How a program's runtime ends.
//!
//! Fed by each program with what it does; feeds its exit code. Guarantees that a program whose
//! work is done exits: a runtime waits for its threads for ever when it is dropped, and one of
//! them may be in the C library's look-up of a name that no name server answers.

use std::time::Duration;

use tokio::runtime::Runtime;

/// For threads that are about to end. All that has to be finished was awaited.
const THREADS_END_TIMEOUT: Duration = Duration::from_millis(100);

/// Runs `work` to its end. Threads that are busy then are left behind.
pub fn run_to_completion<T>(runtime: Runtime, work: impl Future<Output = T>) -> T {
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(THREADS_END_TIMEOUT);
    done
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, sync_channel};

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_busy_thread_is_left_behind() {
        let (release, released) = sync_channel::<()>(1);
        let (ended, is_ended) = sync_channel(1);
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().build().unwrap();
            run_to_completion(runtime, async {
                drop(tokio::task::spawn_blocking(move || released.recv()));
                // Its thread has begun.
                tokio::task::yield_now().await;
            });
            ended.send(())
        });
        let waited = is_ended.recv_timeout(Duration::from_secs(30));
        assert_ne!(waited, Err(RecvTimeoutError::Timeout), "the thread is waited for");
        drop(release);
    }
}
