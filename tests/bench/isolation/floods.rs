//! Tenants that publish a great deal at once.
//!
//! Fed by `mod`; feeds it with outcomes. The flood has a publisher of its own,
//! and lasts at least as long as the others are measured beside it: it is
//! published again until they are done.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;

use super::{Measured, NeighbourLoad, OTHERS_GROUP, Outcome, Pace};
use crate::chain::Chain;
use crate::load::{Load, Mode, Target};
use crate::options::Scale;
use crate::receiver::{Answers, Scheme};
use crate::rig::Rig;
use crate::worker::now_ns;

const EVENTS_PER_SECOND: u64 = 200;
const OTHER_TENANTS: usize = 9;
const EVENT_TYPE: &str = "payment.completed";
const FLOOD_LIMIT: Duration = Duration::from_secs(300);

/// Events of the flood.
pub fn flood(scale: Scale) -> u64 {
    scale.pick(2_000, 50_000, 100_000)
}

/// Tenants with one event each.
pub fn tenants(scale: Scale) -> usize {
    scale.pick(50, 1_000, 3_000)
}

pub async fn one_tenant(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    let others = subscribers(rig, "other", OTHER_TENANTS).await?;
    let length = Duration::from_secs(scale.pick(2, 5, 10));
    let pace = Pace { others: &others, beside: &[], per_second: EVENTS_PER_SECOND, length };
    pace.on(rig).await?;
    let without = pace.on(rig).await?;
    beside_flood(rig, scale, &pace, without).await
}

pub async fn many_tenants(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    // Each tenant has one event: those without the flood are others than those
    // beside it.
    let count = tenants(scale);
    let others = subscribers(rig, "other", 2 * count).await?;
    let (first, second) = others.split_at(count);
    let length = Duration::from_secs((count as u64).div_ceil(EVENTS_PER_SECOND));
    let pace = |others| Pace { others, beside: &[], per_second: EVENTS_PER_SECOND, length };
    let without = pace(first).on(rig).await?;
    beside_flood(rig, scale, &pace(second), without).await
}

async fn beside_flood(
    rig: &mut Rig,
    scale: Scale,
    pace: &Pace<'_>,
    without: Measured,
) -> Result<Outcome> {
    let tenant = rig.tenant("flood").await?;
    let url = rig.receiver.url(Scheme::Https, "flood", Answers::AtOnce);
    rig.subscribe(&tenant, &url, EVENT_TYPE, |_| {}).await?;
    let target = Target::new(&tenant, EVENT_TYPE);
    let mut flooding = rig.another_load().await?;
    let begun_ns = now_ns();
    let measure = pace.measure(&mut rig.load, &mut rig.receiver);
    let (with, published) = beside(measure, &mut flooding, &target, scale).await?;
    let seen = rig.receiver.wait("flood", published, FLOOD_LIMIT).await?;
    let seconds = seen.last_ns.saturating_sub(begun_ns) as f64 / 1e9;
    let own_rate = Some(published as f64 / seconds);

    let mut chain = Chain::start(rig).await?;
    rig.quiet().await?;
    let alone = pace.bare(&mut chain, &mut rig.receiver).await?;
    let measure = pace.bare(&mut chain, &mut rig.receiver);
    let (beside_flood, published_again) = beside(measure, &mut flooding, &target, scale).await?;
    rig.receiver.wait("flood", published + published_again, FLOOD_LIMIT).await?;
    let chain = Some(NeighbourLoad { without: alone, with: beside_flood });
    Ok(Outcome { without, with, own_rate, chain })
}

/// Measures while the flood is published, and answers how many events that were.
async fn beside<T>(
    measure: impl Future<Output = Result<T>>,
    flooding: &mut Load,
    target: &Target,
    scale: Scale,
) -> Result<(T, u64)> {
    let (done, measured) = watch::channel(false);
    let measure = async {
        let result = measure.await;
        done.send_replace(true);
        result
    };
    tokio::try_join!(measure, flood_until(flooding, target, flood(scale), measured))
}

/// Answers how many were published.
async fn flood_until(
    load: &mut Load,
    target: &Target,
    events: u64,
    measured: watch::Receiver<bool>,
) -> Result<u64> {
    let mut published = 0;
    loop {
        load.publish(target, Mode::Batch, events).await?;
        published += events;
        if *measured.borrow() {
            return Ok(published);
        }
    }
}

/// Tenants with one subscription each, whose endpoints are well.
async fn subscribers(rig: &mut Rig, prefix: &str, count: usize) -> Result<Vec<Target>> {
    let url = rig.receiver.url(Scheme::Https, OTHERS_GROUP, Answers::AtOnce);
    let mut targets = Vec::new();
    for number in 0..count {
        let tenant = rig.tenant(&format!("{prefix}-{number}")).await?;
        rig.subscribe(&tenant, &url, EVENT_TYPE, |_| {}).await?;
        targets.push(Target::new(&tenant, EVENT_TYPE));
    }
    Ok(targets)
}
