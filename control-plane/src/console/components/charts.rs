//! Charts, drawn on the server, each with its table in words.
//!
//! Fed by pages with numbers; feeds them SVG within the page. Guarantees that a chart shows what
//! its table says, that a missing value is a gap and not a zero, and that colours come from the
//! style sheet.

use maud::{Markup, html};

/// The drawing's size; the style sheet stretches it, and texts stand beside it as they are.
const WIDTH_UNITS: f64 = 1000.0;
const HEIGHT_UNITS: f64 = 100.0;
/// Of durations, told in seconds where they are long.
pub const MILLISECONDS: &str = " ms";
/// Most points of one chart: an hour's for two weeks.
const MAX_POINTS: usize = 400;
/// Lines across a chart, and texts below it.
const GRID_LINES: u32 = 4;
const MAX_AXIS_TEXTS: usize = 5;

/// Numbers of one kind, one for each label of the chart.
#[derive(Clone, Debug)]
pub struct ChartSeries {
    pub name: String,
    pub values: Vec<Option<f64>>,
}

/// What a chart is about.
#[derive(Clone, Copy, Debug)]
pub struct ChartFrame<'a> {
    /// Of the page's charts; letters, digits and hyphens.
    pub id: &'a str,
    pub title: &'a str,
    /// As "ms" or "%"; empty for counts.
    pub unit: &'a str,
    /// Where the values end at the top; none: at the largest.
    pub top: Option<f64>,
    /// One for each point, oldest first.
    pub labels: &'a [String],
}

/// Bars beside each other; of several series, stacked.
pub fn bars(frame: ChartFrame<'_>, series: &[ChartSeries]) -> Markup {
    let stacked = |at: usize| series.iter().filter_map(|series| value(series, at)).sum::<f64>();
    let points = frame.labels.len().min(MAX_POINTS);
    // With fewer, lines would cross at parts of one.
    let largest = (0..points).map(stacked).fold(f64::from(GRID_LINES), f64::max);
    let scale = Scale::new(points, frame.top.unwrap_or_else(|| rounded_up(largest)));
    let drawing = html! {
        @for at in 0..points {
            @for (number, rectangle) in rectangles(&scale, series, at) {
                rect class={ "series-" (number) } x=(units(rectangle.x)) y=(units(rectangle.y))
                    width=(units(rectangle.width)) height=(units(rectangle.height)) {}
            }
        }
    };
    chart(frame, series, &scale, drawing)
}

/// Lines over time.
pub fn lines(frame: ChartFrame<'_>, series: &[ChartSeries]) -> Markup {
    let points = frame.labels.len().min(MAX_POINTS);
    let all = series.iter().flat_map(|series| series.values.iter().take(points).flatten());
    let largest = all.copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let scale = Scale::new(points, frame.top.unwrap_or_else(|| rounded_up(largest)));
    let drawing = html! {
        @for (number, series) in series.iter().enumerate() {
            path class={ "line series-" (number) } d=(outline(&scale, series)) fill="none" {}
            @let lone = lone_points(&scale, series);
            @if !lone.is_empty() {
                path class={ "line dot series-" (number) } d=(lone) fill="none" {}
            }
        }
    };
    chart(frame, series, &scale, drawing)
}

/// A finite value of a series, at a point.
fn value(series: &ChartSeries, at: usize) -> Option<f64> {
    series.values.get(at).copied().flatten().filter(|value| value.is_finite() && *value >= 0.0)
}

/// From values to the drawing's units.
struct Scale {
    points: f64,
    top: f64,
}

impl Scale {
    fn new(points: usize, top: f64) -> Self {
        Self { points: points.max(1) as f64, top: if top > 0.0 { top } else { 1.0 } }
    }

    /// Values at which lines cross the chart, from below.
    fn grid(&self) -> impl DoubleEndedIterator<Item = f64> {
        let top = self.top;
        (0..=GRID_LINES).map(move |line| top * f64::from(line) / f64::from(GRID_LINES))
    }

    fn step(&self) -> f64 {
        WIDTH_UNITS / self.points
    }

    fn x(&self, at: usize) -> f64 {
        self.step() * at as f64
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT_UNITS * (1.0 - (value / self.top).clamp(0.0, 1.0))
    }
}

