//! An error in parts: what was refused, which field, and what to do.
//!
//! The advice is that of docs/errors.md, which is generated from the list of reasons and
//! compiled in, so that both always say the same. What programs read of an error has these
//! names, which are part of the command line's contract, and stand in docs/cli.md.

use postrider_proto::status_code::code_name;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, StatusExt as _};

use crate::exits::CliError;

const ERRORS_PAGE: &str = include_str!("../../../docs/errors.md");

/// All that is told of an error; what it does not have is left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorReport {
    /// What the command ends with.
    pub exit_code: u8,
    /// Of a call: gRPC's name of its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub message: String,
    /// The one that the caller lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub field_violations: Vec<RefusedField>,
    /// Preconditions that do not hold, and quotas that are used up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<RefusedState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// After how long the same may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay_seconds: Option<f64>,
    /// Whom nobody could be reached at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A field that is wrong.
#[derive(Debug, Serialize)]
pub struct RefusedField {
    pub field: String,
    pub description: String,
}

/// What stands in the way of a call.
#[derive(Debug, Serialize)]
pub struct RefusedState {
    pub subject: String,
    pub description: String,
}

impl ErrorReport {
    pub fn of(error: &CliError, address: &str) -> Self {
        let CliError::Call(status) = error else {
            let message = error.to_string();
            return Self { exit_code: error.exit_code(), message, ..Self::default() };
        };
        let told = match status.get_details_error_info() {
            Some(info) => Self::with_reason(status, info),
            None => Self::without_reason(status, address),
        };
        Self { exit_code: error.exit_code(), code: Some(code_name(status.code())), ..told }
    }

    fn with_reason(status: &Status, mut info: ErrorInfo) -> Self {
        let fields = status.get_details_bad_request().map(|details| details.field_violations);
        let fields = fields.into_iter().flatten().map(|violation| RefusedField {
            field: violation.field,
            description: violation.description,
        });
        let states = status.get_details_precondition_failure().map(|details| details.violations);
        let states = states.into_iter().flatten().map(|violation| RefusedState {
            subject: violation.subject,
            description: violation.description,
        });
        let quotas = status.get_details_quota_failure().map(|details| details.violations);
        let quotas = quotas.into_iter().flatten().map(|violation| RefusedState {
            subject: violation.subject,
            description: violation.description,
        });
        let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let request_id = status.metadata().get("x-request-id").and_then(|id| id.to_str().ok());
        Self {
            message: status.message().to_owned(),
            permission: info.metadata.remove("permission"),
            field_violations: fields.collect(),
            violations: states.chain(quotas).collect(),
            resource: status.get_details_resource_info().map(|resource| resource.resource_name),
            retry_delay_seconds: delay.map(|delay| delay.as_secs_f64()),
            advice: advice(&info.reason).map(|advice| with_own_advice(&info.reason, advice)),
            request_id: request_id.map(str::to_owned),
            reason: Some(info.reason),
            ..Self::default()
        }
    }

    /// An error of the way to the server, or of the client's own library.
    fn without_reason(status: &Status, address: &str) -> Self {
        let mut message = status.message().to_owned();
        let mut cause = std::error::Error::source(status);
        while let Some(error) = cause {
            let said = error.to_string();
            if !message.contains(&said) {
                message.push_str(": ");
                message.push_str(&said);
            }
            cause = error.source();
        }
        let advice = match status.code() {
            _ if message.contains("invalid peer certificate") => {
                "Check that --ca has the authority of the server's certificate, and that the certificate has the address's name."
            }
            Code::Unavailable => {
                "Check the address, whether it is http:// or https://, and that a replica listens there."
            }
            Code::DeadlineExceeded | Code::Cancelled => {
                "Nobody knows whether it was done. Read first, or wait longer with --timeout."
            }
            // HTTP/2 to a port that speaks TLS, or something else, comes back as either.
            Code::Unknown | Code::Internal => {
                "Check that the address is a replica's, for callers, and whether it is http:// or https://."
            }
            Code::Unimplemented => "The replica is older than this program. Use its own.",
            _ => return Self { message, ..Self::default() },
        };
        let (address, advice) = (Some(address.to_owned()), Some(advice.to_owned()));
        Self { message, address, advice, ..Self::default() }
    }
}

