//! Endpoints that have a great many deliveries waiting.
//!
//! Fed by `mod`; feeds it with outcomes. One backlog stays where it is, beside
//! an endpoint that hangs; the other is sent when its endpoint recovers.

use std::time::Duration;

use anyhow::Result;
use postrider_tests::ports::free_port;
use postrider_tests::publish::fixed_delays;

use super::{NeighbourLoad, Outcome, Pace, well};
use crate::chain::Chain;
use crate::load::{Mode, Target};
use crate::options::Scale;
use crate::receiver::{Answers, Scheme};
use crate::rig::Rig;
use crate::worker::now_ns;

const EVENTS_PER_SECOND: u64 = 400;
/// Of the 20, those that are well.
const HEALTHY_ENDPOINTS: usize = 18;
const HANGING_EVENTS: u64 = 1_000;
const HANG_TIME: Duration = Duration::from_secs(3600);
const RETRY_DELAY: Duration = Duration::from_secs(5);
const RETRY_COUNT: usize = 20;
const PROBE_LIMIT: Duration = Duration::from_secs(120);
/// Slower than the rate allows, but not for ever.
const DRAIN_FACTOR: f64 = 5.0;

/// Opens and probes in seconds: the case is about what follows.
pub const QUICK_BREAKER: &str = "[dispatch]\n\
    breaker_min_span_seconds = 3\n\
    breaker_first_probe_pause_seconds = 3\n\
    breaker_max_probe_pause_seconds = 3\n";

pub fn dead_waiting(scale: Scale) -> u64 {
    scale.pick(1_000, 30_000, 100_000)
}

pub fn recovering_waiting(scale: Scale) -> u64 {
    scale.pick(1_000, 50_000, 1_000_000)
}

pub fn recovering_rate(scale: Scale) -> u32 {
    scale.pick(200, 2_000, 4_000)
}

pub async fn hanging_and_dead(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    let tenant = rig.tenant("bench").await?;
    let others = well(rig, &tenant, HEALTHY_ENDPOINTS).await?;
    let url = rig.receiver.url(Scheme::Https, "hanging", Answers::After(HANG_TIME));
    rig.subscribe(&tenant, &url, "hanging", |_| {}).await?;
    // Nothing listens there.
    let url = format!("https://127.0.0.1:{}/dead", free_port()?);
    rig.subscribe(&tenant, &url, "dead", |_| {}).await?;

    let (hanging, dead) = (Target::new(&tenant, "hanging"), Target::new(&tenant, "dead"));
    let pace =
        |beside, length| Pace { others: &others, beside, per_second: EVENTS_PER_SECOND, length };
    pace(&[], Duration::from_secs(1)).on(rig).await?;
    let without = pace(&[], scale.pace()).on(rig).await?;
    rig.load.publish(&hanging, Mode::Batch, HANGING_EVENTS.min(dead_waiting(scale))).await?;
    rig.load.publish(&dead, Mode::Batch, dead_waiting(scale)).await?;
    let with = pace(&[hanging, dead], scale.pace()).on(rig).await?;
    Ok(Outcome { without, with, own_rate: None, chain: None })
}

pub async fn recovery(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    let tenant = rig.tenant("bench").await?;
    let others = well(rig, &tenant, HEALTHY_ENDPOINTS).await?;
    let policy = fixed_delays(&[RETRY_DELAY; RETRY_COUNT])?;
    let url = rig.receiver.url(Scheme::Https, "recovering", Answers::OnceWell);
    rig.subscribe(&tenant, &url, "recovering", |subscription| {
        subscription.retry_policy = Some(policy);
        subscription.max_requests_per_second = recovering_rate(scale);
    })
    .await?;

    let pace =
        |length| Pace { others: &others, beside: &[], per_second: EVENTS_PER_SECOND, length };
    pace(Duration::from_secs(1)).on(rig).await?;
    let mut chain = Chain::start(rig).await?;
    let (without, bare) = pace(scale.pace()).with_bare(rig, &mut chain).await?;
    let waiting = recovering_waiting(scale);
    let recovering = Target::new(&tenant, "recovering");
    rig.load.publish(&recovering, Mode::Batch, waiting).await?;
    // The breaker's span, and what is answered in the meantime.
    tokio::time::sleep(Duration::from_secs(scale.pick(4, 10, 10))).await;
    rig.receiver.recover().await?;
    rig.receiver.wait("recovering", 1, PROBE_LIMIT).await?;
    let begun_ns = now_ns();
    let (with, beside) = pace(scale.pace()).with_bare(rig, &mut chain).await?;
    let allowed = waiting as f64 / f64::from(recovering_rate(scale));
    let limit = PROBE_LIMIT + Duration::from_secs_f64(allowed * DRAIN_FACTOR);
    let seen = rig.receiver.wait("recovering", waiting, limit).await?;
    let seconds = seen.last_ns.saturating_sub(begun_ns) as f64 / 1e9;
    let chain = Some(NeighbourLoad { without: bare, with: beside });
    Ok(Outcome { without, with, own_rate: Some(waiting as f64 / seconds), chain })
}
