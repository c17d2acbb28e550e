//! Whether a response is a success, and why not.
//!
//! Fed by `flow::conclude` with a record and what its agent reported; feeds the record.
//! Guarantees that a result which is judged again, by another rule perhaps, is judged as
//! if it were the first time.

use super::{AttemptRecord, Outcome};
use crate::subscription::SuccessRule;

/// What an agent reported of a response, before any rule judged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedResponse {
    pub outcome: Outcome,
    /// What was wrong with it besides its status; mostly empty.
    pub error: String,
}

impl AttemptRecord {
    /// Sets the outcome of a received response by its status, and explains a failure.
    pub fn judge(&mut self, rule: &SuccessRule, reported: &ReportedResponse) {
        let status = self.http_status.unwrap_or(0);
        if rule.accepts(status) {
            self.outcome = Outcome::Succeeded;
            self.error.clone_from(&reported.error);
            return;
        }
        self.outcome = Outcome::HttpStatus;
        self.error = rule.why_not(status);
        if !reported.error.is_empty() {
            self.error.push_str("; ");
            self.error.push_str(&reported.error);
        }
    }

    /// The same where no subscription is left whose rule decides: any 2xx is a success.
    pub fn judge_without_rule(&mut self, reported: &ReportedResponse) {
        let is_success = self.http_status.is_some_and(|status| SuccessRule::Any2xx.accepts(status));
        self.outcome = if is_success { Outcome::Succeeded } else { reported.outcome };
        self.error.clone_from(&reported.error);
    }
}
