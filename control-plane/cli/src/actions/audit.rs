//! Checking a chain of records.

use serde_json::{Value as Json, json};

use crate::calls::{messages_at, number_at, text_at};
use crate::exits::CliError;
use crate::session::CommandSession;
use crate::terminal::one_line;
use crate::values::counts::counted;

/// Checks from the first record to the last, and shows what is wrong.
pub(super) async fn verify(session: &CommandSession, mut request: Json) -> Result<(), CliError> {
    let (mut faults, mut omitted, mut checked, mut is_passed_over) = (Vec::new(), 0, 0, false);
    loop {
        let answer =
            session.api.call("postrider.v1.AuditService/VerifyAuditLog", request.clone()).await?;
        faults.extend(messages_at(&answer, "faults"));
        omitted += number_at(&answer, "omitted_fault_count");
        checked += number_at(&answer, "checked_record_count");
        is_passed_over |= number_at(&answer, "known_record_removed") != 0;
        let next = text_at(&answer, "next_page_token");
        if next.is_empty() {
            if session.printer.is_table() {
                let head = one_line(&text_at(&answer, "head_hash"));
                session.printer.line(&format!("records checked: {checked}"))?;
                session
                    .printer
                    .line(&format!("head: {} {head}", number_at(&answer, "head_number")))?;
            }
            break;
        }
        request["page_token"] = json!(next);
    }
    if is_passed_over {
        eprintln!("warning: retention has removed the known record: note a later head");
    }
    if !session.printer.is_table() || !faults.is_empty() {
        session.printer.list(&faults)?;
    }
    if faults.is_empty() && omitted == 0 {
        return Ok(());
    }
    let count = omitted + i64::try_from(faults.len()).unwrap_or(i64::MAX);
    let faults = counted(count, "fault", "faults");
    Err(CliError::Mismatch(format!("the records are not what was written: {faults}")))
}
