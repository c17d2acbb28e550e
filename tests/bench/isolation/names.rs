//! Names that never answer.
//!
//! Fed by `mod`; feeds it with outcomes. One tenant has a subscription for each of
//! many names of which name servers say nothing, and deliveries that are tried
//! again and again; the others' names are looked up again every second.

use std::time::Duration;

use anyhow::Result;
use postrider_tests::name_server::DnsReply;
use postrider_tests::publish::fixed_delays;

use super::{OTHERS_GROUP, Outcome, Pace};
use crate::load::{Mode, Target};
use crate::options::Scale;
use crate::receiver::RECEIVER_DOMAIN;
use crate::rig::Rig;

const SLOW_DOMAIN: &str = "slow.example";
const EVENT_TYPE: &str = "payment.completed";
const EVENTS_PER_SECOND: u64 = 400;
const OTHER_TENANTS: usize = 9;
/// Of the others' names.
const TIME_TO_LIVE_SECONDS: u32 = 1;
const REQUEST_DEADLINE: Duration = Duration::from_millis(500);
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// As many as a policy takes; with deadlines they last for 75 s.
const RETRY_COUNT: usize = 50;

/// How many.
pub fn slow_names(scale: Scale) -> usize {
    scale.pick(100, 1_000, 1_000)
}

pub async fn never_answering(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    rig.names.reply(SLOW_DOMAIN, DnsReply::Silence);
    let here = vec!["127.0.0.1".parse()?];
    rig.names.reply(RECEIVER_DOMAIN, DnsReply::Addresses(here, TIME_TO_LIVE_SECONDS));
    let mut others = Vec::new();
    for number in 0..OTHER_TENANTS {
        let tenant = rig.tenant(&format!("other-{number}")).await?;
        let url = rig.receiver.url_of(&format!("n{number}.{RECEIVER_DOMAIN}"), OTHERS_GROUP);
        rig.subscribe(&tenant, &url, EVENT_TYPE, |_| {}).await?;
        others.push(Target::new(&tenant, EVENT_TYPE));
    }
    let slow = rig.tenant("slow").await?;
    for number in 0..slow_names(scale) {
        let policy = fixed_delays(&[RETRY_DELAY; RETRY_COUNT])?;
        let deadline = REQUEST_DEADLINE.try_into()?;
        let url = format!("https://n{number}.{SLOW_DOMAIN}/");
        rig.subscribe(&slow, &url, EVENT_TYPE, |subscription| {
            subscription.request_timeout = Some(deadline);
            subscription.retry_policy = Some(policy);
        })
        .await?;
    }

    let pace =
        |length| Pace { others: &others, beside: &[], per_second: EVENTS_PER_SECOND, length };
    pace(Duration::from_secs(1)).on(rig).await?;
    let without = pace(scale.pace()).on(rig).await?;
    // One delivery for each name, and from then on a retry of each every second.
    rig.load.publish(&Target::new(&slow, EVENT_TYPE), Mode::Batch, 1).await?;
    let with = pace(scale.pace()).on(rig).await?;
    Ok(Outcome { without, with, own_rate: None, chain: None })
}
