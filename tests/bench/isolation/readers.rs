//! Callers that list events without pause.
//!
//! Fed by `mod`; feeds it with outcomes. Others publish at a pace meanwhile: whoever
//! publishes must not wait for readers. The readers' pages are as large as there are, and
//! their own rate is shown beside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use postrider_proto::v1::ListEventsRequest;
use postrider_tests::api::Api;

use super::{Outcome, Pace, well};
use crate::load::{Mode, Target};
use crate::options::Scale;
use crate::rig::Rig;

const READER_COUNT: usize = 40;
const EVENTS_PER_SECOND: u64 = 200;
const OTHER_TARGETS: usize = 9;
const LISTED_TYPE: &str = "listed";
const PAGE_SIZE: i32 = 1_000;

/// Events that there are to list.
pub fn listed(scale: Scale) -> u64 {
    scale.pick(1_000, 20_000, 200_000)
}

pub async fn listing(rig: &mut Rig, scale: Scale) -> Result<Outcome> {
    let tenant = rig.tenant("bench").await?;
    let others = well(rig, &tenant, OTHER_TARGETS).await?;
    rig.load.publish(&Target::new(&tenant, LISTED_TYPE), Mode::Batch, listed(scale)).await?;
    let length = Duration::from_secs(scale.pick(2, 10, 30));
    let pace = Pace { others: &others, beside: &[], per_second: EVENTS_PER_SECOND, length };
    pace.on(rig).await?;
    let without = pace.on(rig).await?;
    let (stop, pages) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers = (0..READER_COUNT).map(|_| {
        let (api, tenant) = (rig.api.clone(), tenant.clone());
        tokio::spawn(list(api, tenant, Arc::clone(&stop), Arc::clone(&pages)))
    });
    let readers: Vec<_> = readers.collect();
    let began = Instant::now();
    let with = pace.on(rig).await?;
    stop.store(true, Ordering::Relaxed);
    let own_rate = pages.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    join_all(readers).await;
    Ok(Outcome { without, with, own_rate: Some(own_rate), chain: None })
}

/// Lists page after page until it is stopped; a page that is refused is asked for again.
async fn list(mut api: Api, parent: String, stop: Arc<AtomicBool>, pages: Arc<AtomicU64>) {
    let mut page_token = String::new();
    while !stop.load(Ordering::Relaxed) {
        let request = ListEventsRequest {
            parent: parent.clone(),
            page_size: PAGE_SIZE,
            page_token: page_token.clone(),
            ..ListEventsRequest::default()
        };
        if let Ok(page) = api.events.list_events(request).await {
            page_token = page.into_inner().next_page_token;
            pages.fetch_add(1, Ordering::Relaxed);
        }
    }
}
