//! What the installation has of each region, as all replicas together know it.
//!
//! Fed by this replica's scheduler and by calls to the others, each with a time limit; feeds
//! the methods and the streams. Guarantees that others are asked a few times a second at
//! most, however many ask here, that nobody waits for others to hear what this replica knows
//! by itself, and that what is not known is not taken for nothing: while something is missing,
//! what all said last holds for some seconds, and then there is no answer.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{Region, ReplicaId};
use postrider_domain::scheduler::{RegionDemand, ReplicaDemand};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::peers::Peers;

/// How old an answer may be that others get too. With the pause between two samples and that
/// between two looks of a stream, a region wakes up within a second.
const MAX_GATHER_AGE: Duration = Duration::from_millis(200);
/// So long after something began to be missing, what all replicas said last holds. A replica
/// that stops or dies is replaced within it, mostly; after it, an error is better than a number
/// that an autoscaler would act upon.
const MAX_BRIDGED_GAP: Duration = Duration::from_secs(15);
/// What all said longer ago holds no more: an autoscaler's longest pause by default, 30 s, and a
/// gap.
const MAX_COMPLETE_AGE: Duration = Duration::from_secs(45);

/// Why there may be more than is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadGap {
    /// A replica that is alive does not answer.
    SilentReplica(ReplicaId),
    /// A shard has lost its owner, and has no other one yet.
    UnownedShard,
    /// A shard has a new owner, who does not know yet what waits in it.
    SettlingShard,
    /// This replica does not know who is alive.
    UnknownReplicas,
}

/// What one region has.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionLoad {
    /// How many attempts it wants to have in flight, averaged over some seconds.
    pub demand: f64,
    is_active: bool,
    pub gap: Option<LoadGap>,
}

impl RegionLoad {
    /// Whether the region needs an agent, or why that is not known.
    pub fn activity(self) -> Result<bool, LoadGap> {
        match (self.is_active, self.gap) {
            (true, _) => Ok(true),
            (false, None) => Ok(false),
            (false, Some(gap)) => Err(gap),
        }
    }
}

/// What the replicas said.
#[derive(Debug)]
struct GatheredDemand {
    taken: Instant,
    regions: Vec<RegionDemand>,
    gap: Option<LoadGap>,
}

impl GatheredDemand {
    fn load(&self, region: &Region, now: Instant) -> RegionLoad {
        let of_region = || self.regions.iter().filter(|told| told.region == *region);
        let age = now.duration_since(self.taken);
        RegionLoad {
            demand: of_region().fold(0.0, |sum, told| sum + told.demand),
            is_active: of_region().any(|told| told.is_active(age)),
            gap: self.gap.clone(),
        }
    }
}

/// What the replicas said last, and what they said when all did.
#[derive(Clone, Debug)]
struct LatestDemand {
    latest: Arc<GatheredDemand>,
    complete: Option<Arc<GatheredDemand>>,
    /// When it was seen first that something is missing, while it is.
    gap_since: Option<Instant>,
}

impl LatestDemand {
    fn new(gathered: GatheredDemand, before: Option<Self>) -> Self {
        let latest = Arc::new(gathered);
        if latest.gap.is_none() {
            let complete = Some(Arc::clone(&latest));
            return Self { latest, complete, gap_since: None };
        }
        let (complete, gap_since) =
            before.map_or((None, None), |before| (before.complete, before.gap_since));
        let gap_since = Some(gap_since.unwrap_or(latest.taken));
        Self { latest, complete, gap_since }
    }

    fn load(&self, region: &Region, now: Instant) -> RegionLoad {
        let latest = self.latest.load(region, now);
        let Some(complete) = self.bridge(now) else { return latest };
        let complete = complete.load(region, now);
        RegionLoad {
            demand: latest.demand.max(complete.demand),
            is_active: latest.is_active || complete.is_active,
            gap: None,
        }
    }

