//! Replicas with their shards, and what their background loops did last.
//!
//! Fed by `pages`; feeds it the page.

use maud::{Markup, html};
use postrider_proto::v1;

use crate::console::answers::{Answer, Page};
use crate::console::components::{tables, times};
use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of};

/// Most replicas and loops of the page.
const MAX_LISTED: i32 = 500;

pub async fn show(visit: &Visit) -> Result<Answer, PageFailure> {
    let (mut fleet, mut also) = (visit.calls.fleet(), visit.calls.fleet());
    let replicas = v1::ListReplicasRequest { page_size: MAX_LISTED, ..Default::default() };
    let loops = v1::ListBackgroundLoopsRequest {
        parent: "replicas/-".to_owned(),
        page_size: MAX_LISTED,
        ..Default::default()
    };
    let (replicas, loops) =
        tokio::try_join!(fleet.list_replicas(replicas), also.list_background_loops(loops))?;
    let (replicas, loops) = (replicas.into_inner(), loops.into_inner());
    let rows: Vec<_> = replicas.replicas.iter().map(|replica| row(visit, replica)).collect();
    let shards: u32 = replicas.replicas.iter().map(|replica| replica.owned_shard_count).sum();
    let columns = ["Replica", "Shards", "Address", "Version", "Last heartbeat"];
    let body = html! {
        @if !replicas.insecure_settings.is_empty() {
            p.error role="alert" {
                "Callers are let in with less than they should show: "
                (replicas.insecure_settings.join(", "))
            }
        }
        (tables::table("Replicas", &columns, &rows, "No replica is alive."))
        p.hint { "Together they own " (shards) " shards." }
        section {
            h2 { "Background loops" }
            @if !loops.unreachable.is_empty() {
                p.error role="alert" { "These do not answer: " (loops.unreachable.join(", ")) }
            }
            (loops_table(visit, &loops.background_loops))
        }
    };
    Ok(Page::new("Replicas and shards", body).into())
}

fn row(visit: &Visit, replica: &v1::Replica) -> Vec<Markup> {
    vec![
        html! { (id_of(&replica.name)) },
        html! {
            (replica.owned_shard_count)
            @if !replica.owned_shards.is_empty() {
                span.hint { " " (ranges(&replica.owned_shards)) }
            }
        },
        html! { (replica.address) },
        html! { (replica.version) },
        times::time(replica.last_heartbeat_time, visit.now),
    ]
}

/// Numbers in order, those that follow each other as one range: "0–3, 7".
fn ranges(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let text = |(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}–{last}"),
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn loops_table(visit: &Visit, loops: &[v1::BackgroundLoop]) -> Markup {
    let rows: Vec<_> = loops.iter().map(|known| loop_row(visit, known)).collect();
    let columns = ["Loop", "Replica", "Rounds", "Failed", "Last round", "Last failure"];
    tables::table("Background loops", &columns, &rows, "No loop has told anything yet.")
}

fn loop_row(visit: &Visit, known: &v1::BackgroundLoop) -> Vec<Markup> {
    let replica = known.name.split('/').nth(1).unwrap_or_default();
    let last = known.last_round.as_ref().and_then(|round| round.start_time);
    let failed = known.last_failed_round.as_ref();
    vec![
        html! { (id_of(&known.name)) },
        html! { (replica) },
        html! { (known.round_count) },
        html! { (known.failure_count) },
        times::time(last, visit.now),
        html! {
            @if let Some(round) = failed {
                (times::time(round.start_time, visit.now)) " " (round.failure)
            } @else { span.none { "–" } }
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_that_follow_each_other_are_a_range() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[4]), "4");
        assert_eq!(ranges(&[0, 1, 2, 3, 7, 9, 10]), "0–3, 7, 9–10");
        assert_eq!(ranges(&[u32::MAX]), u32::MAX.to_string());
    }
}
