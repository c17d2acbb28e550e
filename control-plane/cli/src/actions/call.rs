//! A command that is a call.

use clap::ArgMatches;
use prost_reflect::{DynamicMessage, Value};
use serde_json::Value as Json;

use crate::arguments::text;
use crate::calls::{ListedItems, message_at};
use crate::exits::CliError;
use crate::session::CommandSession;
use crate::table::{AnswerView, CallSpec};
use crate::terminal::one_line;

/// Makes the call, and shows what it answers.
pub(super) async fn run(
    session: &CommandSession,
    call: &CallSpec,
    request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    match call.view {
        AnswerView::Message(field) => {
            let answer = session.api.call(call.method, request).await?;
            let inside = message_at(&answer, field);
            session.printer.message(inside.as_ref().unwrap_or(&answer))
        }
        AnswerView::List(field) => list(session, call.method, field, request, matches).await,
        AnswerView::Done(sentence) => {
            session.api.call(call.method, request).await?;
            eprintln!("{sentence}");
            Ok(())
        }
    }
}

async fn list(
    session: &CommandSession,
    method: &str,
    field: &str,
    request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let limit = text(matches, "limit").unwrap_or("100");
    let limit: usize =
        limit.parse().map_err(|_| CliError::Usage(format!("--limit: \"{limit}\" is no number")))?;
    let input = session.api.method(method)?.input();
    let listed = if input.get_field_by_name("page_size").is_some() {
        session.api.list(method, &request, field, limit).await?
    } else {
        whole(session.api.call(method, request).await?, field)
    };
    session.printer.list(&listed.items)?;
    for name in &listed.unreachable {
        eprintln!("warning: {} did not answer in time: what it has is missing", one_line(name));
    }
    for setting in &listed.insecure_settings {
        eprintln!("warning: insecure: {}", one_line(setting));
    }
    if listed.has_more {
        eprintln!("there are more: --limit {} shows them, --limit 0 all", limit.saturating_mul(10));
    }
    Ok(())
}

/// The items of an answer that has no pages.
fn whole(mut answer: DynamicMessage, field: &str) -> ListedItems {
    let Some(Value::List(items)) = answer.take_field_by_name(field) else {
        return ListedItems::default();
    };
    let items = items.into_iter().filter_map(|item| match item {
        Value::Message(item) => Some(item),
        _ => None,
    });
    ListedItems { items: items.collect(), ..ListedItems::default() }
}
