//! Replicas, clocks, agents, background loops and lag, as the fleet's service tells them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use prost_reflect::DynamicMessage;
use serde_json::json;

use super::finding::{DoctorFinding, FindingLevel};
use crate::calls::{ListedItems, number_at, text_at, time_at};
use crate::exits::CliError;
use crate::output::short_name;
use crate::session::CommandSession;
use crate::values::counts::counted;
use crate::values::times::duration_text;

/// A replica's heart beats every second.
const MAX_HEARTBEAT_AGE: Duration = Duration::from_secs(10);
/// As far as agents may be from replicas (`ownership.max_clock_skew_seconds`).
const MAX_CLOCK_DISTANCE: Duration = Duration::from_secs(60);
/// A round of a loop takes seconds; of maintenance, minutes.
const MAX_ROUND_TIME: Duration = Duration::from_secs(600);
/// The loop that makes partitions ahead.
const PARTITION_LOOP: &str = "maintenance";

pub(super) async fn check(session: &CommandSession, max_lag: Duration) -> Vec<DoctorFinding> {
    let now = session.printer.times.now;
    let mut findings = Vec::new();
    let mut add = |listed: Result<Vec<DoctorFinding>, CliError>, about: &'static str| match listed {
        Ok(found) => findings.extend(found),
        Err(error) => {
            findings.push(DoctorFinding::unknown(about, &error, &session.target.address));
        }
    };
    let replicas = list(session, "ListReplicas", "replicas").await;
    add(replicas.map(|replicas| judged_replicas(&replicas, now)), "replicas");
    let agents = list(session, "ListAgents", "agents").await;
    add(agents.map(|agents| judged_agents(&agents.items)), "agents");
    let regions = list(session, "ListRegions", "regions").await;
    add(regions.map(|regions| judged_regions(&regions.items, now, max_lag)), "lag");
    let loops = list(session, "ListBackgroundLoops", "background_loops").await;
    add(loops.map(|loops| judged_loops(&loops, now)), "loops");
    findings
}

async fn list(
    session: &CommandSession,
    method: &str,
    field: &str,
) -> Result<ListedItems, CliError> {
    let request = match method {
        "ListBackgroundLoops" => json!({"parent": "replicas/-"}),
        _ => json!({}),
    };
    session.api.list(&format!("postrider.v1.FleetService/{method}"), &request, field, 0).await
}

/// How long ago a moment is; zero for one to come.
fn age(at: Timestamp, now: Timestamp) -> Duration {
    let past = now.as_millisecond() - at.as_millisecond();
    Duration::from_millis(u64::try_from(past).unwrap_or(0))
}

fn judged_replicas(listed: &ListedItems, now: Timestamp) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    let beats: Vec<(String, Timestamp)> = listed
        .items
        .iter()
        .filter_map(|replica| {
            let beat = time_at(replica, "last_heartbeat_time")?;
            Some((short_name(&text_at(replica, "name")).to_owned(), beat))
        })
        .collect();
    findings.push(DoctorFinding::fine("replicas", format!("{} known", listed.items.len())));
    // By the database's clock, so that they are compared with each other.
    let newest = beats.iter().map(|(_, beat)| *beat).max();
    if let Some(newest) = newest {
        for (name, beat) in &beats {
            let silence = age(*beat, newest);
            if silence > MAX_HEARTBEAT_AGE {
                let found = format!("{name} was last heard {} ago", duration_text(silence));
                let advice = "see whether it runs and reaches the database";
                findings.push(DoctorFinding::wrong("replicas", found, advice));
            }
        }
        findings.push(judged_clock(newest, now));
    }
    let versions: BTreeSet<String> =
        listed.items.iter().map(|replica| text_at(replica, "version")).collect();
    if versions.len() > 1 {
        let versions: Vec<String> = versions.into_iter().collect();
        let found = format!("replicas have different versions: {}", versions.join(", "));
        findings.push(DoctorFinding::warning("replicas", found, "finish the upgrade"));
    }
    if listed.insecure_settings.is_empty() {
        findings.push(DoctorFinding::fine("settings", "none lets others in"));
    }
    for setting in &listed.insecure_settings {
        let advice = "fit for a trial only: take the setting away";
        findings.push(DoctorFinding::warning("settings", setting.clone(), advice));
    }
    findings
}

