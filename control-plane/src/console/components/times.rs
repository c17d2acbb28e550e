//! Times and spans, for people.
//!
//! Fed by pages with times of messages; feeds them markup. Guarantees that a time is told in UTC
//! and as how long ago it is, so that nobody has to know where the other is.

use std::time::Duration;

use maud::{Markup, html};
use postrider_domain::time::Timestamp;

/// Of a time that is shown, the characters up to the second: "2026-03-01T12:00:00".
const SECOND_CHARACTERS: usize = 19;

/// A message's time.
pub fn timestamp(given: prost_types::Timestamp) -> Timestamp {
    let micros = given.seconds.saturating_mul(1_000_000);
    Timestamp::from_micros(micros.saturating_add(i64::from(given.nanos) / 1000))
}

/// A time with how long ago it is, or a dash.
pub fn time(given: Option<prost_types::Timestamp>, now: Timestamp) -> Markup {
    let Some(given) = given.map(timestamp) else { return html! { span.none { "–" } } };
    let full = given.to_string();
    html! {
        time datetime=(full) title=(full) {
            span.utc { (utc(given)) " UTC" } " " span.ago { (relative(given, now)) }
        }
    }
}

/// A time in UTC, up to the second.
pub fn utc(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..SECOND_CHARACTERS).unwrap_or(&text).replace('T', " ")
}

/// How long ago, or in how long.
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    if time > now {
        return format!("in {}", span(time.since(now)));
    }
    let ago = now.since(time);
    if ago < Duration::from_secs(1) { "just now".to_owned() } else { format!("{} ago", span(ago)) }
}

/// A span in its largest unit.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let fits = |(length, _): &&(u64, &str)| seconds >= *length;
    match units.iter().find(fits) {
        Some((length, unit)) => {
            let count = seconds / length;
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {unit}{plural}")
        }
        None => format!("{} ms", span.as_millis()),
    }
}

/// The same, as a drawing has room for it.
pub fn short_span(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let fits = |(length, _): &&(u64, &str)| seconds >= *length;
    match units.iter().find(fits) {
        Some((length, unit)) => format!("{} {unit}", seconds / length),
        None if span.is_zero() => "0 s".to_owned(),
        None => format!("{} ms", span.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_utc_and_as_how_long_ago() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let given = prost_types::Timestamp { seconds: 1_772_366_400, nanos: 5_000_000 };
        let shown = time(Some(given), at(1_772_366_400 + 180)).into_string();
        assert!(shown.contains("2026-03-01 12:00:00 UTC"), "{shown}");
        assert!(shown.contains("2 minutes ago"), "{shown}");
        assert_eq!(time(None, at(0)).into_string(), "<span class=\"none\">–</span>");
        for (seconds, told) in [(0, "just now"), (1, "1 second ago"), (7200, "2 hours ago")] {
            assert_eq!(relative(at(0), at(seconds)), told);
        }
        assert_eq!(relative(at(86_400), at(0)), "in 1 day");
        assert_eq!(span(Duration::from_millis(12)), "12 ms");
        for (seconds, told) in [(0, "0 s"), (59, "59 s"), (2100, "35 min"), (90_000, "1 d")] {
            assert_eq!(short_span(Duration::from_secs(seconds)), told);
        }
        let odd = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        assert!(!time(Some(odd), at(0)).into_string().is_empty());
    }
}
