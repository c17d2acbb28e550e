//! Operational events: from the outbox to those who asked for them.
//!
//! Fed by the table of announcements, which others write in the transaction of
//! what they tell; feeds `publish`, as any publisher would. Guarantees that what
//! was written is published, by the owner of its tenant's shard, those of one
//! subscription in order; and once, since an announcement is its own idempotency
//! key. A nudge is for speed; the row and the sweep are the guarantee.
//!
//! An announcement that nobody in the tenant subscribes to is not written, so
//! that what nobody asked for costs nothing; the end of a subscription is always
//! told, and everything is while there is an operators' tenant.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use postrider_domain::event::DEFAULT_CONTENT_TYPE;
use postrider_domain::ids::{Shard, SubscriptionKey, TenantId};
use postrider_domain::notice::{Announcement, NoticeType};
use postrider_store::{StoreResult, WaitingAnnouncement};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::faults::FaultLog;
use super::tenants::Snapshot;
use super::{Flow, PublishError, PublishInput};
use crate::health::Progress;

/// Most announcements read at once.
const BATCH: u32 = 512;
/// What the idempotency keys of operational events begin with; nobody else's may.
pub const OWN_KEYS: &str = "postrider/";
/// Subscriptions whose announcements are published at once; each one's in turn.
const AT_ONCE: usize = 64;

struct Inner {
    /// Where everything is told a second time.
    operators: Option<TenantId>,
    written: Notify,
}

/// Who is to be told what. Cheap to clone.
#[derive(Clone)]
pub struct Notices(Arc<Inner>);

impl Notices {
    pub fn new(operators: Option<TenantId>) -> Self {
        Self(Arc::new(Inner { operators, written: Notify::new() }))
    }

    /// Whether anybody is to be told.
    pub fn wanted(&self, snapshot: &Snapshot, notice: NoticeType) -> bool {
        notice == NoticeType::EndpointDisabled
            || self.0.operators.is_some()
            || snapshot.wants(notice.name())
    }

    /// Something was written, or is to be decided about a streak.
    pub fn wake(&self) {
        self.0.written.notify_one();
    }
}

impl Flow {
    /// Watches streaks and publishes what is written until told to stop.
    pub async fn run_notices(&self, progress: Progress, stop: CancellationToken) {
        let sweep = self.settings.ownership.sweep();
        let (mut streaks, mut told) =
            (FaultLog::new("failing endpoints"), FaultLog::new("announcements"));
        while !stop.is_cancelled() {
            progress.made();
            let looked = self.look_at_streaks().await;
            streaks.note(looked.as_ref().err(), self.clock.now());
            let published = self.publish_announcements().await;
            told.note(published.as_ref().err(), self.clock.now());
            tokio::select! {
                () = self.notices.0.written.notified() => {}
                () = self.clock.sleep(sweep) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn publish_announcements(&self) -> StoreResult<()> {
        let shards: Vec<Shard> =
            self.dispatcher.look(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let waiting = self.store.announcements(&shards, BATCH).await?;
        let count = waiting.len();
        let told = self.tell_all(waiting).await;
        if !told.is_empty() {
            self.store.remove_announcements(&told).await?;
        }
        // What could not be told now is told by the next sweep; when there is more, it
        // is told after a look at the streaks.
        if count == BATCH as usize && told.len() == count {
            self.notices.wake();
        }
        Ok(())
    }

    /// Publishes announcements; returns the places of those that are done with.
    async fn tell_all(&self, waiting: Vec<WaitingAnnouncement>) -> Vec<i64> {
        let mut turns: BTreeMap<SubscriptionKey, Vec<WaitingAnnouncement>> = BTreeMap::new();
        for one in waiting {
            turns.entry(one.announcement.subscription.clone()).or_default().push(one);
        }
        let turns = stream::iter(turns.into_values()).map(|turn| self.tell_in_turn(turn));
        turns.buffer_unordered(AT_ONCE).concat().await
    }

    async fn tell_in_turn(&self, turn: Vec<WaitingAnnouncement>) -> Vec<i64> {
        let mut told = Vec::with_capacity(turn.len());
        for WaitingAnnouncement { place, announcement } in turn {
            if !self.tell(&announcement).await {
                break;
            }
            told.push(place);
        }
        told
    }

    /// Publishes one announcement; false when it is to be tried again.
    async fn tell(&self, announcement: &Announcement) -> bool {
        let tenant = &announcement.subscription.tenant;
        let own = input(announcement, tenant, None);
        let copy = self.notices.0.operators.as_ref().filter(|operators| *operators != tenant);
        let copy = copy.map(|operators| input(announcement, operators, Some(tenant.to_string())));
        for input in std::iter::once(own).chain(copy) {
            let told_in = input.tenant.clone();
            match self.publisher.publish(input).await {
                Ok(_) => {}
                Err(error) if passes(&error) => return false,
                // To try it again would only hold up those behind it.
                Err(error) => {
                    tracing::warn!(%error, tenant = %told_in, id = announcement.id, "an announcement was dropped");
                }
            }
        }
        true
    }
}

fn input(announcement: &Announcement, tenant: &TenantId, account: Option<String>) -> PublishInput {
    let about = &announcement.subscription;
    PublishInput {
        tenant: tenant.clone(),
        event_type: announcement.event_type.clone(),
        account,
        attributes: BTreeMap::new(),
        ordering_key: Some(about.to_string()),
        content_type: DEFAULT_CONTENT_TYPE.to_owned(),
        json: true,
        payload: Bytes::from(announcement.payload.clone()),
        traceparent: String::new(),
        tracestate: String::new(),
        idempotency_key: Some(format!("{OWN_KEYS}{}/{}", about.tenant, announcement.id)),
    }
}

/// Whether an error will be over by itself.
fn passes(error: &PublishError) -> bool {
    matches!(
        error,
        PublishError::Overloaded { .. } | PublishError::Unavailable { .. } | PublishError::Stopping
    )
}