/// This machine's clock beside the database's.
fn judged_clock(newest: Timestamp, now: Timestamp) -> DoctorFinding {
    let distance = age(newest, now).max(age(now, newest));
    if distance <= MAX_CLOCK_DISTANCE {
        return DoctorFinding::fine("clocks", "this machine's is the database's, within a minute");
    }
    let found = format!("this machine's is {} from the database's", duration_text(distance));
    DoctorFinding::wrong("clocks", found, "set the clocks by NTP")
}

fn judged_agents(agents: &[DynamicMessage]) -> Vec<DoctorFinding> {
    let mut findings = vec![match agents.len() {
        0 => DoctorFinding::wrong(
            "agents",
            "none is connected",
            "start one in each region that subscriptions name",
        ),
        count => DoctorFinding::fine("agents", format!("{count} connected")),
    }];
    for agent in agents {
        let name = short_name(&text_at(agent, "name")).to_owned();
        match text_at(agent, "state").as_str() {
            "AGENT_STATE_CLOCK_SKEWED" => findings.push(DoctorFinding::wrong(
                "clocks",
                format!("{name} has a clock that differs, and gets no work"),
                "set its clock by NTP",
            )),
            "AGENT_STATE_DRAINING" => findings.push(DoctorFinding::warning(
                "agents",
                format!("{name} is draining"),
                "it ends soon; see that another is there",
            )),
            _ => {}
        }
    }
    findings
}

fn judged_regions(
    regions: &[DynamicMessage],
    now: Timestamp,
    max_lag: Duration,
) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    for region in regions {
        let name = short_name(&text_at(region, "name")).to_owned();
        let backlog = number_at(region, "backlog_count");
        if number_at(region, "agent_count") == 0 {
            let due = counted(backlog, "delivery that is due", "deliveries that are due");
            let found = format!("{name} has no agent, and {due}");
            findings.push(DoctorFinding::wrong("agents", found, "start an agent there"));
            continue;
        }
        let lag = time_at(region, "oldest_waiting_time").map_or(Duration::ZERO, |at| age(at, now));
        findings.push(if lag > max_lag {
            let due = counted(backlog, "delivery is due", "deliveries are due");
            let found = format!("{name}: {due}, the oldest for {}", duration_text(lag));
            let advice = "more agents, or look at the subscription that waits (attempts --failed)";
            DoctorFinding::wrong("lag", found, advice)
        } else {
            DoctorFinding::fine("lag", format!("{name}: {backlog} are due, none for long"))
        });
    }
    findings
}

