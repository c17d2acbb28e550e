//! Attempts as they are concluded.

use std::time::Duration;

use clap::ArgMatches;
use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};

use super::interruption::CommandInterruption;
use crate::arguments::{switch, text};
use crate::calls::{ApiClient, message_at, number_at, text_at, time_at, value_at};
use crate::exits::CliError;
use crate::output::{short_name, spoken_enum};
use crate::session::CommandSession;
use crate::terminal::{TextTone, one_line};
use crate::values::times::duration_text;

const WATCH_METHOD: &str = "postrider.v1.DeliveryService/WatchAttempts";
const REOPEN_PAUSE: Duration = Duration::from_secs(1);
/// How often a watch is opened again without a word between: half a minute or so.
const MAX_FRUITLESS_WATCHES: u32 = 30;

/// Which attempts are shown.
struct AttemptChoice {
    only_failed: bool,
    event_type: Option<String>,
    /// How many more; `None` for no end.
    remaining: Option<u64>,
}

impl AttemptChoice {
    fn of(matches: &ArgMatches) -> Result<Self, CliError> {
        let remaining = text(matches, "count").map(str::parse::<u64>).transpose();
        Ok(Self {
            only_failed: switch(matches, "failed"),
            event_type: text(matches, "type").map(str::to_owned),
            remaining: remaining
                .map_err(|_| CliError::Usage("--count: must be a number".to_owned()))?,
        })
    }

    fn has(&self, attempt: &DynamicMessage) -> bool {
        let is_failure = tone(&text_at(attempt, "outcome")) == TextTone::Bad;
        let is_of_type =
            self.event_type.as_ref().is_none_or(|wanted| *wanted == text_at(attempt, "event_type"));
        is_of_type && (is_failure || !self.only_failed)
    }
}

/// Shows attempts until Ctrl-C, or until so many were shown. A watch that ends is opened
/// again where it ended.
pub(super) async fn run(
    session: &CommandSession,
    mut request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let mut choice = AttemptChoice::of(matches)?;
    let mut token = request["resume_token"].as_str().unwrap_or_default().to_owned();
    request["send_progress"] = json!(true);
    let mut api = session.api.clone();
    let mut interruption = CommandInterruption::listen()?;
    let mut fruitless = 0;
    loop {
        request["resume_token"] = json!(token);
        let before = token.clone();
        let watched = tokio::select! {
            watched = watch(session, &api, request.clone(), &mut choice, &mut token) => watched,
            () = interruption.wait() => Err(interrupted(&token)),
        };
        let error = match watched {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        fruitless = if token == before { fruitless + 1 } else { 0 };
        // Without a token what happens in the meantime would be missed unseen.
        let may_go_on = error.may_pass() && !token.is_empty();
        if !may_go_on || fruitless > MAX_FRUITLESS_WATCHES {
            return Err(error);
        }
        tokio::select! {
            () = tokio::time::sleep(REOPEN_PAUSE) => {}
            () = interruption.wait() => return Err(interrupted(&token)),
        }
        api = api.reconnected();
    }
}

/// One watch, until it ends or enough was shown.
async fn watch(
    session: &CommandSession,
    api: &ApiClient,
    request: Json,
    choice: &mut AttemptChoice,
    token: &mut String,
) -> Result<(), CliError> {
    let mut attempts = api.watch(WATCH_METHOD, request).await?;
    while choice.remaining != Some(0) {
        let Some(message) = attempts.message().await? else {
            return Err(CliError::Unavailable("the watch has ended".to_owned()));
        };
        let attempt = message_at(&message, "attempt");
        if let Some(attempt) = attempt.filter(|attempt| choice.has(attempt)) {
            show(session, &message, &attempt)?;
            choice.remaining = choice.remaining.map(|remaining| remaining - 1);
        }
        let resumed_at = text_at(&message, "resume_token");
        if !resumed_at.is_empty() {
            *token = resumed_at;
        }
    }
    Ok(())
}

fn interrupted(token: &str) -> CliError {
    let again = if token.is_empty() {
        String::new()
    } else {
        format!("; to go on where it ended: postrider tail --resume {}", one_line(token))
    };
    CliError::Interrupted(format!("interrupted{again}"))
}

fn show(
    session: &CommandSession,
    message: &DynamicMessage,
    attempt: &DynamicMessage,
) -> Result<(), CliError> {
    let printer = session.printer;
    if !printer.is_table() {
        return printer.streamed(message);
    }
    let outcome = text_at(attempt, "outcome");
    let status = number_at(attempt, "http_status");
    let status = if status == 0 { String::new() } else { format!(" {status}") };
    let spoken = spoken_at(attempt, "outcome");
    let line = format!(
        "{}  {}  {:>8}  {}  {}  {}/{}  {}{}",
        time_at(attempt, "start_time").map_or_else(String::new, |at| at.to_string()),
        printer.colors.paint(tone(&outcome), &format!("{spoken}{status}")),
        took(attempt),
        one_line(&text_at(attempt, "event_type")),
        one_line(short_name(&text_at(attempt, "subscription"))),
        one_line(short_name(&text_at(attempt, "delivery"))),
        number_at(attempt, "number"),
        spoken_at(message, "delivery_state"),
        problem(attempt),
    );
    printer.line(line.trim_end())
}

fn problem(attempt: &DynamicMessage) -> String {
    let error = text_at(attempt, "error");
    if error.is_empty() { String::new() } else { format!("  {}", one_line(&error)) }
}

fn took(attempt: &DynamicMessage) -> String {
    let Some(total) = message_at(attempt, "timings.total") else { return String::new() };
    let seconds = u64::try_from(number_at(&total, "seconds")).unwrap_or(0);
    let part = u32::try_from(number_at(&total, "nanos")).unwrap_or(0);
    duration_text(Duration::new(seconds, part))
}

/// An enum's value in words.
fn spoken_at(message: &DynamicMessage, path: &str) -> String {
    let Some((field, value)) = value_at(message, path) else { return String::new() };
    let (kind, number) = (field.kind(), value.as_enum_number().unwrap_or(0));
    kind.as_enum().map_or_else(String::new, |kind| spoken_enum(kind, number))
}

/// All outcomes but two are failures.
fn tone(outcome: &str) -> TextTone {
    match outcome.strip_prefix("ATTEMPT_OUTCOME_").unwrap_or(outcome) {
        "SUCCEEDED" => TextTone::Good,
        "UNKNOWN" => TextTone::Warning,
        _ => TextTone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::message;

    fn attempt(outcome: &str, event_type: &str) -> DynamicMessage {
        message("postrider.v1.Attempt", json!({"outcome": outcome, "eventType": event_type}))
    }

    #[test]
    fn failures_of_a_type_are_chosen() {
        let choice =
            AttemptChoice { only_failed: true, event_type: Some("a".to_owned()), remaining: None };
        assert!(choice.has(&attempt("ATTEMPT_OUTCOME_TIMEOUT", "a")));
        assert!(!choice.has(&attempt("ATTEMPT_OUTCOME_TIMEOUT", "b")));
        assert!(!choice.has(&attempt("ATTEMPT_OUTCOME_SUCCEEDED", "a")));
        assert!(!choice.has(&attempt("ATTEMPT_OUTCOME_UNKNOWN", "a")));
    }
}
