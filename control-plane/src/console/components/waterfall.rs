//! Where an attempt's time went: looking the name up, connecting, TLS, the first byte.
//!
//! Fed by pages with an attempt's timings; feeds them bars one after the other, each with its
//! words.

use std::time::Duration;

use maud::{Markup, html};
use postrider_proto::v1::AttemptTimings;

/// The drawing's width for the whole time.
const FULL_UNITS: f64 = 1000.0;
/// Of a time that is none: nothing is divided by zero.
const MIN_TOTAL_SECONDS: f64 = 0.000_001;
/// What is shorter would not be seen.
const MIN_UNITS: f64 = 2.0;

/// One step: what it is, its class, and how long it took.
struct WaterfallStep {
    words: &'static str,
    class: &'static str,
    took: Duration,
}

fn steps(timings: &AttemptTimings) -> Vec<WaterfallStep> {
    let named = [
        ("DNS", "dns", timings.dns),
        ("Connect", "connect", timings.connect),
        ("TLS", "tls", timings.tls),
        ("First byte", "first-byte", timings.first_byte),
    ];
    named
        .into_iter()
        .filter_map(|(words, class, took)| Some(WaterfallStep { words, class, took: span(took)? }))
        .collect()
}

fn span(given: Option<prost_types::Duration>) -> Option<Duration> {
    Duration::try_from(given?).ok()
}

/// The steps of an attempt, and the rest until its end.
pub fn waterfall(timings: &AttemptTimings) -> Markup {
    let mut steps = steps(timings);
    let told: Duration = steps.iter().map(|step| step.took).sum();
    let total = span(timings.total).unwrap_or(told).max(told);
    if let Some(rest) = total.checked_sub(told).filter(|rest| !rest.is_zero()) {
        steps.push(WaterfallStep { words: "Answer", class: "rest", took: rest });
    }
    let unit = FULL_UNITS / total.as_secs_f64().max(MIN_TOTAL_SECONDS);
    let mut begin = Duration::ZERO;
    let rows = steps.iter().map(|step| {
        let x = begin.as_secs_f64() * unit;
        begin += step.took;
        (step, x.min(FULL_UNITS), (step.took.as_secs_f64() * unit).max(MIN_UNITS))
    });
    let rows: Vec<_> = rows.collect();
    html! {
        table.waterfall {
            caption.hidden { "Where the time went" }
            tbody {
                @for (step, x, width) in &rows {
                    tr {
                        th scope="row" { (step.words) }
                        td.number { (milliseconds(step.took)) }
                        td.drawing {
                            svg viewBox={ "0 0 " (FULL_UNITS) " 10" } preserveAspectRatio="none"
                                aria-hidden="true" {
                                rect class=(step.class) x=(format!("{x:.1}")) y="0"
                                    width=(format!("{width:.1}")) height="10" {}
                            }
                        }
                    }
                }
            }
            tfoot {
                tr { th scope="row" { "Total" } td.number { (milliseconds(total)) } td {} }
            }
        }
    }
}

/// A time as receivers' operators read it.
pub fn milliseconds(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span_of(milliseconds: i32) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds: 0, nanos: milliseconds * 1_000_000 })
    }

    #[test]
    fn steps_follow_each_other_up_to_the_total() {
        let timings = AttemptTimings {
            dns: span_of(10),
            connect: None,
            first_byte: span_of(30),
            total: span_of(50),
            ..AttemptTimings::default()
        };
        let shown = waterfall(&timings).into_string();
        for told in ["DNS", "First byte", "Answer", "10.0 ms", "50.0 ms", "x=\"200.0\""] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        assert!(!shown.contains("Connect"), "{shown}");
        let nothing = waterfall(&AttemptTimings::default()).into_string();
        assert!(!nothing.contains("NaN") && !nothing.contains("inf"), "{nothing}");
    }
}
