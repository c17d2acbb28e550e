//! Calls that do not give up.
//!
//! Fed by publishers and by whoever changes things; feeds them answers. Guarantees an end:
//! what docs/errors.md says passes by waiting is called again, at one replica after the other
//! and for so long, and everything else is an error.

use std::error::Error as _;
use std::time::Duration;

use anyhow::{Result, bail};
use postrider_tests::api::{self, Api};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

/// A lease, a database that restarts, and a machine that is busy.
const PERSIST_LIMIT: Duration = Duration::from_secs(60);
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Calls at the replicas in turn, from `first` on, until one answers.
pub async fn persist<T, Called>(
    apis: &[Api],
    first: usize,
    call: impl Fn(Api) -> Called,
) -> Result<T>
where
    Called: Future<Output = Result<T, Status>>,
{
    let deadline = Instant::now() + PERSIST_LIMIT;
    let mut tries = first;
    loop {
        let api = apis[tries % apis.len()].clone();
        match call(api).await {
            Ok(answer) => return Ok(answer),
            Err(status) if !passes(&status) => return Err(status.into()),
            Err(status) if Instant::now() >= deadline => {
                bail!("refused for {PERSIST_LIMIT:?}, at last by {status}")
            }
            Err(_) => sleep(RETRY_PAUSE).await,
        }
        tries += 1;
    }
}

/// With `RetryInfo`, or by the client's word where the connection broke: INTERNAL, too, as a
/// GOAWAY is called that arrives before a call's answer.
fn passes(status: &Status) -> bool {
    let said_by_client = status.source().is_some();
    let broken = said_by_client
        || matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled);
    api::retry_delay(status).is_some() || (api::reason(status).is_empty() && broken)
}
