//! Endpoints that keep their requests.
//!
//! Fed by `mod`; feeds it with outcomes. In every case ten endpoints get the
//! same share of 400 events a second, and one of them is exchanged for one that
//! is slow, at a host of its own or at that of the others. The others are measured
//! from the moment at which it becomes slow.

use std::time::Duration;

use anyhow::Result;
use postrider_proto::v1::Subscription;
use postrider_tests::publish::fixed_delays;

use super::{Outcome, Pace, well};
use crate::load::Target;
use crate::options::Scale;
use crate::receiver::{Answers, Scheme};
use crate::rig::Rig;

/// Groups of the receiver, and types of events.
const CALM_GROUP: &str = "calm";
const SLOW_GROUP: &str = "slow";
const EVENTS_PER_SECOND: u64 = 400;
const OTHER_TENANTS: usize = 9;
/// Longer than any request may last.
const HANG_TIME: Duration = Duration::from_secs(3600);
const REQUEST_DEADLINE: Duration = Duration::from_secs(2);
const RETRY_DELAY: Duration = Duration::from_secs(1);
const RETRY_COUNT: usize = 20;

/// How long requests are held.
pub fn hold(scale: Scale) -> Duration {
    Duration::from_secs(scale.pick(2, 15, 15))
}

/// How long time-outs are tried again while the others are measured.
pub fn retrying(scale: Scale) -> Duration {
    Duration::from_secs(scale.pick(3, 30, 120))
}

pub async fn holding(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    let slow = rig.receiver.url(Scheme::Https, SLOW_GROUP, Answers::After(hold(scale)));
    exchange(rig, scale, &slow, hold(scale) + scale.pace(), |_| {}).await
}

pub async fn holding_beside(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    let slow = rig.receiver.url_beside_well(SLOW_GROUP, Answers::After(hold(scale)));
    exchange(rig, scale, &slow, hold(scale) + scale.pace(), |_| {}).await
}

pub async fn timing_out(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    let policy = fixed_delays(&[RETRY_DELAY; RETRY_COUNT])?;
    let deadline = REQUEST_DEADLINE.try_into()?;
    let slow = rig.receiver.url(Scheme::Https, SLOW_GROUP, Answers::After(HANG_TIME));
    exchange(rig, scale, &slow, retrying(scale), |subscription| {
        subscription.request_timeout = Some(deadline);
        subscription.retry_policy = Some(policy);
    })
    .await
}

/// `length` is how long the slow one is slow.
async fn exchange(
    rig: &mut Rig,
    scale: Scale,
    slow_url: &str,
    length: Duration,
    change: impl FnOnce(&mut Subscription),
) -> Result<Outcome> {
    let tenant = rig.tenant("bench").await?;
    let others = well(rig, &tenant, OTHER_TENANTS).await?;
    let url = rig.receiver.url(Scheme::Https, CALM_GROUP, Answers::AtOnce);
    rig.subscribe(&tenant, &url, CALM_GROUP, |_| {}).await?;
    rig.subscribe(&tenant, slow_url, SLOW_GROUP, change).await?;

    let calm = [Target::new(&tenant, CALM_GROUP)];
    let slow = [Target::new(&tenant, SLOW_GROUP)];
    let pace =
        |beside, length| Pace { others: &others, beside, per_second: EVENTS_PER_SECOND, length };
    pace(&calm, Duration::from_secs(1)).on(rig).await?;
    let without = pace(&calm, scale.pace()).on(rig).await?;
    let with = pace(&slow, length).on(rig).await?;
    Ok(Outcome { without, with, own_rate: None, chain: None })
}
