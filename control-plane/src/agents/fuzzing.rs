//! Entrances for fuzzing: what is made of what agents say, and what agents are told.
//!
//! Fed by `tests/fuzz` with messages; feeds it what came of them. Guarantees that the code
//! is that of every work stream.

use bytes::Bytes;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{AgentId, Region};
use postrider_domain::scheduler::StreamId;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_proto::agent::v1 as wire;
use tonic::Status;

use super::assignment_proof::AssignmentProver;
use super::attempt_report::to_attempt_report;
use super::convert;
use crate::flow::conclude::AttemptReport;
use crate::settings::AgentsSettings;
use crate::state::dispatcher::streams::ConnectedAgent;

/// What Hello says of an agent, or why it is refused.
pub fn read_hello(
    hello: &wire::Hello,
    settings: &AgentsSettings,
    now: Timestamp,
) -> Result<ConnectedAgent, Status> {
    convert::agent_state(hello, settings, now)
}

/// What a result says of a delivery's current attempt; `None` if it does not say how that
/// ended.
pub fn read_result(
    result: wire::AttemptResult,
    delivery: &Delivery,
    agent: &ConnectedAgent,
    now: Timestamp,
) -> Option<AttemptReport> {
    let key = delivery.current_attempt();
    to_attempt_report(result, key, delivery, (agent, StreamId(1)), now)
}

/// Whether a key counts as that of an attempt which was assigned to this agent, by the key
/// of an installation that the agent does not know.
pub fn is_proven(key: &wire::AttemptKey, secret: [u8; 32]) -> bool {
    let region = Region::from_stored("eu");
    let agent = AgentId::in_region(&region, "agent-1");
    let prover = AssignmentProver::new(&AssignmentKey::new(secret), &agent, &region);
    prover.is_ok_and(|prover| prover.check(key).is_some())
}

/// The settings and the assignment that an agent would be sent.
pub fn sent_to_agent(
    subscription: &Subscription,
    delivery: &Delivery,
    event: &Event,
    now: Timestamp,
) -> (wire::SubscriptionUpdate, wire::Assignment) {
    let settings = convert::to_subscription_update(subscription, now);
    let assignment = convert::to_assignment(delivery, event, subscription.revision, Bytes::new());
    (settings, assignment)
}
