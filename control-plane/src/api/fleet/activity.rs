//! `GetFleetActivity`: rates, and the endpoints whose circuit is not closed.
//!
//! Given what each replica saw in the last minute; gives operators the sum. A replica that did
//! not answer is named.

use postrider_domain::scheduler::OpenCircuit;
use postrider_proto::v1;

use crate::api::values::names;
use crate::api::values::time::timestamp;
use crate::state::context::ReplicaContext;
use crate::state::recent_activity::ReplicaActivity;

/// What goes on in the whole installation.
pub async fn read(context: &ReplicaContext) -> v1::FleetActivity {
    let (mut told, silent) = context.peers.activity().await;
    told.push(context.recent_activity.with_circuits(&context.dispatcher));
    let mut unreachable: Vec<String> =
        silent.iter().map(|replica| names::of_replica(&replica.0)).collect();
    unreachable.sort();
    v1::FleetActivity { unreachable, ..together(told) }
}

fn together(told: Vec<ReplicaActivity>) -> v1::FleetActivity {
    let mut activity = v1::FleetActivity::default();
    let mut circuits = Vec::new();
    for replica in told {
        activity.events_per_second += replica.rates.events;
        activity.attempts_per_second += replica.rates.attempts;
        activity.failures_per_second += replica.rates.failures;
        let open = i64::try_from(replica.open_circuit_count).unwrap_or(i64::MAX);
        activity.open_circuit_count = activity.open_circuit_count.saturating_add(open);
        circuits.extend(replica.open_circuits);
    }
    circuits.sort_by_key(|circuit| circuit.opened);
    activity.failing_endpoints = circuits.iter().map(failing_endpoint).collect();
    activity
}

fn failing_endpoint(circuit: &OpenCircuit) -> v1::FailingEndpoint {
    let state = match circuit.is_probing {
        true => v1::CircuitState::HalfOpen,
        false => v1::CircuitState::Open,
    };
    v1::FailingEndpoint {
        subscription: circuit.key.to_string(),
        region: names::of_region(&circuit.region),
        circuit_state: state.into(),
        circuit_open_time: Some(timestamp(circuit.opened)),
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::ids::SubscriptionKey;
    use postrider_domain::time::Timestamp;

    use super::*;
    use crate::state::recent_activity::ActivityRates;

    fn circuit(subscription: &str, opened: i64) -> OpenCircuit {
        let tenant = "acme".parse().unwrap();
        OpenCircuit {
            key: SubscriptionKey { tenant, subscription: subscription.parse().unwrap() },
            region: "eu".parse().unwrap(),
            is_probing: opened == 1,
            opened: Timestamp::from_micros(opened),
        }
    }

    #[test]
    fn what_replicas_tell_adds_up() {
        let rates = ActivityRates { events: 1.0, attempts: 2.0, failures: 0.5 };
        let one = ReplicaActivity {
            rates,
            open_circuit_count: 3,
            open_circuits: vec![circuit("late", 9)],
        };
        let two = ReplicaActivity { open_circuits: vec![circuit("early", 1)], ..one.clone() };
        let shown = together(vec![one, two]);
        assert_eq!((shown.events_per_second, shown.attempts_per_second), (2.0, 4.0));
        assert_eq!((shown.failures_per_second, shown.open_circuit_count), (1.0, 6));
        let endpoints = shown.failing_endpoints.iter();
        let endpoints: Vec<_> =
            endpoints.map(|failing| (&*failing.subscription, failing.circuit_state())).collect();
        assert_eq!(
            endpoints,
            [
                ("tenants/acme/subscriptions/early", v1::CircuitState::HalfOpen),
                ("tenants/acme/subscriptions/late", v1::CircuitState::Open),
            ]
        );
    }
}
