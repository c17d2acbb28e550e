//! Turns messages between replicas into values of the domain, and back.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use postrider_domain::ids::{Region, ReplicaId, TenantId};
use postrider_domain::scheduler::{RegionDemand, RegionFigures, ReplicaDemand};
use postrider_domain::time::Timestamp;
use postrider_proto::replica::v1 as wire;

use crate::state::peers::calls::PeerHint;

pub fn to_wire(figures: RegionFigures) -> wire::RegionFigures {
    wire::RegionFigures {
        region: figures.region.to_string(),
        credit: figures.credit,
        in_flight: figures.in_flight,
        queued: figures.queued,
        subscriptions_behind: figures.subscriptions_behind,
        oldest_due_us: figures.oldest_due.map(Timestamp::as_micros),
        wanted: figures.wanted,
    }
}

pub fn from_wire(figures: wire::RegionFigures) -> anyhow::Result<RegionFigures> {
    Ok(RegionFigures {
        region: figures.region.parse::<Region>().context("the name of a region")?,
        credit: figures.credit,
        in_flight: figures.in_flight,
        queued: figures.queued,
        subscriptions_behind: figures.subscriptions_behind,
        oldest_due: figures.oldest_due_us.map(Timestamp::from_micros),
        wanted: figures.wanted,
    })
}

pub fn demand_to_wire(demand: ReplicaDemand) -> wire::ListRegionDemandResponse {
    let to_micros = |since: Duration| u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    let regions = demand.regions.into_iter().map(|told| wire::RegionDemand {
        region: told.region.to_string(),
        wanted: told.wanted,
        demand: told.demand,
        since_sent_us: told.since_sent.map(to_micros),
    });
    wire::ListRegionDemandResponse { regions: regions.collect(), settling: demand.is_settling }
}

pub fn demand_from_wire(told: wire::ListRegionDemandResponse) -> anyhow::Result<ReplicaDemand> {
    let regions = told.regions.into_iter().map(region_demand_from_wire);
    let regions = regions.collect::<anyhow::Result<Vec<RegionDemand>>>()?;
    Ok(ReplicaDemand { regions, is_settling: told.settling })
}

fn region_demand_from_wire(told: wire::RegionDemand) -> anyhow::Result<RegionDemand> {
    let demand = told.demand;
    ensure!(demand >= 0.0 && demand.is_finite(), "a demand of {demand}");
    Ok(RegionDemand {
        region: told.region.parse::<Region>().context("the name of a region")?,
        wanted: told.wanted,
        demand,
        since_sent: told.since_sent_us.map(Duration::from_micros),
    })
}

pub fn hint_request(hints: Vec<PeerHint>) -> wire::HintRequest {
    let mut request = wire::HintRequest::default();
    for hint in hints {
        match hint {
            PeerHint::Waiting(key) => request.waiting.push(wire::WaitingHint {
                tenant: key.tenant.to_string(),
                subscription: key.subscription.to_string(),
            }),
            PeerHint::Concluded(key) => request.concluded.push(wire::ConcludedHint {
                delivery_id: Bytes::copy_from_slice(key.delivery.0.as_bytes()),
                number: key.number,
            }),
        }
    }
    request
}

pub fn refresh_tenant_request(
    tenant: &TenantId,
    config_version: i64,
) -> wire::RefreshTenantRequest {
    wire::RefreshTenantRequest { tenant: tenant.to_string(), config_version }
}

pub fn check_request(replica: &ReplicaId, advertised: &str) -> wire::CheckReplicaRequest {
    wire::CheckReplicaRequest { replica_id: replica.0.to_string(), address: advertised.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_back() {
        let told = wire::RegionFigures {
            region: "eu".to_owned(),
            credit: 5,
            in_flight: 3,
            queued: 4,
            subscriptions_behind: 6,
            oldest_due_us: Some(7),
            wanted: 9,
        };
        assert_eq!(to_wire(from_wire(told.clone()).unwrap()), told);
    }

    fn told(demand: f64) -> wire::ListRegionDemandResponse {
        let region = "eu".to_owned();
        let told = wire::RegionDemand { region, wanted: 9, demand, since_sent_us: Some(8) };
        wire::ListRegionDemandResponse { regions: vec![told], settling: true }
    }

    #[test]
    fn demand_is_read_back_with_an_age_that_needs_no_common_clock() {
        let read = demand_from_wire(told(9.5)).unwrap();
        assert_eq!(read.regions[0].since_sent, Some(Duration::from_micros(8)));
        assert_eq!(demand_to_wire(read), told(9.5));
    }

    #[test]
    fn a_demand_that_is_no_number_is_refused() {
        for demand in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(demand_from_wire(told(demand)).is_err(), "{demand}");
        }
    }
}
