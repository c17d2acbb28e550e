//! The operator's first page: rates, endpoints that fail, regions, agents, what waits and since
//! when.
//!
//! Fed by `pages`; feeds it the page, from `FleetService` alone. Of endpoints that fail it shows
//! the first; others are looked for when somebody asks (`failing`): there may be a million.

use maud::{Markup, html};
use postrider_proto::v1;

use crate::console::answers::{Answer, Page};
use crate::console::components::badges::{self, Tone};
use crate::console::components::{charts, tables, times};
use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of, path};

/// Most regions and agents of the page: with more of them an operator looks at metrics.
const MAX_LISTED: i32 = 200;
/// Of endpoints that fail those that have done so for longest.
const MAX_SHOWN_ENDPOINTS: usize = 20;

pub async fn show(visit: &Visit) -> Result<Answer, PageFailure> {
    let (mut fleet, mut also, mut too) =
        (visit.calls.fleet(), visit.calls.fleet(), visit.calls.fleet());
    let regions = v1::ListRegionsRequest { page_size: MAX_LISTED, ..Default::default() };
    let agents = v1::ListAgentsRequest { page_size: MAX_LISTED, ..Default::default() };
    let (regions, agents, activity) = tokio::try_join!(
        fleet.list_regions(regions),
        also.list_agents(agents),
        too.get_fleet_activity(v1::GetFleetActivityRequest {}),
    )?;
    let (regions, agents) = (regions.into_inner(), agents.into_inner());
    let activity = activity.into_inner();
    let silent = match regions.unreachable.as_slice() {
        [] => &activity.unreachable,
        _ => &regions.unreachable,
    };
    let body = html! {
        dl.figures {
            (summary(visit, &regions.regions))
            (rates(&activity))
        }
        @if !silent.is_empty() {
            p.error role="alert" {
                "Figures of these replicas are missing: they do not answer. "
                (silent.join(", "))
            }
        }
        section {
            h2 { "Failing endpoints" }
            (failing_table(visit, &activity.failing_endpoints))
            p { a href=(path(&["failing"])) { "Look through all subscriptions" } }
        }
        section {
            h2 { "Regions" }
            (regions_table(visit, &regions.regions))
            @if !regions.next_page_token.is_empty() { (more()) }
        }
        section {
            h2 { "Agents" }
            (agents_table(visit, &agents.agents))
            @if !agents.next_page_token.is_empty() { (more()) }
        }
    };
    Ok(Page::new("Overview", body).into())
}

fn more() -> Markup {
    html! { p.hint { "There are more; these are the first " (MAX_LISTED) "." } }
}

fn summary(visit: &Visit, regions: &[v1::Region]) -> Markup {
    let backlog: i64 = regions.iter().map(|region| region.backlog_count).sum();
    let in_flight: u64 = regions.iter().map(|region| u64::from(region.in_flight_count)).sum();
    let oldest = regions.iter().filter_map(|region| region.oldest_waiting_time);
    let oldest = oldest.min_by_key(|time| (time.seconds, time.nanos));
    let agents: u64 = regions.iter().map(|region| u64::from(region.agent_count)).sum();
    html! {
        (figure("Waiting", &backlog.to_string()))
        div { dt { "Oldest waiting" } dd { (times::time(oldest, visit.now)) } }
        (figure("Being sent", &in_flight.to_string()))
        (figure("Agents", &agents.to_string()))
        (figure("Regions", &regions.len().to_string()))
    }
}

/// Of the last minute.
fn rates(activity: &v1::FleetActivity) -> Markup {
    let rate = |rate: f64| format!("{} /s", charts::number(rate));
    let failed = match activity.attempts_per_second {
        attempts if attempts > 0.0 => activity.failures_per_second / attempts * 100.0,
        _ => 0.0,
    };
    html! {
        (figure("Events", &rate(activity.events_per_second)))
        (figure("Attempts", &rate(activity.attempts_per_second)))
        (figure("Failed", &format!("{} %", charts::number(failed))))
        (figure("Breakers open", &activity.open_circuit_count.to_string()))
    }
}

fn failing_table(visit: &Visit, endpoints: &[v1::FailingEndpoint]) -> Markup {
    let row = |endpoint: &v1::FailingEndpoint| {
        let parts: Vec<&str> = endpoint.subscription.split('/').collect();
        let tenant = parts.get(1).copied().unwrap_or_default();
        vec![
            html! { a href=(path(&["tenants", tenant])) { (tenant) } },
            html! { a href=(path(&parts)) { (id_of(&endpoint.subscription)) } },
            html! { (id_of(&endpoint.region)) },
            html! {
                @if let Some(circuit) = badges::circuit(endpoint.circuit_state) { (circuit) }
            },
            times::time(endpoint.circuit_open_time, visit.now),
        ]
    };
    let shown = endpoints.iter().take(MAX_SHOWN_ENDPOINTS);
    let rows: Vec<_> = shown.map(row).collect();
    let columns = ["Tenant", "Subscription", "Region", "Endpoint", "Since"];
    tables::table("Failing endpoints", &columns, &rows, "No circuit breaker is open.")
}

fn figure(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn regions_table(visit: &Visit, regions: &[v1::Region]) -> Markup {
    let rows: Vec<_> = regions.iter().map(|region| region_row(visit, region)).collect();
    let columns = ["Region", "Agents", "Waiting", "Oldest waiting", "Being sent", "Room", "Wanted"];
    tables::table("Regions", &columns, &rows, "No region has agents or work.")
}

fn region_row(visit: &Visit, region: &v1::Region) -> Vec<Markup> {
    let is_unserved = region.agent_count == 0 && region.backlog_count > 0;
    vec![
        html! { (id_of(&region.name)) },
        html! {
            (region.agent_count)
            @if is_unserved { " " (badges::badge(Tone::Bad, "Nobody sends")) }
        },
        html! { (region.backlog_count) },
        times::time(region.oldest_waiting_time, visit.now),
        html! { (region.in_flight_count) },
        html! { (region.credit_available) },
        html! { (region.wanted_count) },
    ]
}

fn agents_table(visit: &Visit, agents: &[v1::Agent]) -> Markup {
    let rows: Vec<_> = agents.iter().map(|agent| agent_row(visit, agent)).collect();
    let columns = ["Agent", "Region", "State", "Being sent", "Version", "Last heard"];
    tables::table("Agents", &columns, &rows, "No agent is connected.")
}

fn agent_row(visit: &Visit, agent: &v1::Agent) -> Vec<Markup> {
    let (tone, state) = match v1::AgentState::try_from(agent.state).unwrap_or_default() {
        v1::AgentState::Connected => (Tone::Good, "Connected"),
        v1::AgentState::Draining => (Tone::Warning, "Draining"),
        v1::AgentState::ClockSkewed => (Tone::Bad, "Clock is off"),
        v1::AgentState::Unspecified => (Tone::Plain, "Unknown"),
    };
    vec![
        html! { (id_of(&agent.name)) },
        html! { (id_of(&agent.region)) },
        badges::badge(tone, state),
        html! { (agent.in_flight_count) " of " (agent.max_in_flight) },
        html! { (agent.version) },
        times::time(agent.last_heard_time, visit.now),
    ]
}