/// What the page says of a reason, without its marks.
fn advice(reason: &str) -> Option<String> {
    let begin = format!("| `{reason}` | ");
    let row = ERRORS_PAGE.lines().find_map(|row| row.strip_prefix(&begin))?;
    let text = row.split(" | ").nth(2)?;
    Some(text.trim_end_matches(" |").replace('`', ""))
}

/// What the page says, and how it is done at the command line.
fn with_own_advice(reason: &str, advice: String) -> String {
    match reason {
        "UNAUTHENTICATED" => {
            format!("{advice} A token is given by POSTRIDER_TOKEN, --token-file or a context.")
        }
        _ => advice,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use serde_json::json;
    use tonic_types::ErrorDetails;

    use super::*;

    fn json_of(error: &CliError) -> serde_json::Value {
        serde_json::to_value(ErrorReport::of(error, "http://127.0.0.1:7443")).unwrap()
    }

    #[test]
    fn programs_get_each_part_by_its_name() {
        let mut details = ErrorDetails::new();
        let metadata = HashMap::from([("permission".to_owned(), "fleet.read".to_owned())]);
        details.set_error_info("NO_SUCH_REASON", "postrider", metadata);
        details.add_bad_request_violation("subscription.url", "must be https");
        details.add_precondition_failure_violation("STATE", "deliveries/1", "it has ended");
        details.add_quota_failure_violation("tenants/acme", "its rate");
        details.set_resource_info("", "tenants/acme", "", "");
        details.set_retry_info(Some(Duration::from_millis(1_500)));
        let mut status = Status::with_error_details(Code::InvalidArgument, "wrong", details);
        status.metadata_mut().insert("x-request-id", "0190".parse().unwrap());
        assert_eq!(
            json_of(&status.into()),
            json!({
                "exitCode": 4,
                "code": "INVALID_ARGUMENT",
                "reason": "NO_SUCH_REASON",
                "message": "wrong",
                "permission": "fleet.read",
                "fieldViolations": [{"field": "subscription.url", "description": "must be https"}],
                "violations": [
                    {"subject": "deliveries/1", "description": "it has ended"},
                    {"subject": "tenants/acme", "description": "its rate"},
                ],
                "resource": "tenants/acme",
                "retryDelaySeconds": 1.5,
                "requestId": "0190",
            })
        );
    }

    #[test]
    fn errors_of_other_kinds_have_their_exit_code_and_a_message() {
        assert_eq!(
            json_of(&CliError::Usage("--since: wrong".to_owned())),
            json!({"exitCode": 2, "message": "--since: wrong"})
        );
        let nobody = json_of(&Status::unavailable("nobody is there").into());
        assert_eq!(nobody["code"], "UNAVAILABLE");
        assert_eq!(nobody["address"], "http://127.0.0.1:7443");
        assert!(nobody["advice"].as_str().unwrap().starts_with("Check the address"));
        let unknown = Status::unavailable("invalid peer certificate: UnknownIssuer");
        let unknown = json_of(&unknown.into());
        assert!(unknown["advice"].as_str().unwrap().contains("--ca"));
        // As what speaks TLS answers to a caller that does not.
        let other = json_of(&Status::internal("h2 protocol error").into());
        assert_eq!(other["address"], "http://127.0.0.1:7443");
        assert!(other["advice"].as_str().unwrap().contains("https://"));
    }

    #[test]
    fn who_has_no_credential_is_told_how_to_give_one() {
        let mut details = ErrorDetails::new();
        details.set_error_info("UNAUTHENTICATED", "postrider", HashMap::new());
        let status = Status::with_error_details(Code::Unauthenticated, "wrong", details);
        let advice = json_of(&status.into())["advice"].as_str().unwrap().to_owned();
        assert!(advice.starts_with("The call has no"), "{advice}");
        assert!(advice.contains("POSTRIDER_TOKEN"), "{advice}");
    }

    #[test]
    fn every_reason_of_the_page_has_advice() {
        let rows = ERRORS_PAGE.lines().filter(|line| line.starts_with("| `") && line.len() > 60);
        let reasons: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        assert!(reasons.len() > 40, "{reasons:?}");
        let advised = reasons.iter().filter(|reason| advice(reason).is_some()).count();
        assert!(advised > 40, "{advised} of {}", reasons.len());
        assert!(advice("UNAUTHENTICATED").is_some_and(|text| text.starts_with("The call has no")));
        assert_eq!(advice("NO_SUCH_REASON"), None);
    }
}
