//! The operator's first page: regions, agents, what waits and since when.
//!
//! Fed by `pages`; feeds it the page, from `FleetService` alone. Endpoints that fail are looked
//! for when somebody asks (`failing`): there may be a million.

use maud::{Markup, html};
use postrider_proto::v1;

use crate::console::answers::{Answer, Page};
use crate::console::components::badges::{self, Tone};
use crate::console::components::{tables, times};
use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of, path};

/// Most regions and agents of the page: with more of them an operator looks at metrics.
const MAX_LISTED: i32 = 200;

pub async fn show(visit: &Visit) -> Result<Answer, PageFailure> {
    let (mut fleet, mut also) = (visit.calls.fleet(), visit.calls.fleet());
    let regions = v1::ListRegionsRequest { page_size: MAX_LISTED, ..Default::default() };
    let agents = v1::ListAgentsRequest { page_size: MAX_LISTED, ..Default::default() };
    let (regions, agents) =
        tokio::try_join!(fleet.list_regions(regions), also.list_agents(agents))?;
    let (regions, agents) = (regions.into_inner(), agents.into_inner());
    let body = html! {
        (summary(visit, &regions.regions))
        @if !regions.unreachable.is_empty() {
            p.error role="alert" {
                "Figures of these replicas are missing: they do not answer. "
                (regions.unreachable.join(", "))
            }
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
        section {
            h2 { "Endpoints" }
            p { a href=(path(&["failing"])) { "Look for endpoints that fail" } }
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
        dl.figures {
            (figure("Waiting", &backlog.to_string()))
            (figure("Being sent", &in_flight.to_string()))
            div { dt { "Oldest that waits" } dd { (times::time(oldest, visit.now)) } }
            (figure("Agents", &agents.to_string()))
            (figure("Regions", &regions.len().to_string()))
        }
    }
}

fn figure(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn regions_table(visit: &Visit, regions: &[v1::Region]) -> Markup {
    let rows: Vec<_> = regions.iter().map(|region| region_row(visit, region)).collect();
    let columns =
        ["Region", "Agents", "Waiting", "Oldest that waits", "Being sent", "Room", "Wanted"];
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
