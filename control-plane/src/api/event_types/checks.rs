//! Checks events and subscriptions against the catalogue of event types.
//!
//! Fed by publishes and by changes of subscriptions; feeds them warnings, or an error
//! that names each field. Guarantees that a type is called unknown only after the store
//! was asked for it since the call began.

use postrider_domain::event::EventContent;
use postrider_domain::event_type::{CatalogueVerdict, EventTypeCatalogue, SchemaViolation};
use postrider_domain::event_type_name::EventTypePattern;
use postrider_domain::limits;
use postrider_domain::operational_event::is_built_in;
use postrider_proto::v1;
use postrider_store::StoreResult;
use tonic::Status;

use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::values::names;
use crate::state::context::ReplicaContext;

const EVENT_TYPE_FIELD: &str = "event.event_type";
const PAYLOAD_FIELD: &str = "event.payload";

/// Checks an event against the catalogue before it is published.
pub async fn judge_event(
    context: &ReplicaContext,
    content: &EventContent,
) -> Result<Vec<v1::SchemaWarning>, Status> {
    let verdict = verdict(context, content).await.map_err(errors::store)?;
    let unknown_allowed = context.settings.publish.allow_unknown_event_types;
    answer(verdict, &content.event_type, unknown_allowed)
}

async fn verdict(
    context: &ReplicaContext,
    content: &EventContent,
) -> StoreResult<CatalogueVerdict> {
    let judge = |catalogue: &EventTypeCatalogue| {
        catalogue.check(&content.event_type, &content.content_type, &content.payload)
    };
    let unknown_allowed = context.settings.publish.allow_unknown_event_types;
    let verdict = judge(&context.event_types.current());
    if matches!(verdict, CatalogueVerdict::Unknown) && !unknown_allowed {
        return Ok(judge(&*context.event_types.refresh().await?));
    }
    Ok(verdict)
}

fn answer(
    verdict: CatalogueVerdict,
    event_type: &str,
    unknown_allowed: bool,
) -> Result<Vec<v1::SchemaWarning>, Status> {
    match verdict {
        CatalogueVerdict::Accepted => Ok(Vec::new()),
        CatalogueVerdict::Warned(found) => Ok(found.into_iter().map(warning).collect()),
        CatalogueVerdict::Unknown if unknown_allowed => Ok(Vec::new()),
        CatalogueVerdict::Unknown => {
            let mut violations = FieldViolations::default();
            violations.add(EVENT_TYPE_FIELD, format!("{event_type:?} is not in the catalogue"));
            Err(violations.because(ErrorReason::UnknownEventType))
        }
        CatalogueVerdict::Refused(found) => {
            let mut violations = FieldViolations::default();
            for SchemaViolation { path, message } in found {
                violations.add(format!("{PAYLOAD_FIELD}{path}"), message);
            }
            Err(violations.because(ErrorReason::SchemaViolation))
        }
        CatalogueVerdict::Archived => Err(errors::resource(
            ErrorReason::EventTypeArchived,
            ResourceKind::EventType,
            &names::of_event_type(event_type),
            "is archived",
        )),
        CatalogueVerdict::Reserved => {
            let problem = "must not be \"postrider\" or below it: those are published by the \
                           installation itself";
            Err(errors::invalid(EVENT_TYPE_FIELD, problem))
        }
    }
}

fn warning(violation: SchemaViolation) -> v1::SchemaWarning {
    v1::SchemaWarning { path: violation.path, description: violation.message }
}

/// Notes each event type that the subscription names and the catalogue does not have,
/// if unknown types cannot be published.
pub async fn require_known_types(
    context: &ReplicaContext,
    patterns: &[String],
    violations: &mut FieldViolations,
) -> Result<(), Status> {
    if context.settings.publish.allow_unknown_event_types {
        return Ok(());
    }
    let mut unknown = unknown_types(&context.event_types.current(), patterns);
    if !unknown.is_empty() {
        let catalogue = context.event_types.refresh().await.map_err(errors::store)?;
        unknown = unknown_types(&catalogue, patterns);
    }
    for index in unknown {
        let field = format!("subscription.event_types[{index}]");
        violations.add(field, "is not in the catalogue");
    }
    Ok(())
}

fn unknown_types(catalogue: &EventTypeCatalogue, patterns: &[String]) -> Vec<usize> {
    let unknown = |pattern: &String| match pattern.parse() {
        Ok(EventTypePattern::Exact(name)) => catalogue.get(&name).is_none() && !is_built_in(&name),
        // Malformed patterns are reported elsewhere.
        _ => false,
    };
    let patterns = patterns.iter().take(limits::MAX_EVENT_TYPE_PATTERNS).enumerate();
    patterns.filter(|(_, pattern)| unknown(pattern)).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use postrider_domain::event_type::{EventType, EventTypeInput};
    use postrider_domain::time::Timestamp;
    use tonic::Code;
    use tonic_types::StatusExt;

    use super::*;

    fn told(verdict: CatalogueVerdict) -> (Code, String, Vec<String>) {
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
            told(CatalogueVerdict::Refused(vec![violation()])),
            invalid("SCHEMA_VIOLATION", "event.payload/amount/value")
        );
        assert_eq!(
            told(CatalogueVerdict::Unknown),
            invalid("UNKNOWN_EVENT_TYPE", "event.event_type")
        );
        assert_eq!(
            told(CatalogueVerdict::Reserved),
            invalid("INVALID_REQUEST", "event.event_type")
        );
        let archived = (Code::FailedPrecondition, "EVENT_TYPE_ARCHIVED".to_owned(), vec![]);
        assert_eq!(told(CatalogueVerdict::Archived), archived);
        let warned = answer(CatalogueVerdict::Warned(vec![violation()]), "a", false).unwrap();
        assert_eq!((warned.len(), warned[0].path.as_str()), (1, "/amount/value"));
        assert!(answer(CatalogueVerdict::Unknown, "a", true).unwrap().is_empty());
        assert!(answer(CatalogueVerdict::Accepted, "a", false).unwrap().is_empty());
    }

    #[test]
    fn only_names_can_be_unknown() {
        let input = EventTypeInput { name: "payment.completed".into(), ..Default::default() };
        let known = EventType::new(input, Timestamp::from_micros(1));
        let catalogue = EventTypeCatalogue::default().rebuilt(2, [known]);
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
