//! Metrics of the links to other replicas.
//!
//! Fed by the links at each reading; feeds the metrics port.
//!
//! Keeps the invariant `hints-arrive-or-are-reported`.

use postrider_telemetry::metrics::{KeyValue, MetricDescriptor, MetricRegistry, ObservedState};

use crate::state::peers::Peers;

static HINTS_SENT: MetricDescriptor = MetricDescriptor::counter(
    "postrider.hints.sent",
    "{hint}",
    "Hints that reached another replica",
);
static HINTS_LOST: MetricDescriptor = MetricDescriptor::counter(
    "postrider.hints.lost",
    "{hint}",
    "Hints that did not reach another replica, or waited too long",
);
static REACHABLE: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.replica.reachable",
    "{replica}",
    "Whether the last call to another replica arrived: 1 or 0",
)
.by(&["replica"]);

/// What the links say at one moment.
struct LinkReading {
    hints_sent: u64,
    hints_lost: u64,
    /// By the replica's name.
    reachable: Vec<([KeyValue; 1], bool)>,
}

/// Shows what the links say.
pub fn observe_peers(registry: &MetricRegistry, peers: Peers) {
    let state = ObservedState::new(move || {
        let links = peers.links();
        let (hints_sent, hints_lost) = links.hints();
        let label = |replica: &str| [KeyValue::new("replica", replica.to_owned())];
        let figures = links.figures().into_iter();
        let reachable = figures.map(|link| (label(&link.replica.0), link.reached)).collect();
        LinkReading { hints_sent, hints_lost, reachable }
    });
    registry.observe_counts(&HINTS_SENT, &state, |links, tell| tell(links.hints_sent, &[]));
    registry.observe_counts(&HINTS_LOST, &state, |links, tell| tell(links.hints_lost, &[]));
    registry.observe_counts(&REACHABLE, &state, |links, tell| {
        links.reachable.iter().for_each(|(replica, reached)| tell(u64::from(*reached), replica));
    });
}
