//! Spans and times as people type and read them in forms.
//!
//! Fed by pages with texts of forms and with messages of the API; feeds them the one in the
//! other's form. Guarantees that what a form shows is read back as the same value, and that a
//! time without a zone is one in UTC.

use std::time::Duration;

use jiff::fmt::friendly::SpanPrinter;
use jiff::{Span, SpanRelativeTo};
use postrider_domain::time::Timestamp;

const SPAN_PROBLEM: &str = "must be a span, as 500ms, 45s, 30m, 12h, 7d or 1h 30m";
const TIME_PROBLEM: &str = "must be a time in UTC, as 2026-03-01T12:00";
const SECOND_MICROSECONDS: i64 = 1_000_000;
/// Of the longest span that is read back as it is shown: some 20,000 years.
const MAX_SPAN_SECONDS: u64 = 631_107_417_600;
/// Of a time the characters that a field of a date and a time has: "2026-03-01T12:00".
const FIELD_CHARACTERS: usize = 16;

/// A span; a bare number is one of seconds.
pub fn parse_span(text: &str) -> Result<Duration, &'static str> {
    let span = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let span = text.parse::<Span>().map_err(|_| SPAN_PROBLEM)?;
            let days = SpanRelativeTo::days_are_24_hours();
            let span = span.to_duration(days).map_err(|_| SPAN_PROBLEM)?;
            Duration::try_from(span).map_err(|_| SPAN_PROBLEM)?
        }
    };
    if span.as_secs() < MAX_SPAN_SECONDS { Ok(span) } else { Err(SPAN_PROBLEM) }
}

/// A span that is typed, as the API takes it.
pub fn typed_span(text: &str) -> Result<prost_types::Duration, &'static str> {
    prost_types::Duration::try_from(parse_span(text)?).map_err(|_| SPAN_PROBLEM)
}

/// A span of the API; none where it is absent or negative.
pub fn span_of(given: Option<prost_types::Duration>) -> Option<Duration> {
    Duration::try_from(given?).ok()
}

/// A span as forms show it.
pub fn span_text(span: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&span)
}

/// A time that is typed, as the API takes it.
pub fn typed_time(text: &str) -> Result<prost_types::Timestamp, &'static str> {
    parse_time(text).map(api_time)
}

/// A time of a field of a date and a time, in UTC; or one of RFC 3339.
pub fn parse_time(text: &str) -> Result<Timestamp, &'static str> {
    let read = format!("{text}Z").parse::<jiff::Timestamp>();
    let read = read.or_else(|_| text.parse::<jiff::Timestamp>()).map_err(|_| TIME_PROBLEM)?;
    Ok(Timestamp::from_micros(read.as_microsecond()))
}

/// A time as the API takes it.
pub fn api_time(time: Timestamp) -> prost_types::Timestamp {
    let micros = time.as_micros();
    let nanos = micros.rem_euclid(SECOND_MICROSECONDS) * 1000;
    prost_types::Timestamp {
        seconds: micros.div_euclid(SECOND_MICROSECONDS),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

/// A time as a field of a date and a time shows it, up to the minute.
pub fn time_field(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..FIELD_CHARACTERS).unwrap_or(&text).to_owned()
}

/// The lines of a text that are not empty.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_back_as_it_is_shown() {
        let texts = [
            ("45s", 45_000),
            ("15", 15_000),
            ("500ms", 500),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("0s", 0),
            ("631107417599", 631_107_417_599_000),
        ];
        for (text, milliseconds) in texts {
            let span = Duration::from_millis(milliseconds);
            assert_eq!(parse_span(text), Ok(span), "{text}");
            assert_eq!(parse_span(&span_text(span)), Ok(span), "{text}: {}", span_text(span));
        }
        for text in ["", "x", "-5s", "5 apples", "1 month", "631107417600", "175307616h 60m"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
        assert!(typed_span("18446744073709551615").is_err());
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let noon = Timestamp::from_micros(1_772_366_400 * SECOND_MICROSECONDS);
        for text in ["2026-03-01T12:00", "2026-03-01T12:00:00", "2026-03-01T12:00:00Z"] {
            assert_eq!(parse_time(text), Ok(noon), "{text}");
        }
        assert_eq!(time_field(noon), "2026-03-01T12:00");
        assert_eq!(api_time(noon).seconds, 1_772_366_400);
        assert!(parse_time("").is_err() && parse_time("\" OR 1").is_err());
        assert_eq!(lines(" a \n\n b").collect::<Vec<_>>(), ["a", "b"]);
    }
}
