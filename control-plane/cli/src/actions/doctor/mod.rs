//! What is wrong with an installation, and what to do about it.
//!
//! Fed by the API and by a handshake of its own; feeds a person, and scripts with an exit
//! code. Guarantees that a check which cannot be made is told, and stops no other; and that
//! one which the caller may not make is not taken for a fault.

mod certificates;
mod finding;
mod fleet;
mod health;

use std::time::Duration;

use clap::ArgMatches;

use self::finding::{DoctorFinding, FindingLevel};
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
    verdict(&findings)
}

/// How the command ends: what is wrong counts before what nobody knows.
fn verdict(findings: &[DoctorFinding]) -> Result<(), CliError> {
    let count =
        |level: FindingLevel| findings.iter().filter(|finding| finding.level == level).count();
    match (count(FindingLevel::Wrong), count(FindingLevel::Skipped)) {
        (0, 0) => Ok(()),
        (0, 1) => Err(CliError::Denied("1 check was not made".to_owned())),
        (0, skipped) => Err(CliError::Denied(format!("{skipped} checks were not made"))),
        (1, _) => Err(CliError::Mismatch("1 thing is wrong".to_owned())),
        (wrong, _) => Err(CliError::Mismatch(format!("{wrong} things are wrong"))),
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};

    use super::*;
    use crate::exits::{DENIED_CODE, MISMATCH_CODE};

    #[test]
    fn what_the_caller_may_not_look_at_is_no_fault() {
        let unknown = |code| {
            let error = CliError::from(Status::new(code, "x"));
            DoctorFinding::unknown("agents", &error, "http://127.0.0.1")
        };
        let fine = DoctorFinding::fine("liveness", "serves");
        let skipped = [fine.clone(), unknown(Code::PermissionDenied)];
        assert_eq!(verdict(&skipped).unwrap_err().exit_code(), DENIED_CODE);
        let broken = [unknown(Code::PermissionDenied), unknown(Code::Unavailable)];
        assert_eq!(verdict(&broken).unwrap_err().exit_code(), MISMATCH_CODE);
        assert!(verdict(&[fine]).is_ok());
    }
}
