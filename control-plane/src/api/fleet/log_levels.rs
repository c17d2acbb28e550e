//! `SetLogLevels`: what replicas log, for a while.
//!
//! Given an operator's wish; changes the log of this replica, and has the others change
//! theirs. Guarantees a record of each log that is changed, written before, and that nobody
//! silences the lines by which a tail cut from the records of changes is found
//! (audit-records-chained).

use std::time::Duration;

use futures::future::join_all;
use postrider_identity::AuditFields;
use postrider_proto::v1;
use postrider_proto::v1::fleet_service_client::FleetServiceClient;
use postrider_telemetry::{LogFilter, process_log_levels};
use tonic::metadata::MetadataMap;
use tonic::{Response, Status};

use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::{forwarding, spans};
use crate::api::values::names::{self, ReplicaChoice};
use crate::api::values::time::{span, timestamp};
use crate::state::context::ReplicaContext;
use crate::state::peers::calls::CALL_TIMEOUT;

/// Longest filter. A dozen modules fit.
const MAX_FILTER_BYTES: usize = 1024;
/// For how long levels are set if nobody says so: a look at what is wrong.
const DEFAULT_TTL: Duration = Duration::from_secs(15 * 60);
/// For how long they can be set. What is to last longer belongs into the settings.
const MAX_TTL: Duration = Duration::from_secs(24 * 3600);
/// Whose lines are logged whatever else is, and as what. Fields in a filter could name them
/// more closely than this does, so that no filter may name them at all.
const KEPT_MODULE: &str = "postrider::flow::audit_upkeep";
const KEPT_DIRECTIVE: &str = "postrider::flow::audit_upkeep=info";

/// What is wished, once it is read.
#[derive(Debug)]
struct LevelChange {
    replicas: ReplicaChoice,
    /// None: what the settings say.
    levels: Option<(LogFilter, Duration)>,
}

/// Sets the levels of the replicas that are named.
pub async fn set(
    context: &ReplicaContext,
    metadata: &MetadataMap,
    request: v1::SetLogLevelsRequest,
    caller: &Caller,
) -> Result<v1::SetLogLevelsResponse, Status> {
    let change = read(&request)?;
    let is_here = change.replicas.includes(&context.replica);
    let mut peers = context.cluster.live_peers();
    peers.retain(|(peer, _)| change.replicas.includes(peer));
    if forwarding::is_forwarded(metadata) {
        // Who forwards it tells each replica itself.
        peers.clear();
    }
    if !is_here && peers.is_empty() {
        return Err(errors::not_found(ResourceKind::Replica, &request.name));
    }
    let mut answer = v1::SetLogLevelsResponse::default();
    if is_here {
        answer.log_levels.push(set_here(context, &change, caller).await?);
    }
    let calls = peers.into_iter().map(|(peer, address)| {
        let request =
            v1::SetLogLevelsRequest { name: names::of_replica(&peer.0), ..request.clone() };
        async move { (peer, forward(context, metadata, &address, request, caller).await) }
    });
    for (peer, told) in join_all(calls).await {
        match told {
            Ok(told) => answer.log_levels.extend(told.log_levels),
            Err(error) if change.replicas == ReplicaChoice::Only(peer.clone()) => {
                return Err(error);
            }
            Err(_) => answer.unreachable.push(names::of_replica(&peer.0)),
        }
    }
    answer.log_levels.sort_by(|a, b| a.replica.cmp(&b.replica));
    answer.unreachable.sort();
    Ok(answer)
}

fn read(request: &v1::SetLogLevelsRequest) -> Result<LevelChange, Status> {
    let mut violations = FieldViolations::default();
    let replicas = violations.keep("name", names::replica_choice(&request.name));
    let ttl = request.ttl.as_ref().map_or(Ok(DEFAULT_TTL), |ttl| {
        let ttl = span(ttl)?;
        let is_fine = (Duration::from_secs(1)..=MAX_TTL).contains(&ttl);
        is_fine.then_some(ttl).ok_or_else(|| "must be from 1 s to 24 h".to_owned())
    });
    let ttl = violations.keep("ttl", ttl);
    let levels = if request.filter.is_empty() {
        if request.ttl.is_some() {
            violations.add("ttl", "must be absent without a filter");
        }
        Some(None)
    } else {
        violations.keep("filter", read_filter(&request.filter)).zip(ttl).map(Some)
    };
    let read = replicas.zip(levels).map(|(replicas, levels)| LevelChange { replicas, levels });
    violations.finish(read)
}

