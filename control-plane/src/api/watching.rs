//! WatchAttempts: the tail of attempts as callers see it.
//!
//! Fed by `flow::watch` with what was committed; adds where each delivery stood
//! after its attempt.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt};
use postrider_domain::delivery::{AttemptRecord, DeliveryState, EndReason, Outcome};
use postrider_proto::v1;
use postrider_store::Store;
use tonic::Status;

use super::convert::{attempt, delivery};
use super::errors::{self, Reason, Violations};
use super::{changes, names, observe};
use crate::flow::Flow;
use crate::flow::watch::{WatchError, WatchFilter, WatchLost};

/// Names all tenants.
const ALL: &str = "tenants/-";

/// Begins a watch.
pub async fn watch(
    flow: &Flow,
    request: v1::WatchAttemptsRequest,
) -> Result<BoxStream<'static, Result<v1::WatchAttemptsResponse, Status>>, Status> {
    let filter = filter(&request)?;
    if let Some(tenant) = &filter.tenant {
        observe::note("tenant", tenant);
        changes::tenant_known(flow, tenant).await?;
    }
    let attempts = flow
        .watch
        .subscribe(filter)
        .await
        .map_err(|error| match error {
            WatchError::TooMany => errors::retry_soon(
                Reason::TooManyWatches,
                "this replica has as many watches as it allows",
            ),
            WatchError::Store(error) => errors::store(error),
        })?;
    let store = Arc::clone(&flow.store);
    Ok(attempts
        .then(move |attempt| {
            let store = Arc::clone(&store);
            async move {
                match attempt {
                    Ok(record) => show(store.as_ref(), Arc::unwrap_or_clone(record)).await,
                    Err(lost) => Err(ended(lost)),
                }
            }
        })
        .boxed())
}

fn filter(request: &v1::WatchAttemptsRequest) -> Result<WatchFilter, Status> {
    let mut violations = Violations::default();
    let all = request.parent == ALL;
    let tenant = match all {
        true => None,
        false => violations.keep("parent", names::tenant(&request.parent)),
    };
    let mut filter = WatchFilter {
        tenant,
        subscription: None,
    };
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

fn ended(lost: WatchLost) -> Status {
    match lost {
        WatchLost::TooSlow => errors::plain(
            Reason::WatchTooSlow,
            "attempts are concluded faster than they are read here",
        ),
        WatchLost::Stopping => errors::retry_soon(Reason::Stopping, "this replica is stopping"),
    }
}

async fn show(
    store: &dyn Store,
    record: AttemptRecord,
) -> Result<v1::WatchAttemptsResponse, Status> {
    let (state, reason) = match apparent(&record) {
        Some(state) => (state, None),
        None => stored(store, &record).await?,
    };
    Ok(v1::WatchAttemptsResponse {
        attempt: Some(attempt::to_proto(record)),
        delivery_state: delivery::state(state).into(),
        delivery_end_reason: delivery::end_reason(reason).into(),
    })
}

/// Where the delivery stood, as far as the attempt itself tells: most do, so that
/// a watch costs no reads.
fn apparent(record: &AttemptRecord) -> Option<DeliveryState> {
    match (record.outcome, record.next_attempt_time) {
        (Outcome::Succeeded, _) => Some(DeliveryState::Succeeded),
        (_, Some(_)) => Some(DeliveryState::Waiting),
        (_, None) => None,
    }
}

/// A failure without a next attempt: the delivery ended, or had ended, and the
/// row says how.
async fn stored(
    store: &dyn Store,
    record: &AttemptRecord,
) -> Result<(DeliveryState, Option<EndReason>), Status> {
    let tenant = &record.subscription.tenant;
    let found = store
        .get_delivery(tenant, record.key.delivery)
        .await
        .map_err(errors::store)?;
    Ok(found.map_or((DeliveryState::Exhausted, None), |found| {
        (found.state, found.end_reason)
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::convert::fixtures;
    use super::*;

    fn read(parent: &str, subscription: &str) -> Result<WatchFilter, Status> {
        let (parent, subscription) = (parent.to_owned(), subscription.to_owned());
        filter(&v1::WatchAttemptsRequest {
            parent,
            subscription,
        })
    }

    #[test]
    fn what_is_watched() {
        assert_eq!(read("tenants/-", "").unwrap(), WatchFilter::default());
        let one = read("tenants/acme", "tenants/acme/subscriptions/erp").unwrap();
        assert_eq!(one.subscription.unwrap().as_str(), "erp");
        assert!(read("tenants/-", "tenants/acme/subscriptions/erp").is_err());
        assert!(read("tenants/acme", "tenants/other/subscriptions/erp").is_err());
        assert!(read("", "").is_err());
    }

    #[test]
    fn most_attempts_tell_where_their_delivery_stands() {
        let mut record = fixtures::attempt();
        assert_eq!(apparent(&record), Some(DeliveryState::Waiting));
        record.next_attempt_time = None;
        assert_eq!(apparent(&record), None);
        record.outcome = Outcome::Succeeded;
        assert_eq!(apparent(&record), Some(DeliveryState::Succeeded));
    }
}
