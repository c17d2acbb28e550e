//! Turns messages between replicas into values of the domain, and back.

use anyhow::Context as _;
use bytes::Bytes;
use postrider_domain::ids::{Region, ReplicaId, TenantId};
use postrider_domain::scheduler::RegionFigures;
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