fn read_filter(text: &str) -> Result<LogFilter, String> {
    if text.len() > MAX_FILTER_BYTES {
        return Err(format!("must have at most {MAX_FILTER_BYTES} bytes"));
    }
    if text.contains(KEPT_MODULE) {
        return Err(format!("must not name {KEPT_MODULE}, whose lines are always logged"));
    }
    LogFilter::parse_sent(text).map_err(|error| error.to_string())?;
    let kept = format!("{text},{KEPT_DIRECTIVE}");
    LogFilter::parse_sent(&kept).map_err(|error| error.to_string())
}

/// What the record of a change shows.
fn audited_fields(change: &LevelChange) -> AuditFields {
    let mut fields = AuditFields::none();
    if let Some((filter, ttl)) = &change.levels {
        fields.text("filter", &filter.to_string());
        fields.text("ttl", &format!("{}s", ttl.as_secs()));
    }
    fields
}

async fn set_here(
    context: &ReplicaContext,
    change: &LevelChange,
    caller: &Caller,
) -> Result<v1::LogLevels, Status> {
    let name = names::of_replica(&context.replica.0);
    let audit = caller.record(&name, context.clock.now());
    let audit = audit.with_changes(&AuditFields::none(), &audited_fields(change));
    context.store.append_audit_record(&audit).await.map_err(errors::store)?;
    // Before, since the line might be left out after.
    spans::log_change(&caller.who, "log levels set", &name);
    let levels = process_log_levels();
    let mut expire_time = None;
    match &change.levels {
        None => levels.reset(),
        Some((filter, ttl)) => {
            levels.set_for(filter.clone(), *ttl).map_err(|error| {
                errors::status(ErrorReason::Internal, format!("the filter {error}"))
            })?;
            expire_time = Some(timestamp(context.clock.now() + *ttl));
        }
    }
    let filter = levels.in_force().map(|filter| filter.to_string()).unwrap_or_default();
    Ok(v1::LogLevels { replica: name, filter, expire_time })
}

async fn forward(
    context: &ReplicaContext,
    metadata: &MetadataMap,
    address: &str,
    request: v1::SetLogLevelsRequest,
    caller: &Caller,
) -> Result<v1::SetLogLevelsResponse, Status> {
    let peer = forwarding::open_channel(context, address, metadata)?;
    let mut client = FleetServiceClient::new(peer);
    let request = forwarding::forwarded_request(metadata, caller, None, request);
    match tokio::time::timeout(CALL_TIMEOUT, client.set_log_levels(request)).await {
        Ok(answer) => answer.map(Response::into_inner).map_err(forwarding::peer_error),
        Err(_) => {
            Err(errors::retry_soon(ErrorReason::OwnerUnavailable, "the replica does not answer"))
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    fn request(name: &str, filter: &str, ttl: Option<i64>) -> v1::SetLogLevelsRequest {
        let ttl = ttl.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        v1::SetLogLevelsRequest { name: name.to_owned(), filter: filter.to_owned(), ttl }
    }

    #[test]
    fn levels_are_set_for_a_while_and_the_heads_of_chains_are_logged_all_the_same() {
        let all = read(&request("replicas/-", "off", None)).unwrap();
        assert_eq!(all.replicas, ReplicaChoice::All);
        let (filter, ttl) = all.levels.unwrap();
        assert_eq!(filter.to_string(), "off,postrider::flow::audit_upkeep=info");
        assert_eq!(ttl, DEFAULT_TTL);
        let (_, ttl) = read(&request("replicas/a", "info", Some(5))).unwrap().levels.unwrap();
        assert_eq!(ttl, Duration::from_secs(5));
        assert!(read(&request("replicas/a", "", None)).unwrap().levels.is_none());
    }

    #[test]
    fn what_cannot_be_set_is_refused_with_its_field() {
        for (wrong, field) in [
            (request("replicas", "info", None), "name"),
            (request("replicas/", "info", None), "name"),
            (request("replicas/-", "postrider=loud", None), "filter"),
            (request("replicas/-", "info,postrider::flow::audit_upkeep=off", None), "filter"),
            (request("replicas/-", "postrider::flow::audit_upkeep[{chain}]=off", None), "filter"),
            (request("replicas/-", &"a".repeat(MAX_FILTER_BYTES + 1), None), "filter"),
            (request("replicas/-", "debug", Some(0)), "ttl"),
            (request("replicas/-", "debug", Some(86_401)), "ttl"),
            (request("replicas/-", "", Some(60)), "ttl"),
        ] {
            let refused = read(&wrong).unwrap_err();
            let violations = refused.get_details_bad_request().unwrap().field_violations;
            assert_eq!(violations[0].field, field, "{wrong:?}");
        }
    }
}
