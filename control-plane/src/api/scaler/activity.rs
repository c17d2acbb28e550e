//! One `StreamIsActive`: whether a region needs an agent, told at once and at each change.
//!
//! Fed by the loads of regions, which it looks at a few times a second; feeds a caller's
//! stream. Guarantees that nothing is told while it is not known, that a region which stays
//! active is told every few seconds and one that stays idle once, and that the stream's end is
//! no error: KEDA opens another stream 2 s after an end, and ever later, up to a minute, after
//! an error (decision 0080).

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{Stream, unfold};
use postrider_domain::ids::Region;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tonic::Status;

use crate::api::rpc::lifetimes::StreamLifetime;
use crate::api::scaler::region_loads::RegionLoads;
use crate::api::scaler::stream_slots::StreamSlot;

/// A quarter of the second within which a region wakes up.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// An autoscaler may lose a message, or take the last agent away after it: then it hears again
/// that there is work, sooner than at its next look, half a minute later by default.
const REPEAT_INTERVAL: Duration = Duration::from_secs(5);

/// What a stream has told.
#[derive(Default)]
struct ToldActivity {
    last: Option<(bool, Instant)>,
}

impl ToldActivity {
    /// Whether this is to be told now; if so, it counts as told.
    fn tell(&mut self, is_active: bool, now: Instant) -> bool {
        let is_due = self.last.is_none_or(|(told, at)| {
            told != is_active || (is_active && now.duration_since(at) >= REPEAT_INTERVAL)
        });
        if is_due {
            self.last = Some((is_active, now));
        }
        is_due
    }
}

/// One stream, while its caller listens.
pub struct ActivityWatch {
    loads: RegionLoads,
    region: Region,
    told: ToldActivity,
    looks: Interval,
    ended: BoxFuture<'static, Status>,
    _slot: StreamSlot,
}

impl ActivityWatch {
    pub fn new(
        loads: RegionLoads,
        region: Region,
        lifetime: &StreamLifetime,
        slot: StreamSlot,
    ) -> Self {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (told, ended) = (ToldActivity::default(), lifetime.ended());
        Self { loads, region, told, looks, ended, _slot: slot }
    }

    /// Whether the region needs an agent: now, whenever that has changed, and while it does.
    pub fn changes(self) -> impl Stream<Item = bool> + Send + use<> {
        unfold(self, |mut watch| async move {
            let is_active = watch.next().await?;
            Some((is_active, watch))
        })
    }

    /// What is to be told next; `None` at the end.
    async fn next(&mut self) -> Option<bool> {
        let Self { loads, region, told, looks, ended, .. } = self;
        loop {
            let look = async {
                looks.tick().await;
                loads.activity(region).await
            };
            let activity = tokio::select! {
                _ = &mut *ended => return None,
                activity = look => activity,
            };
            if let Ok(is_active) = activity
                && told.tell(is_active, Instant::now())
            {
                return Some(is_active);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_told_again_and_again_and_idleness_once() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut told = ToldActivity::default();
        assert!(told.tell(false, at(0)));
        assert!(!told.tell(false, at(60)));
        assert!(told.tell(true, at(61)));
        assert!(!told.tell(true, at(65)));
        assert!(told.tell(true, at(66)));
        assert!(!told.tell(true, at(70)));
        assert!(told.tell(false, at(70)));
        assert!(told.tell(true, at(71)));
    }
}
