//! A subscription's figures.

use serde_json::Value as Json;

use crate::calls::messages_at;
use crate::exits::CliError;
use crate::session::CommandSession;

/// Shows what waits, the total, and tables of days and hours.
pub(super) async fn run(session: &CommandSession, request: Json) -> Result<(), CliError> {
    let method = "postrider.v1.SubscriptionService/GetSubscriptionStats";
    let mut answer = session.api.call(method, request).await?;
    if !session.printer.is_table() {
        return session.printer.message(&answer);
    }
    let (days, hours) = (messages_at(&answer, "days"), messages_at(&answer, "hours"));
    answer.clear_field_by_name("days");
    answer.clear_field_by_name("hours");
    session.printer.message(&answer)?;
    for (title, periods) in [("days", days), ("hours", hours)] {
        if !periods.is_empty() {
            session.printer.heading(title)?;
            session.printer.list(&periods)?;
        }
    }
    Ok(())
}
