//! When failures are tried again, as a part of the form of a subscription, and drawn.
//!
//! Fed by `form_page` and by a subscription's page; feeds them markup. Guarantees that what is
//! drawn is the domain's own timetable, before jitter.

use std::time::Duration;

use maud::{Markup, html};
use postrider_domain::retry::{MAX_ATTEMPTS, RetryPolicy, RetryTimetable};
use postrider_proto::v1;
use postrider_proto::v1::retry_policy::Timetable;

use super::form_reading;
use super::form_values::{FormValues, TIMETABLE_FIELD};
use crate::console::components::forms::{self, TextField};
use crate::console::components::time_lines;
use crate::console::failure::FormErrors;
use crate::console::values::span_of;

const TIMETABLES: [(&str, &str); 4] = [
    ("standard", "Standard: ten attempts over three days"),
    ("fixed", "Delays of your own"),
    ("linear", "Each delay longer by the same span"),
    ("exponential", "Each delay longer by a factor"),
];

/// The section, with the timetable that its values make.
pub fn section(values: &FormValues, errors: &FormErrors) -> Markup {
    let owned = |(value, words): &(&str, &str)| ((*value).to_owned(), (*words).to_owned());
    let choices: Vec<(String, String)> = TIMETABLES.iter().map(owned).collect();
    let timetable = (TIMETABLE_FIELD, "Timetable", "");
    let policy = form_reading::retry_policy(values);
    html! {
        fieldset.part.retries {
            legend { "Retries" }
            (forms::select_field(timetable, &choices, values.text(TIMETABLE_FIELD), errors))
            div.when-fixed {
                (forms::text_field(
                    TextField {
                        name: "retry_policy.fixed_delays.delays",
                        label: "Delays",
                        value: values.text("retry_policy.fixed_delays.delays"),
                        hint: "One in each line, as 5s, 5m, 2h: one attempt more than delays.",
                        rows: 4,
                        ..TextField::default()
                    },
                    errors,
                ))
            }
            div.when-linear {
                div.fields {
                    (text(values, errors, "retry_policy.linear.initial_delay", "First delay", "500ms"))
                    (text(values, errors, "retry_policy.linear.increment", "Longer each time by",
                        "500ms"))
                    (text(values, errors, "retry_policy.linear.max_attempts", "Attempts in all", "6"))
                }
            }
            div.when-exponential {
                div.fields {
                    (text(values, errors, "retry_policy.exponential.initial_delay", "First delay",
                        "30s"))
                    (text(values, errors, "retry_policy.exponential.multiplier_percent",
                        "Factor, in percent", "200 doubles"))
                    (text(values, errors, "retry_policy.exponential.max_delay", "Longest delay", "6h"))
                    (text(values, errors, "retry_policy.exponential.max_attempts",
                        "Attempts in all", "10"))
                }
            }
            (text(values, errors, "retry_policy.jitter_percent", "Jitter, in percent",
                "By how much a delay is shortened or lengthened at random: 0 to 50. Empty: 10."))
            div.row {
                button type="submit" name="do" value="draw" formnovalidate { "Draw the timetable" }
            }
            (drawn(Some(&policy)))
        }
    }
}

fn text(values: &FormValues, errors: &FormErrors, name: &str, label: &str, hint: &str) -> Markup {
    let field = TextField { name, label, value: values.text(name), hint, ..TextField::default() };
    forms::text_field(field, errors)
}

/// A policy's timetable.
pub fn drawn(policy: Option<&v1::RetryPolicy>) -> Markup {
    let policy = RetryPolicy { timetable: timetable(policy), ..RetryPolicy::default() };
    let delays: Vec<Duration> =
        (0..MAX_ATTEMPTS).map_while(|failures| policy.delay_after(failures)).collect();
    time_lines::timetable(&delays)
}

/// As the domain has it; what is missing or out of bounds is nothing.
fn timetable(policy: Option<&v1::RetryPolicy>) -> RetryTimetable {
    let span = |given| span_of(given).unwrap_or_default();
    match policy.and_then(|policy| policy.timetable.as_ref()) {
        None | Some(Timetable::Standard(_)) => RetryTimetable::Standard,
        Some(Timetable::FixedDelays(fixed)) => {
            RetryTimetable::List(fixed.delays.iter().map(|delay| span(Some(*delay))).collect())
        }
        Some(Timetable::Linear(linear)) => RetryTimetable::Linear {
            initial: span(linear.initial_delay),
            increment: span(linear.increment),
            max_attempts: linear.max_attempts,
        },
        Some(Timetable::Exponential(growth)) => RetryTimetable::Exponential {
            initial: span(growth.initial_delay),
            multiplier_percent: growth.multiplier_percent,
            max_delay: span(growth.max_delay),
            max_attempts: growth.max_attempts,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timetable_of_kkiapay_is_drawn() {
        let half = Some(prost_types::Duration { seconds: 0, nanos: 500_000_000 });
        let linear = v1::LinearBackoff { initial_delay: half, increment: half, max_attempts: 6 };
        let timetable = Some(Timetable::Linear(linear));
        let policy = v1::RetryPolicy { timetable, ..v1::RetryPolicy::default() };
        let shown = drawn(Some(&policy)).into_string();
        for told in ["6 attempts over 7 seconds", "at once", "after 500 ms", "after 2 seconds"] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        assert!(drawn(None).into_string().contains("10 attempts over 3 days"));
    }
}
