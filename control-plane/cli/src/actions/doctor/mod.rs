//! What is wrong with an installation, and what to do about it.
//!
//! Fed by the API and by a handshake of its own; feeds a person, and scripts with an exit
//! code. Guarantees that a check which cannot be made is told, and stops no other.

mod certificates;
mod finding;
mod fleet;
mod health;

use std::time::Duration;

use clap::ArgMatches;

use self::finding::FindingLevel;
use crate::arguments::text;
use crate::exits::CliError;
use crate::session::CommandSession;
use crate::values::times::parse_span;

/// A minute: agents take what is due within seconds.
const DEFAULT_MAX_LAG: Duration = Duration::from_secs(60);

/// Makes all checks; ends with an error if something is wrong.
pub(super) async fn run(session: &CommandSession, matches: &ArgMatches) -> Result<(), CliError> {
    let max_lag = text(matches, "max-lag").map(parse_span).transpose();
    let max_lag = max_lag.map_err(|problem| CliError::Usage(format!("--max-lag: {problem}")))?;
    let mut findings = health::check(session).await;
    findings.extend(certificates::check(session).await);
    findings.extend(fleet::check(session, max_lag.unwrap_or(DEFAULT_MAX_LAG)).await);
    if session.printer.is_table() {
        for finding in &findings {
            session.printer.line(&finding.line(session.printer.colors))?;
        }
    } else {
        session.printer.document(&findings)?;
    }
    let wrong = findings.iter().filter(|finding| finding.level == FindingLevel::Wrong).count();
    match wrong {
        0 => Ok(()),
        1 => Err(CliError::Mismatch("1 thing is wrong".to_owned())),
        wrong => Err(CliError::Mismatch(format!("{wrong} things are wrong"))),
    }
}
