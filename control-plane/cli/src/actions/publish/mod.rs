//! Publishing one event, or as many as are read.
//!
//! Fed by the command line or by lines of JSON; feeds `EventService`. Guarantees that of a
//! stream every line is answered or told of, and that a line is only sent again where that
//! cannot make a second event.

mod lines;
mod position;
mod stream;

use clap::ArgMatches;
use serde_json::Value as Json;

use crate::arguments::switch;
use crate::exits::CliError;
use crate::session::CommandSession;

/// Publishes what was typed, or with `--stream` what is read.
pub(super) async fn run(
    session: &CommandSession,
    request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    if switch(matches, "stream") {
        return Box::pin(stream::run(session, matches)).await;
    }
    let event = request.get("event");
    let has = |field: &str| event.is_some_and(|event| event.get(field).is_some());
    if !has("event_type") || !(has("payload") || has("payload_json")) {
        let problem = "give the event's type and its payload by --type and --data, or --stream";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let answer = session.api.call("postrider.v1.EventService/PublishEvent", request).await?;
    session.printer.message(&answer)
}
