//! Turns messages between replicas into values of the domain, and back.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use postrider_domain::ids::{Region, ReplicaId, SubscriptionKey, TenantId};
use postrider_domain::scheduler::{
    MAX_TOLD_CIRCUITS, OpenCircuit, RegionDemand, RegionFigures, ReplicaDemand,
};
use postrider_domain::time::Timestamp;
use postrider_proto::replica::v1 as wire;

use crate::state::peers::calls::PeerHint;
use crate::state::recent_activity::{ActivityRates, ReplicaActivity};

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

pub fn activity_to_wire(activity: ReplicaActivity) -> wire::GetActivityResponse {
    let circuits = activity.open_circuits.into_iter().map(|circuit| wire::OpenCircuit {
        tenant: circuit.key.tenant.to_string(),
        subscription: circuit.key.subscription.to_string(),
        region: circuit.region.to_string(),
        probing: circuit.is_probing,
        opened_us: circuit.opened.as_micros(),
    });
    wire::GetActivityResponse {
        events_per_second: activity.rates.events,
        attempts_per_second: activity.rates.attempts,
        failures_per_second: activity.rates.failures,
        open_circuit_count: activity.open_circuit_count,
        open_circuits: circuits.collect(),
    }
}

pub fn activity_from_wire(told: wire::GetActivityResponse) -> anyhow::Result<ReplicaActivity> {
    let (events, attempts) = (told.events_per_second, told.attempts_per_second);
    let rates = ActivityRates { events, attempts, failures: told.failures_per_second };
    let is_rate = |rate: f64| rate >= 0.0 && rate.is_finite();
    ensure!(
        is_rate(rates.events) && is_rate(rates.attempts) && is_rate(rates.failures),
        "rates of {rates:?}"
    );
    let circuits = told.open_circuits.into_iter().take(MAX_TOLD_CIRCUITS).map(circuit_from_wire);
    Ok(ReplicaActivity {
        rates,
        open_circuit_count: told.open_circuit_count,
        open_circuits: circuits.collect::<anyhow::Result<Vec<OpenCircuit>>>()?,
    })
}

fn circuit_from_wire(told: wire::OpenCircuit) -> anyhow::Result<OpenCircuit> {
    let tenant = told.tenant.parse::<TenantId>().context("a tenant's id")?;
    let subscription = told.subscription.parse().context("a subscription's id")?;
    Ok(OpenCircuit {
        key: SubscriptionKey { tenant, subscription },
        region: told.region.parse::<Region>().context("the name of a region")?,
        is_probing: told.probing,
        opened: Timestamp::from_micros(told.opened_us),
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
    fn activity_is_read_back_and_must_be_of_numbers() {
        let circuit = wire::OpenCircuit {
            tenant: "acme".to_owned(),
            subscription: "erp".to_owned(),
            region: "eu".to_owned(),
            probing: true,
            opened_us: 5,
        };
        let told = wire::GetActivityResponse {
            events_per_second: 1.5,
            attempts_per_second: 2.5,
            failures_per_second: 0.5,
            open_circuit_count: 7,
            open_circuits: vec![circuit.clone()],
        };
        assert_eq!(activity_to_wire(activity_from_wire(told.clone()).unwrap()), told);
        let many = vec![circuit.clone(); MAX_TOLD_CIRCUITS + 1];
        let many = wire::GetActivityResponse { open_circuits: many, ..told.clone() };
        assert_eq!(activity_from_wire(many).unwrap().open_circuits.len(), MAX_TOLD_CIRCUITS);
        let odd = wire::OpenCircuit { tenant: "../x".to_owned(), ..circuit };
        let odd = wire::GetActivityResponse { open_circuits: vec![odd], ..told.clone() };
        assert!(activity_from_wire(odd).is_err());
        for rate in [f64::NAN, f64::INFINITY, -1.0] {
            let odd = wire::GetActivityResponse { failures_per_second: rate, ..told.clone() };
            assert!(activity_from_wire(odd).is_err(), "{rate}");
        }
    }

    #[test]
    fn a_demand_that_is_no_number_is_refused() {
        for demand in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(demand_from_wire(told(demand)).is_err(), "{demand}");
        }
    }
}
