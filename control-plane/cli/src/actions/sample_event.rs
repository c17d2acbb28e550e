//! Testing a subscription.

use serde_json::Value as Json;

use crate::calls::{message_at, text_at};
use crate::exits::CliError;
use crate::session::CommandSession;

const SUCCESS_OUTCOME: &str = "ATTEMPT_OUTCOME_SUCCEEDED";

/// Sends a sample and shows the attempt; one that failed is not as it should be.
pub(super) async fn run(session: &CommandSession, request: Json) -> Result<(), CliError> {
    let method = "postrider.v1.SubscriptionService/TestSubscription";
    let answer = session.api.call(method, request).await?;
    let attempt = message_at(&answer, "attempt").unwrap_or_else(|| answer.clone());
    session.printer.message(if session.printer.is_table() { &attempt } else { &answer })?;
    if text_at(&attempt, "outcome") == SUCCESS_OUTCOME {
        return Ok(());
    }
    Err(CliError::Mismatch("the attempt did not succeed".to_owned()))
}