/// The next number whose quarters are read easily.
fn rounded_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.2, 2.0, 4.0, 8.0, 12.0].map(|step| step * power);
    steps.into_iter().find(|step| value <= *step).unwrap_or(value)
}

struct BarRectangle {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

fn rectangles(scale: &Scale, series: &[ChartSeries], at: usize) -> Vec<(usize, BarRectangle)> {
    let mut below = 0.0;
    let mut found = Vec::new();
    for (number, series) in series.iter().enumerate() {
        let Some(value) = value(series, at) else { continue };
        let (top, bottom) = (scale.y(below + value), scale.y(below));
        below += value;
        let (x, width) = (scale.x(at) + scale.step() * 0.1, scale.step() * 0.8);
        found.push((number, BarRectangle { x, y: top, width, height: bottom - top }));
    }
    found
}

/// A path through the values, with gaps.
fn outline(scale: &Scale, series: &ChartSeries) -> String {
    let mut path = String::new();
    let mut is_drawing = false;
    for at in 0..series.values.len().min(MAX_POINTS) {
        let Some(value) = value(series, at) else {
            is_drawing = false;
            continue;
        };
        let command = if is_drawing { 'L' } else { 'M' };
        path.push_str(&format!("{command}{}", place(scale, at, value)));
        is_drawing = true;
    }
    path
}

/// Points between two gaps, each as a line so short that the style sheet makes it a dot: a line
/// through one point is not seen.
fn lone_points(scale: &Scale, series: &ChartSeries) -> String {
    let is_gap = |at: usize| at >= MAX_POINTS || value(series, at).is_none();
    let mut path = String::new();
    for at in 0..series.values.len().min(MAX_POINTS) {
        let Some(value) = value(series, at) else { continue };
        if is_gap(at + 1) && at.checked_sub(1).is_none_or(is_gap) {
            path.push_str(&format!("M{}h.1", place(scale, at, value)));
        }
    }
    path
}

/// Where a point of a line is.
fn place(scale: &Scale, at: usize, value: f64) -> String {
    format!("{} {}", units(scale.x(at) + scale.step() / 2.0), units(scale.y(value)))
}

fn units(value: f64) -> String {
    format!("{value:.1}")
}

fn chart(frame: ChartFrame<'_>, series: &[ChartSeries], scale: &Scale, drawing: Markup) -> Markup {
    let ChartFrame { id, title, unit, labels, .. } = frame;
    html! {
        figure.chart {
            figcaption { (title) }
            // One series has it too, so that charts beside each other are level.
            @if !series.is_empty() {
                ul.legend {
                    @for (number, series) in series.iter().enumerate() {
                        li { span class={ "swatch series-" (number) } aria-hidden="true" {} (series.name) }
                    }
                }
            }
            div.plot {
                ul.ticks aria-hidden="true" {
                    @for value in scale.grid().rev() { li { (value_text(value, unit)) } }
                }
                svg viewBox={ "0 0 " (WIDTH_UNITS) " " (HEIGHT_UNITS) } role="img"
                    aria-labelledby={ (id) "-title" } preserveAspectRatio="none" {
                    title id={ (id) "-title" } { (title) ". The table below says the same." }
                    @for value in scale.grid() {
                        path.grid d={ "M0 " (units(scale.y(value))) "H" (WIDTH_UNITS) } {}
                    }
                    (drawing)
                }
                (axis(labels))
            }
            details {
                summary { "As a table" }
                (table(frame, series))
            }
        }
    }
}

/// Texts below the chart, from its beginning to its end.
fn axis(labels: &[String]) -> Markup {
    let points = labels.len().min(MAX_POINTS);
    let texts = points.min(MAX_AXIS_TEXTS);
    let last = texts.saturating_sub(1).max(1);
    let shown = (0..texts).filter_map(|text| labels.get(text * points.saturating_sub(1) / last));
    html! {
        ul.times aria-hidden="true" {
            // Every other one, where there is little room.
            @for (number, label) in shown.enumerate() {
                li.wide-only[number % 2 == 1] { (label) }
            }
        }
    }
}

fn table(frame: ChartFrame<'_>, series: &[ChartSeries]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(frame.title) {
            table {
                thead {
                    tr {
                        th scope="col" { "Time" }
                        @for series in series { th scope="col" { (series.name) } }
                    }
                }
                tbody {
                    @for (at, label) in frame.labels.iter().enumerate().take(MAX_POINTS) {
                        tr {
                            th scope="row" { (label) }
                            @for series in series {
                                td {
                                    @if let Some(value) = value(series, at) {
                                        (value_text(value, frame.unit))
                                    } @else { "–" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A value with its unit.
pub fn value_text(value: f64, unit: &str) -> String {
    if unit == MILLISECONDS && value >= 1000.0 {
        format!("{} s", number(value / 1000.0))
    } else {
        format!("{}{unit}", number(value))
    }
}

/// A number with as many digits as are of use.
pub fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        grouped(&format!("{value:.0}"))
    } else {
        format!("{value:.1}")
    }
}

/// Digits with a comma between thousands.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        let rest = digits.len().saturating_sub(at);
        if at > 0 && rest.is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(labels: &[String]) -> ChartFrame<'_> {
        ChartFrame { id: "c", title: "Volume <b>", unit: "", top: None, labels }
    }

    #[test]
    fn a_chart_and_its_table_say_the_same() {
        let labels: Vec<_> = (0..3).map(|hour| format!("{hour}:00")).collect();
        let values = vec![Some(1.0), None, Some(4.0)];
        let series = [ChartSeries { name: "<i>".to_owned(), values }];
        let shown = bars(frame(&labels), &series).into_string();
        assert_eq!(shown.matches("<rect").count(), 2, "{shown}");
        assert!(shown.contains("<td>4</td>") && shown.contains("<td>–</td>"), "{shown}");
        assert!(!shown.contains("<b>") && !shown.contains("<i>"), "{shown}");
        assert!(!shown.contains("style="), "{shown}");
    }

    #[test]
    fn a_line_has_gaps_and_odd_values_are_gaps() {
        let labels: Vec<_> = (0..5).map(|hour| hour.to_string()).collect();
        let values = vec![Some(1.0), Some(2.0), None, Some(f64::NAN), Some(-1.0)];
        let series = [ChartSeries { name: "p50".to_owned(), values }];
        let shown = lines(frame(&labels), &series).into_string();
        assert!(!shown.contains("NaN"), "{shown}");
        assert!(!shown.contains("dot"), "no point is alone: {shown}");
        let nothing = lines(frame(&[]), &[]).into_string();
        assert!(nothing.contains("<svg"), "{nothing}");
    }

    #[test]
    fn a_point_without_neighbours_is_a_dot() {
        let labels: Vec<_> = (0..5).map(|hour| hour.to_string()).collect();
        for (values, dots) in [
            (vec![None, None, None, None, Some(1.0)], 1),
            (vec![Some(1.0), None, Some(2.0), None, Some(1.0)], 3),
            (vec![Some(1.0), Some(2.0), None, Some(1.0), Some(1.0)], 0),
        ] {
            let series = [ChartSeries { name: "p50".to_owned(), values }];
            let shown = lines(frame(&labels), &series).into_string();
            assert_eq!(shown.matches("h.1").count(), dots, "{shown}");
            assert_eq!(shown.matches("line dot series-0").count(), dots.min(1), "{shown}");
        }
    }

    #[test]
    fn numbers_are_told_as_people_read_them() {
        for (value, told) in
            [(7.26, "7.3"), (99.0, "99"), (1000.0, "1,000"), (227_985.0, "227,985")]
        {
            assert_eq!(number(value), told);
        }
        assert_eq!(value_text(20_000.0, MILLISECONDS), "20 s");
        assert_eq!(value_text(60.2, MILLISECONDS), "60.2 ms");
        assert_eq!(value_text(20_000.0, ""), "20,000");
        let labels: Vec<_> = (0..48).map(|hour| hour.to_string()).collect();
        let shown = axis(&labels).into_string();
        for label in ["0", "11", "23", "35", "47"] {
            assert!(shown.contains(&format!(">{label}<")), "{label}: {shown}");
        }
        assert!(!axis(&[]).into_string().contains("<li"));
    }

    #[test]
    fn the_top_of_a_chart_is_a_round_number() {
        for (value, top) in [(0.3, 0.4), (1.0, 1.2), (7.0, 8.0), (130.0, 200.0)] {
            assert!((rounded_up(value) - top).abs() < 1e-9, "{value}");
        }
    }
}
