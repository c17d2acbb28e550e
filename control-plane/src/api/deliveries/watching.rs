//! `WatchAttempts`: the tail of attempts as callers see it.
//!
//! Fed by `flow::attempt_feed` with what was committed; feeds callers' streams.
//! Guarantees that a watch costs no reads of its own, but for what it missed where it goes
//! on after another; those, and the look at where the tail ends, have their turns.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt};
use postrider_proto::v1;
use postrider_store::TailedAttempt;
use tonic::Status;

use crate::api::deliveries::resume_tokens::ResumeTokens;
use crate::api::deliveries::{attempt_conversion, conversion};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations};
use crate::api::rpc::lifetimes::{self, StreamLifetime};
use crate::api::rpc::spans;
use crate::api::tenants::stored::require_tenant;
use crate::api::values::names;
use crate::flow::Flow;
use crate::flow::attempt_feed::{WatchEnd, WatchError, WatchFilter, WatchItem, WatchTerms};
use crate::state::context::ReplicaContext;

/// The parent for all tenants.
const ALL_TENANTS: &str = "tenants/-";

/// Starts a watch.
pub async fn watch(
    context: &ReplicaContext,
    flow: &Flow,
    request: v1::WatchAttemptsRequest,
    caller: &Caller,
    lifetime: &StreamLifetime,
) -> Result<BoxStream<'static, Result<v1::WatchAttemptsResponse, Status>>, Status> {
    let mut filter = filter(&request)?;
    filter.among = caller.tenants_seen().map(Arc::new);
    let tokens = ResumeTokens::of(&request, &context.assignment_key);
    let resume = tokens.decode(&request.resume_token)?;
    let owner = caller.read_owner();
    let turn = context.read_turns.take(&owner).await.map_err(errors::no_read_turn)?;
    if let Some(tenant) = &filter.tenant {
        spans::record_in_span("tenant", tenant);
        require_tenant(context, tenant).await?;
    }
    let terms = WatchTerms { resume, progress: request.send_progress, aged_at: lifetime.aged_at };
    let attempts = flow.attempt_feed.subscribe(filter, terms, &owner).await;
    drop(turn);
    let attempts = attempts.map_err(|error| match error {
        WatchError::TooMany(setting) => errors::limit_passes(
            ErrorReason::TooManyWatches,
            format!("there is the maximum number of watches ({setting})"),
            setting,
        ),
        WatchError::UnknownPosition => errors::invalid("resume_token", "is of another database"),
        WatchError::Store(error) => errors::store(error),
    })?;
    Ok(attempts
        .map(move |item| match item {
            Ok(item) => show(item, &tokens),
            Err(lost) => Err(ended(lost)),
        })
        .boxed())
}

fn filter(request: &v1::WatchAttemptsRequest) -> Result<WatchFilter, Status> {
    let mut violations = FieldViolations::default();
    let all = request.parent == ALL_TENANTS;
    let tenant = match all {
        true => None,
        false => violations.keep("parent", names::tenant(&request.parent)),
    };
    let mut filter = WatchFilter { tenant, ..WatchFilter::default() };
    if !request.subscription.is_empty() {
        let key = violations.keep("subscription", names::subscription(&request.subscription));
        if all {
            violations.add("subscription", "must be empty with \"tenants/-\"");
        } else if let (Some(key), Some(tenant)) = (&key, &filter.tenant)
            && key.tenant != *tenant
        {
            violations.add("subscription", "must be one of the parent's");
        }
        filter.subscription = key.map(|key| key.subscription);
    }
    violations.check()?;
    Ok(filter)
}

fn ended(lost: WatchEnd) -> Status {
    match lost {
        WatchEnd::TooSlow => errors::status(
            ErrorReason::WatchTooSlow,
            "the watch reads attempts more slowly than they are recorded",
        ),
        WatchEnd::Stopping => lifetimes::stopping_replica(),
        WatchEnd::Aged => lifetimes::aged_connection(),
        WatchEnd::Store(error) => errors::store(error),
    }
}

fn show(item: WatchItem, tokens: &ResumeTokens) -> Result<v1::WatchAttemptsResponse, Status> {
    let (position, shown) = match item {
        WatchItem::Progress(position) => (position, v1::WatchAttemptsResponse::default()),
        WatchItem::Attempt(item) => (item.start, show_attempt(&item.attempt)),
    };
    Ok(v1::WatchAttemptsResponse { resume_token: tokens.encode(position)?, ..shown })
}

fn show_attempt(attempt: &TailedAttempt) -> v1::WatchAttemptsResponse {
    let TailedAttempt { record, delivery } = attempt;
    let state = delivery
        .map_or(v1::DeliveryState::Unspecified, |standing| conversion::state(standing.state));
    let end_reason = delivery.and_then(|standing| standing.end_reason);
    v1::WatchAttemptsResponse {
        attempt: Some(attempt_conversion::to_proto(record.clone())),
        delivery_state: state.into(),
        delivery_end_reason: conversion::end_reason(end_reason).into(),
        resume_token: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::delivery::{DeliveryState, DeliveryStatus, EndReason};

    use super::*;
    use crate::fixtures;

    fn read(parent: &str, subscription: &str) -> Result<WatchFilter, Status> {
        let (parent, subscription) = (parent.to_owned(), subscription.to_owned());
        filter(&v1::WatchAttemptsRequest { parent, subscription, ..Default::default() })
    }

    #[test]
    fn one_tenant_one_subscription_or_all_tenants_are_watched() {
        assert_eq!(read("tenants/-", "").unwrap(), WatchFilter::default());
        let one = read("tenants/acme", "tenants/acme/subscriptions/erp").unwrap();
        assert_eq!(one.subscription.unwrap().as_str(), "erp");
        assert!(read("tenants/-", "tenants/acme/subscriptions/erp").is_err());
        assert!(read("tenants/acme", "tenants/other/subscriptions/erp").is_err());
        assert!(read("", "").is_err());
    }

    #[test]
    fn an_attempt_is_shown_with_where_its_delivery_stood() {
        let shown = |delivery| {
            let record = fixtures::attempt();
            let shown = show_attempt(&TailedAttempt { record, delivery });
            (shown.delivery_state(), shown.delivery_end_reason())
        };
        let cancelled = DeliveryStatus {
            state: DeliveryState::Cancelled,
            end_reason: Some(EndReason::CancelledByCaller),
        };
        assert_eq!(
            shown(Some(cancelled)),
            (v1::DeliveryState::Cancelled, v1::DeliveryEndReason::CancelledByCaller)
        );
        assert_eq!(
            shown(None),
            (v1::DeliveryState::Unspecified, v1::DeliveryEndReason::Unspecified)
        );
    }
}
