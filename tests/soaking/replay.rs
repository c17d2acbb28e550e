//! A replay of what a round delivered, with a strike in its midst.
//!
//! Fed by a round that was judged; feeds it with the number of resends. Guarantees that each
//! delivery is sent again once, whatever is struck meanwhile.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use futures::future::try_join;
use postrider_proto::longrunning::{WaitOperationRequest, operation};
use postrider_proto::v1::{Delivery, DeliveryState, ReplayDeliveriesRequest};
use postrider_tests::api::Api;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::load::{SoakedTenant, SubscriptionKind};
use crate::persistence::persist;
use crate::site::Site;
use crate::story;
use crate::strikes::{Strike, draw_down_time};

const REPLAY_LIMIT: Duration = Duration::from_secs(90);
/// As long as the replica lets one wait, and shorter than a call.
const WAIT_TIMEOUT: prost_types::Duration = prost_types::Duration { seconds: 10, nanos: 0 };
/// How long it takes, so that the strike meets it under way.
const REPLAY_SECONDS: u32 = 5;

/// Replays one tenant's quick subscription and judges what came of it.
pub async fn replay(
    site: &mut Site,
    tenants: &[SoakedTenant],
    mut random: StdRng,
    begun: SystemTime,
) -> Result<usize> {
    let apis = site.apis();
    let tenant = tenants.first().context("a tenant")?;
    let mut subscriptions = tenant.subscriptions.iter();
    let found = subscriptions.find(|subscription| subscription.kind == SubscriptionKind::Quick);
    let subscription = found.context("a quick subscription")?;
    let api = apis.first().context("a replica")?;
    let before = deliveries_to(api, tenant, &subscription.name).await?;
    let received = site.receiver.received_at(&subscription.path);

    let pace = u32::try_from(before.len())? / REPLAY_SECONDS + 1;
    let operation = begin(api, tenant, &subscription.name, begun, pace).await?;
    let striking = async {
        let strike = Strike::draw(site.engine, &mut random);
        strike.carry_out(site, draw_down_time(&mut random)).await
    };
    try_join(wait_for_end(&apis, &operation), striking).await?;
    story::settled(api, tenants).await?;

    let after = deliveries_to(api, tenant, &subscription.name).await?;
    let resends: Vec<&Delivery> =
        after.iter().filter(|delivery| !delivery.resend_of.is_empty()).collect();
    let sent_again: BTreeSet<&str> =
        resends.iter().map(|delivery| delivery.resend_of.as_str()).collect();
    let wanted: BTreeSet<&str> = before.iter().map(|delivery| delivery.name.as_str()).collect();
    ensure!(sent_again == wanted, "sent again: {sent_again:?}, wanted: {wanted:?}");
    ensure!(resends.len() == wanted.len(), "{} resends of {}", resends.len(), wanted.len());
    let failed = resends.iter().find(|resend| resend.state() != DeliveryState::Succeeded);
    ensure!(failed.is_none(), "{failed:?}");
    let again = site.receiver.received_at(&subscription.path) - received;
    let least = u64::try_from(wanted.len())?;
    ensure!(again >= least, "{again} POSTs for {least} resends");
    Ok(resends.len())
}

async fn deliveries_to(
    api: &Api,
    tenant: &SoakedTenant,
    subscription: &str,
) -> Result<Vec<Delivery>> {
    let mut all = api.clone().all_deliveries(&tenant.name, "").await?;
    all.retain(|delivery| delivery.subscription == subscription);
    Ok(all)
}

/// Begins a replay, at a pace, of all that succeeded, and answers the operation's name.
async fn begin(
    api: &Api,
    tenant: &SoakedTenant,
    subscription: &str,
    begun: SystemTime,
    pace: u32,
) -> Result<String> {
    let request = ReplayDeliveriesRequest {
        parent: tenant.name.clone(),
        subscription: subscription.to_owned(),
        start_time: Some(begun.into()),
        states: vec![DeliveryState::Succeeded.into()],
        max_deliveries_per_second: pace,
        ..ReplayDeliveriesRequest::default()
    };
    Ok(api.clone().deliveries.replay_deliveries(request).await?.into_inner().name)
}

async fn wait_for_end(apis: &[Api], name: &str) -> Result<()> {
    let deadline = Instant::now() + REPLAY_LIMIT;
    loop {
        let asked = persist(apis, 0, |mut api| {
            let name = name.to_owned();
            let request = WaitOperationRequest { name, timeout: Some(WAIT_TIMEOUT) };
            async move { Ok(api.operations.wait_operation(request).await?.into_inner()) }
        });
        let operation = asked.await?;
        if operation.done {
            let succeeded = matches!(operation.result, Some(operation::Result::Response(_)));
            ensure!(succeeded, "the replay failed: {operation:?}");
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the replay took {REPLAY_LIMIT:?}: {operation:?}");
    }
}