fn judged_loops(listed: &ListedItems, now: Timestamp) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    for item in &listed.items {
        let name = text_at(item, "name");
        let parts: Vec<&str> = name.split('/').collect();
        let [_, replica, _, loop_name] = parts[..] else { continue };
        let about = if loop_name == PARTITION_LOOP { "partitions" } else { "loops" };
        let last = time_at(item, "last_round.start_time");
        let failed = time_at(item, "last_failed_round.start_time");
        if last.is_some() && last == failed {
            let failure = text_at(item, "last_failed_round.failure");
            let found = format!("{loop_name} of {replica} failed in its last round: {failure}");
            let advice = "the replica's log has what the database said";
            findings.push(DoctorFinding::wrong(about, found, advice));
        } else if loop_name == PARTITION_LOOP && last.is_some() {
            findings.push(DoctorFinding::fine(about, format!("{replica} makes them ahead")));
        }
        if let Some(since) = time_at(item, "running_since_time")
            && age(since, now) > MAX_ROUND_TIME
        {
            let duration = duration_text(age(since, now));
            let found = format!("{loop_name} of {replica} has been in one round for {duration}");
            findings.push(DoctorFinding::wrong(about, found, "it hangs: restart the replica"));
        }
    }
    for replica in &listed.unreachable {
        let found = format!("{} did not tell of its loops in time", short_name(replica));
        findings.push(DoctorFinding::wrong(
            "loops",
            found,
            "see whether replicas reach each other",
        ));
    }
    if findings.iter().all(|finding| finding.level == FindingLevel::Fine) {
        let found = format!("{} run, none fails or hangs", listed.items.len());
        findings.push(DoctorFinding::fine("loops", found));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::fixtures::message;

    fn now() -> Timestamp {
        "2026-11-02T12:00:00Z".parse().unwrap()
    }

    fn wrong(findings: &[DoctorFinding]) -> Vec<&str> {
        let wrong = findings.iter().filter(|finding| finding.level == FindingLevel::Wrong);
        wrong.map(|finding| finding.found.as_str()).collect()
    }

    #[test]
    fn silent_replicas_and_strange_clocks_are_told() {
        let replica = |name: &str, beat: &str| {
            let fields = json!({"name": format!("replicas/{name}"), "lastHeartbeatTime": beat});
            message("postrider.v1.Replica", fields)
        };
        let items =
            vec![replica("a", "2026-11-02T11:59:59Z"), replica("b", "2026-11-02T11:59:00Z")];
        let listed = ListedItems { items, ..ListedItems::default() };
        assert_eq!(wrong(&judged_replicas(&listed, now())), ["b was last heard 59.0 s ago"]);
        let later = "2026-11-02T13:00:00Z".parse().unwrap();
        let found = judged_replicas(&listed, later);
        assert!(
            wrong(&found).contains(&"this machine's is 1.0 h from the database's"),
            "{found:?}"
        );
    }

    #[test]
    fn regions_that_wait_are_told() {
        let region = |fields: Json| message("postrider.v1.Region", fields);
        let regions = [
            region(json!({"name": "regions/eu", "agentCount": 1, "backlogCount": "7",
                          "oldestWaitingTime": "2026-11-02T11:50:00Z"})),
            region(json!({"name": "regions/us", "agentCount": 1})),
            region(json!({"name": "regions/in", "backlogCount": "1"})),
        ];
        let found = judged_regions(&regions, now(), DEFAULT_LAG);
        assert_eq!(
            wrong(&found),
            [
                "eu: 7 deliveries are due, the oldest for 10.0 min",
                "in has no agent, and 1 delivery that is due"
            ]
        );
    }

    const DEFAULT_LAG: Duration = Duration::from_secs(60);

    #[test]
    fn loops_that_fail_or_hang_are_told() {
        let item = |fields: Json| message("postrider.v1.BackgroundLoop", fields);
        let round = json!({"startTime": "2026-11-02T11:59:00Z", "failure": "unavailable"});
        let items = vec![
            item(json!({"name": "replicas/a/backgroundLoops/maintenance",
                        "lastRound": round, "lastFailedRound": round})),
            item(json!({"name": "replicas/a/backgroundLoops/leases",
                        "runningSinceTime": "2026-11-02T11:00:00Z"})),
        ];
        let listed = ListedItems { items, ..ListedItems::default() };
        assert_eq!(judged_loops(&ListedItems::default(), now()).len(), 1);
        assert_eq!(
            wrong(&judged_loops(&listed, now())),
            [
                "maintenance of a failed in its last round: unavailable",
                "leases of a has been in one round for 1.0 h",
            ]
        );
    }

    #[test]
    fn agents_with_strange_clocks_are_told() {
        let fields = json!({"name": "agents/a", "state": "AGENT_STATE_CLOCK_SKEWED"});
        let agents = [message("postrider.v1.Agent", fields)];
        assert_eq!(
            wrong(&judged_agents(&agents)),
            ["a has a clock that differs, and gets no work"]
        );
        assert_eq!(wrong(&judged_agents(&[])), ["none is connected"]);
    }
}
