//! A subscription's figures.

use prost_reflect::DynamicMessage;
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
    let periods = take_periods(&mut answer);
    session.printer.message(&answer)?;
    if periods.iter().all(|(_, periods)| periods.is_empty()) {
        eprintln!("there were no attempts");
    }
    for (title, periods) in periods {
        if !periods.is_empty() {
            session.printer.heading(title)?;
            session.printer.list(&periods)?;
        }
    }
    Ok(())
}

/// Takes the days and the hours out of an answer, and the total where it is of nothing.
fn take_periods(answer: &mut DynamicMessage) -> [(&'static str, Vec<DynamicMessage>); 2] {
    let periods = ["days", "hours"].map(|name| (name, messages_at(answer, name)));
    answer.clear_field_by_name("days");
    answer.clear_field_by_name("hours");
    if periods.iter().all(|(_, periods)| periods.is_empty()) {
        answer.clear_field_by_name("total");
    }
    periods
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::message;

    #[test]
    fn a_total_of_nothing_is_not_shown() {
        let kept = |fields: Json| {
            let mut answer = message("postrider.v1.SubscriptionStats", fields);
            take_periods(&mut answer);
            answer.has_field_by_name("total")
        };
        assert!(!kept(json!({"total": {}, "waitingCount": "1"})));
        let day = json!({"attemptCount": "1"});
        assert!(kept(json!({"total": day, "days": [day]})));
    }
}
