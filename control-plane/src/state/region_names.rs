//! Which regions subscriptions may name.
//!
//! Fed by changes of subscriptions; feeds them yes, or the setting that refuses. Guarantees
//! that callers make up no regions without end: of those that no agent serves and no setting
//! names a tenant has so many, and all tenants together. A region that is in use already is
//! never refused, so that nothing which works stops when its agents are away.
//!
//! Each replica counts by itself, so that a few more may come at one moment at several.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{Region, TenantId};
use postrider_domain::subscription::DEFAULT_REGION;
use postrider_store::{Store, StoreResult};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::cluster::ClusterState;
use super::dispatcher::Dispatcher;
use super::tenants::TenantConfigs;
use crate::metrics::LimitMetrics;
use crate::settings::Settings;

/// What the table names is read again after so long, if it is asked for: that looks through
/// all subscriptions. A region that is free again can be named after as long.
const REREAD_AFTER: Duration = Duration::from_secs(10);

/// Why a region is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionRefusal {
    /// The tenant names as many as it may.
    OfTenant,
    /// All tenants together name as many as they may.
    OfAll,
}

impl RegionRefusal {
    /// The setting that refuses.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::OfTenant => "api.max_unserved_regions_per_tenant",
            Self::OfAll => "api.max_unserved_regions",
        }
    }
}

/// What subscriptions name, as far as it was read or admitted since.
#[derive(Default)]
struct NamedRegions {
    read_at: Option<Instant>,
    names: BTreeSet<Region>,
    /// Admitted lately: their subscriptions may not be in the table yet.
    admitted: Vec<(Instant, TenantId, Region)>,
}

impl NamedRegions {
    fn admitted_of(&self, tenant: &TenantId) -> impl Iterator<Item = &Region> {
        let of_tenant = self.admitted.iter().filter(move |(_, of, _)| of == tenant);
        of_tenant.map(|(_, _, region)| region)
    }
}

struct RegionNamesShared {
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    tenants: TenantConfigs,
    cluster: ClusterState,
    dispatcher: Dispatcher,
    metrics: LimitMetrics,
    /// Held while the table is read, so that one asks for all.
    named: Mutex<NamedRegions>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct RegionNames(Arc<RegionNamesShared>);

impl RegionNames {
    pub fn new(
        store: &Arc<dyn Store>,
        settings: &Arc<Settings>,
        tenants: TenantConfigs,
        (cluster, dispatcher): (ClusterState, Dispatcher),
        metrics: LimitMetrics,
    ) -> Self {
        let (store, settings) = (Arc::clone(store), Arc::clone(settings));
        let named = Mutex::default();
        Self(Arc::new(RegionNamesShared {
            store,
            settings,
            tenants,
            cluster,
            dispatcher,
            metrics,
            named,
        }))
    }

    /// Whether an agent serves the region.
    pub fn is_served(&self, region: &Region) -> bool {
        self.0.cluster.view().agents.iter().any(|agent| agent.region == *region)
            || self.0.dispatcher.read(|scheduler, _| scheduler.region_has_agent(region))
    }

    /// Whether it needs no place: an agent serves it, or it was not a caller who made it up.
    fn is_free(&self, region: &Region) -> bool {
        region.as_str() == DEFAULT_REGION
            || self.0.settings.agents.regions.contains(region)
            || self.is_served(region)
    }

    /// Why a tenant's subscription may not be put into a region, if it may not.
    pub async fn refusal(
        &self,
        tenant: &TenantId,
        region: &Region,
    ) -> StoreResult<Option<RegionRefusal>> {
        if self.is_free(region) {
            return Ok(None);
        }
        // Of a tenant that is not there the change itself says so.
        let Some(snapshot) = self.0.tenants.snapshot(tenant).await? else { return Ok(None) };
        let own = || snapshot.subscriptions().map(|subscription| &subscription.settings.region);
        if own().any(|own| own == region) {
            return Ok(None);
        }
        let mut named = self.0.named.lock().await;
        named.admitted.retain(|(at, _, _)| at.elapsed() < REREAD_AFTER);
        let own: BTreeSet<&Region> = own().chain(named.admitted_of(tenant)).collect();
        if own.contains(region) {
            return Ok(None);
        }
        let settings = &self.0.settings.api;
        if self.count_unserved(own) >= settings.max_unserved_regions_per_tenant {
            return Ok(Some(self.refused(RegionRefusal::OfTenant)));
        }
        if named.read_at.is_none_or(|at| at.elapsed() >= REREAD_AFTER) {
            self.read_names(&mut named).await?;
        }
        // Where there are too many already, not all of them were read.
        if !named.names.contains(region)
            && self.count_unserved(&named.names) >= settings.max_unserved_regions
            && !self.0.store.region_is_subscribed(region).await?
        {
            return Ok(Some(self.refused(RegionRefusal::OfAll)));
        }
        named.names.insert(region.clone());
        named.admitted.push((Instant::now(), tenant.clone(), region.clone()));
        drop(named);
        Ok(None)
    }

    fn count_unserved<'r>(&self, regions: impl IntoIterator<Item = &'r Region>) -> usize {
        regions.into_iter().filter(|region| !self.is_free(region)).count()
    }

    /// Reads as many names as tell whether there are too many.
    async fn read_names(&self, named: &mut NamedRegions) -> StoreResult<()> {
        let Settings { api, agents, .. } = &*self.0.settings;
        let served = self.0.cluster.view().agents.len();
        // One is the default.
        let most = api.max_unserved_regions + agents.regions.len() + served + 1;
        let limit = u32::try_from(most).unwrap_or(u32::MAX);
        let names = self.0.store.list_subscribed_regions(limit).await?;
        named.names = names.into_iter().collect();
        let NamedRegions { names, admitted, .. } = named;
        names.extend(admitted.iter().map(|(_, _, region)| region.clone()));
        named.read_at = Some(Instant::now());
        Ok(())
    }

    fn refused(&self, refusal: RegionRefusal) -> RegionRefusal {
        self.0.metrics.reached(refusal.setting());
        refusal
    }
}
