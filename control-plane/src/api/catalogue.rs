//! What the catalogue of event types says to publishers and subscribers.
//!
//! Fed by publishes and by changes of subscriptions; feeds them back warnings,
//! or an error that names each field. Guarantees that a type is called unknown
//! only after the store was asked, since the call began, whether it is new.

use postrider_domain::event_type::{Catalogue, SchemaViolation, Verdict};
use postrider_domain::event_type_name::EventTypePattern;
use postrider_domain::limits;
use postrider_domain::notice::is_built_in;
use postrider_proto::v1;
use postrider_store::StoreResult;
use tonic::Status;

use super::errors::{self, Kind, Reason, Violations};
use super::names;
use crate::flow::{Flow, PublishInput};

const EVENT_TYPE: &str = "event.event_type";
const PAYLOAD: &str = "event.payload";

/// Judges an event that is about to be published.
pub async fn check(flow: &Flow, input: &PublishInput) -> Result<Vec<v1::SchemaWarning>, Status> {
    let verdict = verdict(flow, input).await.map_err(errors::store)?;
    let unknown_allowed = flow.settings.publish.allow_unknown_event_types;
    answer(verdict, &input.event_type, unknown_allowed)
}

async fn verdict(flow: &Flow, input: &PublishInput) -> StoreResult<Verdict> {
    let judge = |catalogue: &Catalogue| {
        catalogue.check(&input.event_type, &input.content_type, &input.payload)
    };
    match judge(&flow.event_types.current()) {
        Verdict::Unknown if !flow.settings.publish.allow_unknown_event_types => {
            Ok(judge(&*flow.event_types.refresh().await?))
        }
        verdict => Ok(verdict),
    }
}

fn answer(
    verdict: Verdict,
    event_type: &str,
    unknown_allowed: bool,
) -> Result<Vec<v1::SchemaWarning>, Status> {
    match verdict {
        Verdict::Accepted => Ok(Vec::new()),
        Verdict::Warned(found) => Ok(found.into_iter().map(warning).collect()),
        Verdict::Unknown if unknown_allowed => Ok(Vec::new()),
        Verdict::Unknown => {
            let mut violations = Violations::default();
            violations.add(EVENT_TYPE, format!("{event_type:?} is not in the catalogue"));
            Err(violations.because(Reason::UnknownEventType))
        }
        Verdict::Refused(found) => {
            let mut violations = Violations::default();
            for SchemaViolation { path, message } in found {
                violations.add(format!("{PAYLOAD}{path}"), message);
            }
            Err(violations.because(Reason::SchemaViolation))
        }
        Verdict::Archived => Err(errors::resource(
            Reason::EventTypeArchived,
            Kind::EventType,
            &names::of_event_type(event_type),
            "is archived",
        )),
        Verdict::Reserved => {
            let problem = "must not be \"postrider\" or below it: those are published by the \
                           installation itself";
            Err(errors::invalid(EVENT_TYPE, problem))
        }
    }
}

fn warning(violation: SchemaViolation) -> v1::SchemaWarning {
    v1::SchemaWarning { path: violation.path, description: violation.message }
}

/// Notes which of the types that a subscription asks for by name do not exist,
/// where unknown ones cannot be published.
pub async fn known_types(
    flow: &Flow,
    patterns: &[String],
    violations: &mut Violations,
) -> Result<(), Status> {
    if flow.settings.publish.allow_unknown_event_types {
        return Ok(());
    }
    let mut unknown = unknown_types(&flow.event_types.current(), patterns);
    if !unknown.is_empty() {
        let catalogue = flow.event_types.refresh().await.map_err(errors::store)?;
        unknown = unknown_types(&catalogue, patterns);
    }
    for index in unknown {
        let field = format!("subscription.event_types[{index}]");
        violations.add(field, "is not in the catalogue");
    }
    Ok(())
}

fn unknown_types(catalogue: &Catalogue, patterns: &[String]) -> Vec<usize> {
    let unknown = |pattern: &String| match pattern.parse() {
        Ok(EventTypePattern::Exact(name)) => catalogue.get(&name).is_none() && !is_built_in(&name),
        // What is malformed is told as such.
        _ => false,
    };
    let patterns = patterns.iter().take(limits::MAX_EVENT_TYPE_PATTERNS).enumerate();
    patterns.filter(|(_, pattern)| unknown(pattern)).map(|(index, _)| index).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use postrider_domain::event_type::{EventType, EventTypeInput};
    use postrider_domain::time::Timestamp;
    use tonic::Code;
    use tonic_types::StatusExt;

    use super::*;

    fn told(verdict: Verdict) -> (Code, String, Vec<String>) {
        let status = answer(verdict, "payment.completed", false).unwrap_err();
        let told = status.get_details_bad_request();
        let fields = told.map(|told| told.field_violations).unwrap_or_default();
        let reason = status.get_details_error_info().unwrap().reason;
        (status.code(), reason, fields.into_iter().map(|violation| violation.field).collect())
    }

    #[test]
    fn every_verdict_has_its_answer() {
        let violation =
            || SchemaViolation { path: "/amount/value".into(), message: "is wrong".into() };
        let invalid = |reason: &str, field: &str| {
            (Code::InvalidArgument, reason.to_owned(), vec![field.to_owned()])
        };
        assert_eq!(
            told(Verdict::Refused(vec![violation()])),
            invalid("SCHEMA_VIOLATION", "event.payload/amount/value")
        );
        assert_eq!(told(Verdict::Unknown), invalid("UNKNOWN_EVENT_TYPE", "event.event_type"));
        assert_eq!(told(Verdict::Reserved), invalid("INVALID_REQUEST", "event.event_type"));
        let archived = (Code::FailedPrecondition, "EVENT_TYPE_ARCHIVED".to_owned(), vec![]);
        assert_eq!(told(Verdict::Archived), archived);
        let warned = answer(Verdict::Warned(vec![violation()]), "a", false).unwrap();
        assert_eq!((warned.len(), warned[0].path.as_str()), (1, "/amount/value"));
        assert!(answer(Verdict::Unknown, "a", true).unwrap().is_empty());
        assert!(answer(Verdict::Accepted, "a", false).unwrap().is_empty());
    }

    #[test]
    fn only_names_can_be_unknown() {
        let input = EventTypeInput { name: "payment.completed".into(), ..Default::default() };
        let known = EventType::new(input, Timestamp::from_micros(1));
        let catalogue = Catalogue::default().rebuilt(2, [known]);
        let patterns = [
            "payment.completed",
            "payment.failed",
            "refund.*",
            "*",
            "postrider.secret.rotated",
            "postrider.nonsense",
            "a..b",
        ];
        assert_eq!(unknown_types(&catalogue, &patterns.map(str::to_owned)), [1, 5]);
    }
}
