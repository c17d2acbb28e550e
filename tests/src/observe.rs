//! Reads what is to be judged.
//!
//! Fed by the API; feeds the history checker, in tests and in the soak. Guarantees that
//! everything is read: every attempt of every delivery, and the whole account.

use std::collections::BTreeSet;
use std::time::SystemTime;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use postrider_proto::v1::reconcile_events_response::Part;
use postrider_proto::v1::{Attempt, Delivery, ReconcileEventsRequest};
use prost_types::Timestamp;
use tonic::Status;

use crate::api::Api;
use crate::history::Account;

const PARALLEL_READS: usize = 16;

/// Each delivery with its attempts.
pub async fn with_attempts(
    api: &Api,
    deliveries: Vec<Delivery>,
) -> Result<Vec<(Delivery, Vec<Attempt>)>> {
    let read = stream::iter(deliveries).map(|delivery| {
        let mut api = api.clone();
        async move {
            let attempts = api.attempts(&delivery.name).await?;
            Ok::<_, Status>((delivery, attempts))
        }
    });
    Ok(read.buffer_unordered(PARALLEL_READS).try_collect().await?)
}

/// The account of everything that a tenant published.
pub async fn account(
    api: &Api,
    tenant: &str,
    published: BTreeSet<String>,
    begun: SystemTime,
) -> Result<Account> {
    let request = ReconcileEventsRequest {
        parent: tenant.to_owned(),
        start_time: Some(Timestamp::from(begun)),
        ..ReconcileEventsRequest::default()
    };
    let answer = api.clone().events.reconcile_events(request).await?;
    let parts: Vec<_> = answer.into_inner().try_collect().await?;
    let mut account = Account { tenant: tenant.to_owned(), published, ..Account::default() };
    for response in parts {
        match response.part.context("an answer without a part")? {
            Part::Row(row) => account.rows.push(row),
            Part::Summary(summary) => account.summary = summary,
        }
    }
    Ok(account)
}
