//! Attempts on a line of time: those that were made, and those of a retry timetable.
//!
//! Fed by pages with moments; feeds them SVG within the page. Guarantees that what the drawing
//! shows is told in words beside it, and that colours come from the style sheet.

use std::time::Duration;

use maud::{Markup, html};

use super::badges::Tone;
use super::times;

/// Where the line is, in pixels from above; the texts are below it.
const LINE_PIXELS: u32 = 16;
const TEXT_PIXELS: u32 = 42;
const HEIGHT_PIXELS: u32 = 48;
/// Beside the first and the last point, in percent of the width, as all that lies along the line.
const MARGIN_PERCENT: f64 = 2.0;
/// Most points of one drawing, as many as a policy may have attempts.
const MAX_MARKS: usize = 100;
/// Texts that would stand closer would overlap: on a screen, and on a phone.
const WIDE_TEXT_PERCENT: f64 = 6.0;
const NARROW_TEXT_PERCENT: f64 = 17.0;

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
    let classes = text_classes(&places);
    html! {
        svg.time-line width="100%" height=(HEIGHT_PIXELS) role="img" aria-label=(title) {
            line.grid x1=(percent(MARGIN_PERCENT)) y1=(LINE_PIXELS)
                x2=(percent(100.0 - MARGIN_PERCENT)) y2=(LINE_PIXELS) {}
            @for ((mark, x), class) in marks.iter().zip(&places).zip(&classes) {
                circle class={ "mark " (mark.tone.class()) } cx=(percent(*x)) cy=(LINE_PIXELS) r="6" {
                    title { (mark.words) }
                }
                @if let Some(class) = class {
                    text class=(class) x=(percent(*x)) y=(TEXT_PIXELS) text-anchor=(anchor(*x)) {
                        (times::short_span(mark.offset))
                    }
                }
            }
        }
    }
}

/// From 0 s to the last mark, in percent.
fn places(marks: &[TimeMark]) -> Vec<f64> {
    let scaled = |offset: Duration| (1.0 + offset.as_secs_f64()).ln();
    let last = marks.iter().map(|mark| scaled(mark.offset)).fold(0.0, f64::max);
    let width = 100.0 - 2.0 * MARGIN_PERCENT;
    let share = |offset| if last > 0.0 { scaled(offset) / last } else { 0.0 };
    marks.iter().map(|mark| MARGIN_PERCENT + width * share(mark.offset)).collect()
}

/// The class of each mark's text; none where it stands too close to the one before.
fn text_classes(places: &[f64]) -> Vec<Option<&'static str>> {
    let (mut before, mut before_narrow) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    let mut classes = Vec::with_capacity(places.len());
    for place in places {
        if place - before < WIDE_TEXT_PERCENT {
            classes.push(None);
            continue;
        }
        before = *place;
        if place - before_narrow < NARROW_TEXT_PERCENT {
            classes.push(Some("axis wide-only"));
            continue;
        }
        before_narrow = *place;
        classes.push(Some("axis"));
    }
    classes
}

/// A text at an end would be cut off if it stood in the middle below its mark.
fn anchor(place: f64) -> &'static str {
    match place {
        place if place < WIDE_TEXT_PERCENT => "start",
        place if place > 100.0 - WIDE_TEXT_PERCENT => "end",
        _ => "middle",
    }
}

fn percent(value: f64) -> String {
    format!("{value:.2}%")
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
                (delays.len()) @if delays.len() == 1 { " attempt" } @else { " attempts" }
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
        assert!(shown.contains(">5 min<") && shown.contains(">1 d<"), "{shown}");
        let classes = text_classes(&[2.0, 5.0, 10.0, 40.0]);
        assert_eq!(classes, [Some("axis"), None, Some("axis wide-only"), Some("axis")]);
        let none = time_line("x", &[]).into_string();
        assert!(!none.contains("NaN"), "{none}");
        let hostile =
            TimeMark { offset: Duration::ZERO, tone: Tone::Bad, words: "<script>".to_owned() };
        let shown = time_line("x", &[hostile]).into_string();
        assert!(!shown.contains("<script"), "{shown}");
    }
}
