//! Attempts on a line of time: those that were made, and those of a retry timetable.
//!
//! Fed by pages with moments; feeds them SVG within the page. Guarantees that what the drawing
//! shows is told in words beside it, and that colours come from the style sheet.

use std::time::Duration;

use maud::{Markup, html};

use super::badges::Tone;
use super::times;

const WIDTH_UNITS: f64 = 1000.0;
const HEIGHT_UNITS: f64 = 56.0;
const LINE_UNITS: f64 = 22.0;
/// Beside the first and the last point.
const MARGIN_UNITS: f64 = 30.0;
/// Most points of one drawing, as many as a policy may have attempts.
const MAX_MARKS: usize = 100;
/// Texts that would stand closer would overlap.
const MIN_TEXT_UNITS: f64 = 70.0;

/// A point on the line.
#[derive(Clone, Debug)]
pub struct TimeMark {
    /// Since the line's beginning.
    pub offset: Duration,
    pub tone: Tone,
    pub words: String,
}

/// Points on a line. Spans of seconds are to be seen beside spans of days, so that lengths
/// follow the logarithm where the whole is long.
pub fn time_line(title: &str, marks: &[TimeMark]) -> Markup {
    let marks = marks.get(..MAX_MARKS).unwrap_or(marks);
    let places = places(marks);
    let texts = texts(&places);
    html! {
        svg.time-line viewBox={ "0 0 " (WIDTH_UNITS) " " (HEIGHT_UNITS) } role="img"
            aria-label=(title) {
            path.grid d={ "M" (MARGIN_UNITS) " " (LINE_UNITS) "H" (WIDTH_UNITS - MARGIN_UNITS) } {}
            @for ((mark, x), has_text) in marks.iter().zip(&places).zip(&texts) {
                circle class={ "mark " (mark.tone.class()) } cx=(units(*x)) cy=(LINE_UNITS) r="7" {
                    title { (mark.words) }
                }
                @if *has_text {
                    text.axis x=(units(*x)) y=(HEIGHT_UNITS - 8.0) text-anchor="middle" {
                        (times::span(mark.offset))
                    }
                }
            }
        }
    }
}

/// From 0 s to the last mark, in units.
fn places(marks: &[TimeMark]) -> Vec<f64> {
    let scaled = |offset: Duration| (1.0 + offset.as_secs_f64()).ln();
    let last = marks.iter().map(|mark| scaled(mark.offset)).fold(0.0, f64::max);
    let width = WIDTH_UNITS - 2.0 * MARGIN_UNITS;
    let share = |offset| if last > 0.0 { scaled(offset) / last } else { 0.0 };
    marks.iter().map(|mark| MARGIN_UNITS + width * share(mark.offset)).collect()
}

/// Which marks have a text: those that stand far enough from the one before.
fn texts(places: &[f64]) -> Vec<bool> {
    let mut before = f64::NEG_INFINITY;
    let mut texts = Vec::with_capacity(places.len());
    for place in places {
        let fits = place - before >= MIN_TEXT_UNITS;
        if fits {
            before = *place;
        }
        texts.push(fits);
    }
    texts
}

fn units(value: f64) -> String {
    format!("{value:.1}")
}

/// The timetable of a retry policy: the delay before each attempt, the first one's included.
pub fn timetable(delays: &[Duration]) -> Markup {
    let mut since = Duration::ZERO;
    let marks: Vec<TimeMark> = delays
        .iter()
        .zip(1_u32..)
        .map(|(delay, number)| {
            since = since.saturating_add(*delay);
            let tone = if number == 1 { Tone::Good } else { Tone::Plain };
            let words = format!("Attempt {number}, {} after the first", times::span(since));
            TimeMark { offset: since, tone, words }
        })
        .collect();
    html! {
        figure.timetable {
            figcaption {
                (delays.len()) " attempts"
                @if !since.is_zero() { " over " (times::span(since)) }
                ", if each fails"
            }
            (time_line("Attempts over time; the list below says the same", &marks))
            ol.delays {
                @for (delay, number) in delays.iter().zip(1_u32..) {
                    li { @if number == 1 { "at once" } @else { "after " (times::span(*delay)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timetable_is_drawn_and_told() {
        let delays = [0, 5, 300, 86_400].map(Duration::from_secs);
        let shown = timetable(&delays).into_string();
        assert_eq!(shown.matches("<circle").count(), 4, "{shown}");
        for told in ["4 attempts over 1 day", "at once", "after 5 seconds", "after 5 minutes"] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        assert!(!shown.contains("NaN") && !shown.contains("style="), "{shown}");
        let none = time_line("x", &[]).into_string();
        assert!(!none.contains("NaN"), "{none}");
        let hostile =
            TimeMark { offset: Duration::ZERO, tone: Tone::Bad, words: "<script>".to_owned() };
        let shown = time_line("x", &[hostile]).into_string();
        assert!(!shown.contains("<script"), "{shown}");
    }
}
