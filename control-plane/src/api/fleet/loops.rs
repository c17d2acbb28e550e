//! `ListBackgroundLoops`: what the loops of replicas came to.
//!
//! Given what the replicas remember of their loops; gives operators a list by name. A replica
//! that did not answer is named.

use std::collections::HashMap;

use postrider_domain::ids::ReplicaId;
use postrider_proto::v1;
use tonic::Status;

use crate::api::lists::listing::ListCall;
use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::values::names;
use crate::api::values::time::{duration, timestamp};
use crate::progress::{LoopOutcome, LoopRound};
use crate::state::context::ReplicaContext;

/// The loops of the replicas that are asked for.
pub async fn list(
    context: &ReplicaContext,
    request: &v1::ListBackgroundLoopsRequest,
) -> Result<v1::ListBackgroundLoopsResponse, Status> {
    let ReplicaContext { settings, assignment_key, replica, .. } = context;
    let (size, token) = (request.page_size, &request.page_token);
    let mut call =
        ListCall::begin("ListBackgroundLoops", size, token, &settings.api, assignment_key);
    let parent = call.select("parent", &request.parent, names::replica_choice);
    let (parent, page) = call.finish(parent)?;
    let mut peers = context.cluster.live_peers();
    peers.retain(|(peer, _)| parent.includes(peer));
    if peers.is_empty() && !parent.includes(replica) {
        return Err(errors::not_found(ResourceKind::Replica, &request.parent));
    }
    let (mut outcomes, silent) = context.peers.loop_outcomes(peers).await;
    if parent.includes(replica) {
        outcomes.push((replica.clone(), context.loops.outcomes()));
    }
    let loops = outcomes.into_iter().flat_map(|(replica, outcomes)| {
        outcomes.into_iter().map(move |outcome| background_loop(&replica, outcome))
    });
    let page = page.of_memory(loops.collect(), |background_loop| &background_loop.name)?;
    let mut unreachable: Vec<String> =
        silent.iter().map(|replica| names::of_replica(&replica.0)).collect();
    unreachable.sort();
    Ok(v1::ListBackgroundLoopsResponse {
        background_loops: page.items,
        next_page_token: page.next_page_token,
        unreachable,
    })
}

fn background_loop(replica: &ReplicaId, outcome: LoopOutcome) -> v1::BackgroundLoop {
    v1::BackgroundLoop {
        name: format!("{}/backgroundLoops/{}", names::of_replica(&replica.0), outcome.name),
        round_count: whole(outcome.round_count),
        failure_count: whole(outcome.failures),
        running_since_time: outcome.running_since.map(timestamp),
        next_round_time: outcome.next.map(timestamp),
        last_round: outcome.last.map(round),
        last_busy_round: outcome.last_busy.map(round),
        last_failed_round: outcome.last_failed.map(round),
    }
}

fn round(round: LoopRound) -> v1::BackgroundRound {
    let counts = round.counts.iter().map(|(what, count)| (what.to_owned(), whole(count)));
    v1::BackgroundRound {
        start_time: Some(timestamp(round.begun)),
        duration: Some(duration(round.took)),
        counts: counts.collect::<HashMap<_, _>>(),
        failure: round.failure.unwrap_or_default().into_owned(),
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use postrider_domain::time::Timestamp;

    use super::*;
    use crate::progress::RoundCounts;

    #[test]
    fn a_loop_is_shown_with_what_it_did_and_what_failed() {
        let mut counts = RoundCounts::default();
        counts.add("shards_acquired", 32);
        let begun = Timestamp::from_micros(1_700_000_000_000_000);
        let took = Duration::from_millis(1500);
        let busy = LoopRound { begun, took, counts, failure: None };
        let failure = Some("the database is unavailable".into());
        let failed = LoopRound { counts: RoundCounts::default(), failure, ..busy.clone() };
        let shown = background_loop(
            &ReplicaId("replica-1".into()),
            LoopOutcome {
                name: "leases".into(),
                round_count: 9,
                running_since: None,
                last: Some(failed.clone()),
                last_busy: Some(busy),
                last_failed: Some(failed),
                failures: 2,
                next: Some(begun),
            },
        );
        assert_eq!(shown.name, "replicas/replica-1/backgroundLoops/leases");
        assert_eq!((shown.round_count, shown.failure_count), (9, 2));
        let busy = shown.last_busy_round.unwrap();
        assert_eq!(busy.counts["shards_acquired"], 32);
        assert_eq!(busy.duration.unwrap().nanos, 500_000_000);
        assert_eq!(busy.failure, "");
        assert_eq!(shown.last_round.unwrap().failure, "the database is unavailable");
        assert_eq!(shown.next_round_time, Some(timestamp(begun)));
    }
}
