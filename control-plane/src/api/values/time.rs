//! Turns times and durations of the protos into those of the domain, and back, within
//! bounds.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use postrider_domain::time::Timestamp;

const MICROSECONDS_PER_SECOND: i64 = 1_000_000;
/// The first and the last second of a `google.protobuf.Timestamp`: the years 1 to 9999.
/// Databases store some more, and not all that 64 bits hold.
const TIMESTAMP_SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_micros();
    let nanos =
        i32::try_from(micros.rem_euclid(MICROSECONDS_PER_SECOND) * 1000).unwrap_or_default();
    prost_types::Timestamp { seconds: micros.div_euclid(MICROSECONDS_PER_SECOND), nanos }
}

/// A time of the system's clock; those before 1970 become its beginning.
pub fn from_system_time(at: SystemTime) -> Timestamp {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(0) + since
}

pub fn duration(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

/// A signed number of microseconds.
pub fn signed_micros(micros: i64) -> prost_types::Duration {
    // Both parts have the same sign, as the message type requires.
    let nanos = i32::try_from((micros % MICROSECONDS_PER_SECOND) * 1000).unwrap_or_default();
    prost_types::Duration { seconds: micros / MICROSECONDS_PER_SECOND, nanos }
}

/// Reads a duration; it must not be negative.
pub fn span(duration: &prost_types::Duration) -> Result<Duration, String> {
    let fine = duration.seconds >= 0 && (0..1_000_000_000).contains(&duration.nanos);
    match (u64::try_from(duration.seconds), u32::try_from(duration.nanos)) {
        (Ok(seconds), Ok(nanos)) if fine => Ok(Duration::new(seconds, nanos)),
        _ => Err("must not be negative".to_owned()),
    }
}

/// Reads a time.
pub fn moment(given: &prost_types::Timestamp) -> Result<Timestamp, String> {
    let is_time =
        TIMESTAMP_SECONDS.contains(&given.seconds) && (0..1_000_000_000).contains(&given.nanos);
    if !is_time {
        return Err("is not a time of the years 1 to 9999".to_owned());
    }
    let micros = i64::from(given.nanos / 1000);
    Ok(Timestamp::from_micros(given.seconds * MICROSECONDS_PER_SECOND + micros))
}

/// Parses an RFC 3339 time of any year from 0000 to 9999. A leap second becomes the
/// second before it.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    moment_of(text)
        .ok_or_else(|| format!("\"{text}\" is not a time; write it as \"2026-11-01T00:00:00Z\""))
}

/// Computed from its parts, because [`jiff::Timestamp`] ends one day before the end of
/// the year 9999.
fn moment_of(text: &str) -> Option<Timestamp> {
    let text = without_finest_digits(text);
    let pieces = Pieces::parse(text.as_ref()).ok()?;
    if pieces.time_zone_annotation().is_some() {
        return None;
    }
    let clock = pieces.date().to_datetime(pieces.time()?);
    let years = 0..=9999;
    let offset = pieces.to_numeric_offset().filter(|_| years.contains(&clock.year()))?;
    let local = clock.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let micros =
        local.as_micros() - i128::from(offset.seconds()) * i128::from(MICROSECONDS_PER_SECOND);
    i64::try_from(micros).ok().map(Timestamp::from_micros)
}

/// A fraction of a second may have any number of digits; jiff reads nine.
fn without_finest_digits(text: &str) -> Cow<'_, str> {
    let Some((seconds, rest)) = text.split_once('.') else { return Cow::Borrowed(text) };
    let offset = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.get(..9) {
        Some(read) if rest.len() - offset.len() > 9 => {
            Cow::Owned(format!("{seconds}.{read}{offset}"))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_the_epoch_are_read_and_written() {
        let at = timestamp(Timestamp::from_micros(1_500_000));
        assert_eq!((at.seconds, at.nanos), (1, 500_000_000));
        let at = timestamp(Timestamp::from_micros(-1));
        assert_eq!((at.seconds, at.nanos), (-1, 999_999_000));
        assert_eq!(moment(&at).unwrap().as_micros(), -1);
        let at = |seconds| moment(&prost_types::Timestamp { seconds, nanos: 0 });
        assert!(at(*TIMESTAMP_SECONDS.start()).is_ok() && at(*TIMESTAMP_SECONDS.end()).is_ok());
        for outside in [i64::MIN, -62_135_596_801, 253_402_300_800, 9_000_000_000_000, i64::MAX] {
            assert!(at(outside).is_err(), "{outside}");
        }
        assert!(moment(&prost_types::Timestamp { seconds: 0, nanos: -1 }).is_err());
        assert_eq!(parse("1970-01-01T01:00:01+01:00").unwrap().as_micros(), 1_000_000);
    }

    #[test]
    fn any_time_of_rfc_3339_is_read() {
        let seconds =
            |text: &str| parse(text).map(|at| at.as_micros().div_euclid(MICROSECONDS_PER_SECOND));
        for (text, wanted) in [
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799),
            ("9999-12-31T23:59:59-23:59", 253_402_300_799 + 86_340),
            ("9999-12-31T23:59:59+23:59", 253_402_300_799 - 86_340),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
            ("1969-12-31T23:59:59.5Z", -1),
            ("1969-12-31T23:59:59.55555555555555555555Z", -1),
            ("1970-01-01T01:00:00.0000000001+01:00", 0),
            // RFC 3339's own examples, 5.8.
            ("1985-04-12T23:20:50.52Z", 482_196_050),
            ("1996-12-19T16:39:57-08:00", 851_042_397),
            ("1990-12-31T23:59:60Z", 662_687_999),
            ("1990-12-31T15:59:60-08:00", 662_687_999),
            ("1937-01-01T12:00:27.87+00:20", -1_041_337_173),
            ("2026-11-01t00:00:00z", 1_793_491_200),
            ("2026-11-01T00:00:00-00:00", 1_793_491_200),
        ] {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "2026-11-01",
            "2026-11-01T00:00:00",
            "2026-11-01T25:00:00Z",
            "2026-02-29T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "2026-11-01T00:00:00+01:00[Europe/Paris]",
            "yesterday",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let wrong = parse("soon").unwrap_err();
        assert_eq!(wrong, "\"soon\" is not a time; write it as \"2026-11-01T00:00:00Z\"");
    }

    #[test]
    fn durations_round_trip_and_are_not_negative() {
        let half = Duration::from_millis(500);
        assert_eq!(span(&duration(half)).unwrap(), half);
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            assert!(span(&prost_types::Duration { seconds, nanos }).is_err());
        }
        let behind = signed_micros(-1_500_000);
        assert_eq!((behind.seconds, behind.nanos), (-1, -500_000_000));
    }
}
