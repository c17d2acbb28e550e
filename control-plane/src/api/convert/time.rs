//! Times and durations.

use std::time::Duration;

use postrider_domain::time::Timestamp;

const MICROS: i64 = 1_000_000;

pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_micros();
    let nanos = i32::try_from(micros.rem_euclid(MICROS) * 1000).unwrap_or_default();
    prost_types::Timestamp { seconds: micros.div_euclid(MICROS), nanos }
}

pub fn duration(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

/// A signed number of microseconds.
pub fn signed_micros(micros: i64) -> prost_types::Duration {
    // Both parts have the same sign, as the type demands.
    let nanos = i32::try_from((micros % MICROS) * 1000).unwrap_or_default();
    prost_types::Duration { seconds: micros / MICROS, nanos }
}

/// A duration that is not negative.
pub fn span(duration: &prost_types::Duration) -> Result<Duration, String> {
    let fine = duration.seconds >= 0 && (0..1_000_000_000).contains(&duration.nanos);
    match (u64::try_from(duration.seconds), u32::try_from(duration.nanos)) {
        (Ok(seconds), Ok(nanos)) if fine => Ok(Duration::new(seconds, nanos)),
        _ => Err("must not be negative".to_owned()),
    }
}

/// A moment as callers send it.
pub fn moment(given: &prost_types::Timestamp) -> Result<Timestamp, String> {
    let nanos = i64::from(given.nanos);
    let micros = given.seconds.checked_mul(MICROS).and_then(|m| m.checked_add(nanos / 1000));
    match micros {
        Some(micros) if (0..1_000_000_000).contains(&nanos) => Ok(Timestamp::from_micros(micros)),
        _ => Err("is not a time".to_owned()),
    }
}

/// A moment in RFC 3339.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| format!("\"{text}\" is not a time; write it as \"2026-11-01T00:00:00Z\""))?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_the_epoch() {
        let at = timestamp(Timestamp::from_micros(1_500_000));
        assert_eq!((at.seconds, at.nanos), (1, 500_000_000));
        let at = timestamp(Timestamp::from_micros(-1));
        assert_eq!((at.seconds, at.nanos), (-1, 999_999_000));
        assert_eq!(moment(&at).unwrap().as_micros(), -1);
        assert!(moment(&prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }).is_err());
        assert!(moment(&prost_types::Timestamp { seconds: 0, nanos: -1 }).is_err());
        assert_eq!(parse("1970-01-01T01:00:01+01:00").unwrap().as_micros(), 1_000_000);
        assert!(parse("2026-11-01").is_err());
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