    /// What stands for what is missing now.
    fn bridge(&self, now: Instant) -> Option<&GatheredDemand> {
        let complete = self.complete.as_deref()?;
        let is_short = now.duration_since(self.gap_since?) < MAX_BRIDGED_GAP;
        let is_recent = now.duration_since(complete.taken) < MAX_COMPLETE_AGE;
        (is_short && is_recent).then_some(complete)
    }
}

struct RegionLoadsShared {
    dispatcher: Dispatcher,
    peers: Peers,
    cluster: ClusterState,
    lost_after: Duration,
    /// Held while others are asked, so that they are asked once for all who wait.
    latest: Mutex<Option<LatestDemand>>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct RegionLoads(Arc<RegionLoadsShared>);

impl RegionLoads {
    pub fn new(context: &ReplicaContext) -> Self {
        Self(Arc::new(RegionLoadsShared {
            dispatcher: context.dispatcher.clone(),
            peers: context.peers.clone(),
            cluster: context.cluster.clone(),
            lost_after: context.settings.ownership.lost_after(),
            latest: Mutex::new(None),
        }))
    }

    /// What a region has now, or had a moment ago.
    pub async fn of(&self, region: &Region) -> RegionLoad {
        self.gather().await.load(region, Instant::now())
    }

    /// Whether a region needs an agent, or why that is not known. Others are asked only if
    /// this replica alone cannot say yes.
    pub async fn activity(&self, region: &Region) -> Result<bool, LoadGap> {
        if self.0.dispatcher.is_active(region) {
            return Ok(true);
        }
        self.of(region).await.activity()
    }

    async fn gather(&self) -> LatestDemand {
        let mut latest = self.0.latest.lock().await;
        if let Some(known) = latest.as_ref()
            && known.latest.taken.elapsed() < MAX_GATHER_AGE
        {
            return known.clone();
        }
        let (mut told, silent) = self.0.peers.region_demand().await;
        told.push(self.0.dispatcher.demand());
        let gap = find_gap(&self.0.cluster, self.0.lost_after, silent, &told);
        let regions = told.into_iter().flat_map(|told| told.regions).collect();
        let gathered = GatheredDemand { taken: Instant::now(), regions, gap };
        let known = LatestDemand::new(gathered, latest.take());
        *latest = Some(known.clone());
        known
    }
}

/// Why what was told may be too little, after these replicas did not answer.
fn find_gap(
    cluster: &ClusterState,
    lost_after: Duration,
    silent: Vec<ReplicaId>,
    told: &[ReplicaDemand],
) -> Option<LoadGap> {
    if cluster.since_heartbeat() >= lost_after {
        return Some(LoadGap::UnknownReplicas);
    }
    if let Some(replica) = silent.into_iter().next() {
        return Some(LoadGap::SilentReplica(replica));
    }
    if cluster.has_unowned_shard() {
        return Some(LoadGap::UnownedShard);
    }
    told.iter().any(|told| told.is_settling).then_some(LoadGap::SettlingShard)
}

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;

    use super::*;

    fn told(region: &str, wanted: u64, sent_ago: Option<u64>) -> RegionDemand {
        RegionDemand {
            region: region.parse().unwrap(),
            wanted,
            demand: wanted as f64 + 0.5,
            since_sent: sent_ago.map(Duration::from_secs),
        }
    }

    fn eu() -> Region {
        "eu".parse().unwrap()
    }

    fn gathered(regions: &[RegionDemand], gap: Option<LoadGap>, taken: Instant) -> GatheredDemand {
        GatheredDemand { taken, regions: regions.to_vec(), gap }
    }

    fn load(regions: &[RegionDemand], gap: Option<LoadGap>) -> RegionLoad {
        let now = Instant::now();
        LatestDemand::new(gathered(regions, gap, now), None).load(&eu(), now)
    }

