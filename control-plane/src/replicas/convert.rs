//! Converts between the replicas' messages and the domain's types.

use anyhow::Context as _;
use postrider_domain::ids::Region;
use postrider_domain::scheduler::RegionFigures;
use postrider_domain::time::Timestamp;
use postrider_proto::replica::v1 as wire;

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
