//! Waiting for what only the other side knows.
//!
//! Fed by a question that is asked again and again; feeds its first answer.
//! Guarantees an end: past the limit the error tells what was waited for and
//! what the last answer was, so that a failed wait explains itself.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

const POLL_PAUSE: Duration = Duration::from_millis(25);

/// What a question answers: done with a value, or not yet and what it saw.
pub type Answer<T> = Result<T, String>;

/// Asks until the answer is `Ok`.
pub async fn until<T, Question, Asked>(
    what: &str,
    limit: Duration,
    mut question: Question,
) -> Result<T>
where
    Question: FnMut() -> Asked,
    Asked: Future<Output = Answer<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        match question().await {
            Ok(value) => return Ok(value),
            Err(seen) if Instant::now() >= deadline => {
                bail!("waited {limit:?} for {what}; last seen: {seen}")
            }
            Err(_) => sleep(POLL_PAUSE).await,
        }
    }
}

/// `Ok(value)` when `done` holds for it, otherwise how it looks.
pub fn when<T: Debug>(value: T, done: impl FnOnce(&T) -> bool) -> Answer<T> {
    if done(&value) { Ok(value) } else { Err(format!("{value:?}")) }
}