    fn silent() -> Option<LoadGap> {
        Some(LoadGap::SilentReplica(ReplicaId("other".into())))
    }

    #[test]
    fn a_region_has_what_all_replicas_have_of_it() {
        let all = [told("eu", 3, None), told("us", 50, None), told("eu", 4, None)];
        let load = load(&all, None);
        assert_eq!((load.demand, load.activity()), (8.0, Ok(true)));
    }

    #[test]
    fn what_nobody_knows_of_is_idle_only_if_everybody_says_so() {
        let others = [LoadGap::UnownedShard, LoadGap::SettlingShard, LoadGap::UnknownReplicas];
        for gap in others.into_iter().chain(silent()) {
            let idle = load(&[told("eu", 0, None)], Some(gap.clone()));
            assert_eq!(idle.activity(), Err(gap.clone()));
            assert_eq!(load(&[told("eu", 1, None)], Some(gap)).activity(), Ok(true));
        }
        assert_eq!(load(&[told("eu", 0, Some(61))], None).activity(), Ok(false));
        assert_eq!(load(&[told("eu", 0, Some(59))], None).activity(), Ok(true));
        assert_eq!(load(&[], None).activity(), Ok(false));
    }

    #[test]
    fn what_is_missing_is_found() {
        let lost_after = Duration::from_secs(5);
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let cluster = ClusterState::new(ReplicaId("a".into()), 1, lost_after, now);
        let told = [false, false, true]
            .map(|is_settling| ReplicaDemand { regions: Vec::new(), is_settling });
        let find = |silent: Vec<ReplicaId>, told: &[ReplicaDemand]| {
            find_gap(&cluster, lost_after, silent, told)
        };
        assert_eq!(find(Vec::new(), &told[..2]), None);
        assert_eq!(find(Vec::new(), &told), Some(LoadGap::SettlingShard));
        assert_eq!(find(vec![ReplicaId("other".into())], &told), silent());
        let unheard = find_gap(&cluster, Duration::ZERO, Vec::new(), &told);
        assert_eq!(unheard, Some(LoadGap::UnknownReplicas));
    }

    #[test]
    fn a_short_gap_is_bridged_by_what_all_said_last() {
        let begun = Instant::now();
        let all = [told("eu", 3, None), told("eu", 4, None)];
        let before = LatestDemand::new(gathered(&all, None, begun), None);
        let after = |seconds: u64, regions: &[RegionDemand], before: &LatestDemand| {
            let now = begun + Duration::from_secs(seconds);
            let known = LatestDemand::new(gathered(regions, silent(), now), Some(before.clone()));
            (known.load(&eu(), now), known)
        };
        let (load, known) = after(20, &all[..1], &before);
        assert_eq!((load.demand, load.gap), (8.0, None));
        let (load, known) = after(34, &all[..1], &known);
        assert_eq!((load.demand, load.gap), (8.0, None), "however often it was asked");
        let grown = [told("eu", 30, None)];
        assert_eq!(after(34, &grown, &known).0.demand, 30.5, "no less than what is known");
        let (load, known) = after(35, &all[..1], &known);
        assert_eq!((load.demand, load.gap.clone()), (3.5, silent()));
        assert_eq!(load.activity(), Ok(true));
        let idle = [told("eu", 0, None)];
        assert_eq!(after(36, &idle, &known).0.activity(), Err(silent().unwrap()));
        assert_eq!(after(20, &idle, &before).0.activity(), Ok(true), "somebody else has work");
        assert_eq!(after(44, &all[..1], &before).0.gap, None);
        assert_eq!(after(45, &all[..1], &before).0.gap, silent(), "it was too long ago");
        let now = begun + Duration::from_secs(40);
        let healed = LatestDemand::new(gathered(&all[..1], None, now), Some(known));
        let (load, _) = after(41, &idle, &healed);
        assert_eq!((load.demand, load.gap), (3.5, None), "the next gap is another one");
    }
}
