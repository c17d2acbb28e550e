//! Replays, backfills and expunges: begun, followed, and left running.

use std::time::Duration;

use clap::ArgMatches;
use jiff::Timestamp;
use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};

use super::interruption::CommandInterruption;
use super::progress::ProgressLine;
use crate::arguments::{full_name, switch, text};
use crate::calls::{message_at, number_at, text_at, time_at, unpacked, value_at};
use crate::exits::CliError;
use crate::output::short_name;
use crate::session::CommandSession;
use crate::terminal::one_line;

const GET_METHOD: &str = "google.longrunning.Operations/GetOperation";
const CANCEL_METHOD: &str = "google.longrunning.Operations/CancelOperation";
const OPERATION_PATTERN: &str = "tenants/{tenant}/operations/{}";
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How long a replica may be away before following ends; the operation does not.
const MAX_LOST_POLLS: u32 = 60;

pub(super) async fn replay(
    session: &CommandSession,
    request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let method = "postrider.v1.DeliveryService/ReplayDeliveries";
    begin(session, method, request, &["start_time"], matches).await
}

pub(super) async fn backfill(
    session: &CommandSession,
    request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let method = "postrider.v1.SubscriptionService/BackfillSubscription";
    begin(session, method, request, &["name", "start_time"], matches).await
}

pub(super) async fn expunge(
    session: &CommandSession,
    request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let is_begun = text(matches, "follow").or(text(matches, "cancel")).is_some();
    if !is_begun && !switch(matches, "dry-run") && !switch(matches, "yes") {
        let problem = "there is no way back: look with --dry-run first, then give --yes";
        return Err(CliError::Usage(problem.to_owned()));
    }
    begin(session, "postrider.v1.EventService/ExpungeEvents", request, &[], matches).await
}

/// Begins an operation, or goes to the one that is named instead.
async fn begin(
    session: &CommandSession,
    method: &str,
    request: Json,
    needed: &[&str],
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let tenant = &session.target.tenant;
    let named = |id: &str| text(matches, id).map(|id| full_name(OPERATION_PATTERN, id, tenant));
    if let Some(name) = named("cancel").transpose()? {
        session.api.call(CANCEL_METHOD, json!({"name": name})).await?;
        let operation = watched(session, &name, None).await?;
        return session.printer.message(&operation);
    }
    if let Some(name) = named("follow").transpose()? {
        return follow(session, &name, None).await;
    }
    if let Some(missing) = needed.iter().find(|field| request.get(**field).is_none()) {
        let option = if *missing == "name" { "--subscription" } else { "--since" };
        return Err(CliError::Usage(format!("{option} is missing")));
    }
    let begin = request.get("start_time").and_then(Json::as_str);
    let begin = begin.and_then(|time| time.parse::<Timestamp>().ok());
    let operation = session.api.call(method, request).await?;
    let name = text_at(&operation, "name");
    if switch(matches, "detach") {
        return session.printer.line(&one_line(&name));
    }
    follow(session, &name, begin).await
}

/// Follows the operation that a request names.
pub(super) async fn follow_named(session: &CommandSession, request: &Json) -> Result<(), CliError> {
    follow(session, request["name"].as_str().unwrap_or_default(), None).await
}

/// Shows progress until the operation ends, and then what came of it.
async fn follow(
    session: &CommandSession,
    name: &str,
    begin: Option<Timestamp>,
) -> Result<(), CliError> {
    let operation = watched(session, name, begin).await?;
    ended(session, &operation)
}

/// The operation once it has ended. Ctrl-C leaves it running.
async fn watched(
    session: &CommandSession,
    name: &str,
    begin: Option<Timestamp>,
) -> Result<DynamicMessage, CliError> {
    let line =
        if begin.is_some() { ProgressLine::with_share() } else { ProgressLine::without_end() };
    let mut interruption = CommandInterruption::listen()?;
    let mut lost_polls = 0;
    loop {
        let polled = tokio::select! {
            polled = session.api.call(GET_METHOD, json!({"name": name})) => polled,
            () = interruption.wait() => return Err(left_running(name)),
        };
        match polled {
            Ok(operation) if number_at(&operation, "done") != 0 => return Ok(operation),
            Ok(operation) => {
                lost_polls = 0;
                show(&line, &operation, begin);
            }
            // The operation goes on without us.
            Err(error) if error.may_pass() => {
                lost_polls += 1;
                if lost_polls > MAX_LOST_POLLS {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = interruption.wait() => return Err(left_running(name)),
        }
    }
}

fn left_running(name: &str) -> CliError {
    let id = one_line(short_name(name));
    let tenant = name.split('/').nth(1).map(one_line).unwrap_or_default();
    CliError::Interrupted(format!(
        "the operation goes on. To come back to it, or to end it:\n  \
         postrider operations follow {id} --tenant {tenant}\n  \
         postrider operations cancel {id} --tenant {tenant}"
    ))
}

fn show(line: &ProgressLine, operation: &DynamicMessage, begin: Option<Timestamp>) {
    let Some(metadata) = message_at(operation, "metadata").and_then(|any| unpacked(&any)) else {
        return;
    };
    let (what, made) = counted(&metadata);
    line.say(format!("examined {}, {what} {made}", number_at(&metadata, "examined_count")));
    let (progress, end) = (time_at(&metadata, "progress_time"), time_at(&metadata, "create_time"));
    if let (Some(begin), Some(progress), Some(end)) = (begin, progress, end) {
        let since = |time: Timestamp| {
            u64::try_from(time.as_millisecond() - begin.as_millisecond()).unwrap_or(0)
        };
        line.show_share(since(progress), since(end));
    }
}

/// What an operation makes, and how much of it there is.
fn counted(message: &DynamicMessage) -> (&'static str, i64) {
    if value_at(message, "delivery_count").is_some() {
        ("deliveries made", number_at(message, "delivery_count"))
    } else {
        ("payloads", number_at(message, "event_count"))
    }
}

/// Shows what came of it.
fn ended(session: &CommandSession, operation: &DynamicMessage) -> Result<(), CliError> {
    if let Some(error) = message_at(operation, "error") {
        session.printer.message(operation)?;
        let message = one_line(&text_at(&error, "message"));
        return Err(CliError::Mismatch(format!("the operation did not end well: {message}")));
    }
    let response = message_at(operation, "response").and_then(|any| unpacked(&any));
    match response {
        Some(response) if session.printer.is_table() => session.printer.message(&response),
        _ => session.printer.message(operation),
    }
}
