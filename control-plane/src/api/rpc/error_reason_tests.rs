//! That docs/errors.md has every reason.

use std::fmt::Write as _;

use super::*;
use crate::fixtures;

const ALL: [ErrorReason; 56] = [
    ErrorReason::Unauthenticated,
    ErrorReason::PermissionDenied,
    ErrorReason::OriginNotAllowed,
    ErrorReason::HostNotAllowed,
    ErrorReason::GrantNotHeld,
    ErrorReason::InvalidRequest,
    ErrorReason::MalformedRequest,
    ErrorReason::MethodNotFound,
    ErrorReason::DataRefused,
    ErrorReason::ResourceNotFound,
    ErrorReason::ResourceExists,
    ErrorReason::ResourceDeleted,
    ErrorReason::EtagMismatch,
    ErrorReason::ConcurrentChanges,
    ErrorReason::InsecureUrlsInUse,
    ErrorReason::TenantNotEmpty,
    ErrorReason::TooManySubscriptions,
    ErrorReason::TooManyRegions,
    ErrorReason::TooManySigningKeys,
    ErrorReason::LastSigningKey,
    ErrorReason::RegionHasNoAgent,
    ErrorReason::TestTimedOut,
    ErrorReason::IdempotencyKeyReused,
    ErrorReason::EnvelopeNeedsJson,
    ErrorReason::UnknownEventType,
    ErrorReason::SchemaViolation,
    ErrorReason::EventTypeArchived,
    ErrorReason::EventTypeInUse,
    ErrorReason::TooManyEventTypes,
    ErrorReason::DeliveryInFlight,
    ErrorReason::DeliveryHeld,
    ErrorReason::DeliveryEnded,
    ErrorReason::SubscriptionDeleted,
    ErrorReason::WindowOpen,
    ErrorReason::NothingToResend,
    ErrorReason::PayloadRemoved,
    ErrorReason::OperationCancelled,
    ErrorReason::OperationRunning,
    ErrorReason::WatchTooSlow,
    ErrorReason::TooManyWatches,
    ErrorReason::TooManyTokens,
    ErrorReason::MessageTooLarge,
    ErrorReason::ReceivedTooSlowly,
    ErrorReason::TooMuchReceived,
    ErrorReason::TooMuchUnsent,
    ErrorReason::ReadTooSlowly,
    ErrorReason::TooManyReads,
    ErrorReason::RateLimited,
    ErrorReason::ConnectionAged,
    ErrorReason::Stopping,
    ErrorReason::StoreUnavailable,
    ErrorReason::ConfigurationUnreadable,
    ErrorReason::RowUnreadable,
    ErrorReason::OwnerUnavailable,
    ErrorReason::Overloaded,
    ErrorReason::Internal,
];

/// Each reason of the list, with its comment as one line, in the order of the list.
fn commented() -> Vec<(String, String)> {
    let (_, list) = include_str!("error_reason.rs").split_once("pub enum ErrorReason {").unwrap();
    let (list, _) = list.split_once("\n}").unwrap();
    let mut reasons = Vec::new();
    let mut comment = Vec::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("/// ") {
            Some(text) => comment.push(text),
            None => {
                let reason = line.trim_end_matches(',').to_owned();
                reasons.push((reason, std::mem::take(&mut comment).join(" ")));
            }
        }
    }
    reasons
}

/// `NotFound` as protos have it: `NOT_FOUND`.
fn upper_snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

/// The table of docs/errors.md.
fn documented() -> String {
    let mut text = String::from("| reason | status | again? | what it means and what to do |\n");
    text.push_str("|---|---|---|---|\n");
    for (reason, (_, comment)) in ALL.into_iter().zip(commented()) {
        let (name, code) = (reason.name(), upper_snake(&format!("{:?}", reason.code())));
        let again = match reason.retry_advice() {
            RetryAdvice::Never => "no",
            RetryAdvice::AfterChange => "after a change",
            RetryAdvice::AfterDelay => "yes, later",
        };
        let _ = writeln!(text, "| `{name}` | {code} | {again} | {comment} |");
    }
    text
}

#[test]
fn every_reason_is_here_with_its_name_and_a_comment() {
    let commented = commented();
    let names: Vec<_> = commented.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, ALL.map(|reason| format!("{reason:?}")));
    for (reason, (name, comment)) in ALL.into_iter().zip(&commented) {
        assert_eq!(reason.name(), upper_snake(name));
        assert!(comment.ends_with('.') && !comment.contains('|'), "{name}: {comment:?}");
    }
}

/// Clients that know no reasons decide by the code.
#[test]
fn what_is_unavailable_passes_and_what_is_the_callers_fault_does_not() {
    for reason in ALL {
        let advice = reason.retry_advice();
        if reason.code() == Code::Unavailable {
            assert_eq!(advice, RetryAdvice::AfterDelay, "{reason:?}");
        }
        if matches!(reason.code(), Code::InvalidArgument | Code::NotFound | Code::Unimplemented) {
            assert_ne!(advice, RetryAdvice::AfterDelay, "{reason:?}");
        }
    }
}

/// `POSTRIDER_WRITE_DOCS=1` writes the table instead.
#[test]
fn the_documents_show_every_reason() {
    fixtures::assert_documented("errors.md", "generated", &documented());
}
