//! Times and spans: read as RFC 3339, as a date or as a span before now, and shown as told.

use std::time::Duration;

use jiff::Timestamp;

const SECOND_MILLISECONDS: u64 = 1000;
const MINUTE_MILLISECONDS: u64 = 60 * SECOND_MILLISECONDS;
const HOUR_MILLISECONDS: u64 = 60 * MINUTE_MILLISECONDS;
const DAY_MILLISECONDS: u64 = 24 * HOUR_MILLISECONDS;

/// How times are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeStyle {
    /// In full, instead of by their distance from now.
    pub is_absolute: bool,
    pub now: Timestamp,
}

impl TimeStyle {
    /// A moment.
    pub fn show(self, at: Timestamp) -> String {
        if self.is_absolute { at.to_string() } else { relative(at, self.now) }
    }
}

/// How far away a moment is: "3 min ago", "in 2 h".
fn relative(at: Timestamp, now: Timestamp) -> String {
    let past = now.as_millisecond() - at.as_millisecond();
    let distance = past.unsigned_abs();
    if distance < SECOND_MILLISECONDS {
        return "now".to_owned();
    }
    let (unit, name) = match distance {
        0..MINUTE_MILLISECONDS => (SECOND_MILLISECONDS, "s"),
        MINUTE_MILLISECONDS..HOUR_MILLISECONDS => (MINUTE_MILLISECONDS, "min"),
        HOUR_MILLISECONDS..DAY_MILLISECONDS => (HOUR_MILLISECONDS, "h"),
        _ => (DAY_MILLISECONDS, "d"),
    };
    let count = distance / unit;
    if past > 0 { format!("{count} {name} ago") } else { format!("in {count} {name}") }
}

/// A duration in the unit that suits it.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        0 if duration.is_zero() => "0 s".to_owned(),
        0 => format!("{:.0} ms", seconds * 1000.0),
        1..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{:.1} min", seconds / 60.0),
        3600..86_400 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.1} d", seconds / 86_400.0),
    }
}

/// "1h30m", "45s", "250ms", "7d".
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let problem = || format!("\"{text}\" is no span: write it as 45s, 30m, 12h, 7d or 1h30m");
    let mut milliseconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(problem)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "ms" => 1,
            "s" => SECOND_MILLISECONDS,
            "m" | "min" => MINUTE_MILLISECONDS,
            "h" => HOUR_MILLISECONDS,
            "d" => DAY_MILLISECONDS,
            _ => return Err(problem()),
        };
        let number: u64 = number.parse().map_err(|_| problem())?;
        let more = number.checked_mul(unit).ok_or_else(problem)?;
        milliseconds = milliseconds.checked_add(more).ok_or_else(problem)?;
        rest = after;
    }
    if text.is_empty() {
        return Err(problem());
    }
    Ok(Duration::from_millis(milliseconds))
}

/// RFC 3339, a date (its beginning, UTC), "now", or a span before now.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if text == "now" {
        return Ok(now);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(day) = format!("{text}T00:00:00Z").parse::<Timestamp>() {
        return Ok(day);
    }
    let problem = || {
        format!(
            "\"{text}\" is no time: write it as 2026-11-01T08:00:00Z, as 2026-11-01, or as a \
             span before now such as 1h or 2d"
        )
    };
    let span = parse_span(text).map_err(|_| problem())?;
    let span = i64::try_from(span.as_millis()).map_err(|_| problem())?;
    let past = now.as_millisecond().checked_sub(span).ok_or_else(problem)?;
    Timestamp::from_millisecond(past).map_err(|_| problem())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn spans_have_units() {
        for (text, milliseconds) in
            [("45s", 45_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("250ms", 250), ("0s", 0)]
        {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "5", "h", "-1h", "1w", "1h 2m", "99999999999999999999d", "1é"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_absolute_or_before_now() {
        let now = time("2026-11-02T12:00:00Z");
        for (text, wanted) in [
            ("now", "2026-11-02T12:00:00Z"),
            ("1h", "2026-11-02T11:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T08:00:00+01:00", "2026-11-01T07:00:00Z"),
        ] {
            assert_eq!(parse_time(text, now), Ok(time(wanted)), "{text}");
        }
        for bad in ["", "yesterday", "2026-13-01", "99999999d"] {
            assert!(parse_time(bad, now).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_shown_as_told() {
        let now = time("2026-11-02T12:00:00Z");
        let shown = |text: &str| TimeStyle { is_absolute: false, now }.show(time(text));
        assert_eq!(shown("2026-11-02T11:57:00Z"), "3 min ago");
        assert_eq!(shown("2026-11-02T14:00:00Z"), "in 2 h");
        assert_eq!(shown("2026-11-02T12:00:00.4Z"), "now");
        let absolute = TimeStyle { is_absolute: true, now };
        assert_eq!(absolute.show(now), "2026-11-02T12:00:00Z");
    }

    #[test]
    fn durations_are_in_the_unit_that_suits_them() {
        for (milliseconds, wanted) in
            [(0, "0 s"), (23, "23 ms"), (1500, "1.5 s"), (90_000, "1.5 min"), (86_400_000, "1.0 d")]
        {
            assert_eq!(duration_text(Duration::from_millis(milliseconds)), wanted);
        }
    }
}
