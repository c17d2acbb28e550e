//! Charts, drawn on the server, each with its table in words.
//!
//! Fed by pages with numbers; feeds them SVG within the page. Guarantees that a chart shows what
//! its table says, that a missing value is a gap and not a zero, and that colours come from the
//! style sheet.

use maud::{Markup, html};

/// The drawing's size; the style sheet lets it shrink and grow.
const WIDTH_UNITS: f64 = 640.0;
const HEIGHT_UNITS: f64 = 180.0;
const LEFT_UNITS: f64 = 48.0;
const BOTTOM_UNITS: f64 = 22.0;
const TOP_UNITS: f64 = 8.0;
/// Most points of one chart: an hour's for two weeks.
const MAX_POINTS: usize = 400;
/// Lines across a chart, and texts below it.
const GRID_LINES: u32 = 4;
const MAX_AXIS_TEXTS: usize = 6;

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
    let largest = (0..points).map(stacked).fold(0.0, f64::max);
    let scale = Scale::new(points, frame.top.unwrap_or(largest));
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
    let scale = Scale::new(points, frame.top.unwrap_or(largest));
    let drawing = html! {
        @for (number, series) in series.iter().enumerate() {
            path class={ "line series-" (number) } d=(outline(&scale, series)) fill="none" {}
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
        Self { points: points.max(1) as f64, top: if top > 0.0 { rounded_up(top) } else { 1.0 } }
    }

    fn step(&self) -> f64 {
        (WIDTH_UNITS - LEFT_UNITS) / self.points
    }

    fn x(&self, at: usize) -> f64 {
        LEFT_UNITS + self.step() * at as f64
    }

    fn y(&self, value: f64) -> f64 {
        let height = HEIGHT_UNITS - TOP_UNITS - BOTTOM_UNITS;
        TOP_UNITS + height * (1.0 - (value / self.top).clamp(0.0, 1.0))
    }
}

/// The next number that is read easily: 1, 2 or 5 and zeros.
fn rounded_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
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
        let (x, y) = (scale.x(at) + scale.step() / 2.0, scale.y(value));
        path.push_str(&format!("{command}{} {}", units(x), units(y)));
        if !is_drawing {
            // A point between two gaps is seen.
            path.push_str("h.1");
        }
        is_drawing = true;
    }
    path
}

fn units(value: f64) -> String {
    format!("{value:.1}")
}

fn chart(frame: ChartFrame<'_>, series: &[ChartSeries], scale: &Scale, drawing: Markup) -> Markup {
    let ChartFrame { id, title, unit, labels, .. } = frame;
    html! {
        figure.chart {
            figcaption { (title) }
            @if series.len() > 1 {
                ul.legend {
                    @for (number, series) in series.iter().enumerate() {
                        li { span class={ "swatch series-" (number) } aria-hidden="true" {} (series.name) }
                    }
                }
            }
            svg viewBox={ "0 0 " (WIDTH_UNITS) " " (HEIGHT_UNITS) } role="img"
                aria-labelledby={ (id) "-title" } preserveAspectRatio="none" {
                title id={ (id) "-title" } { (title) ". The table below says the same." }
                (grid(scale, unit))
                (drawing)
                (axis(scale, labels))
            }
            details {
                summary { "As a table" }
                (table(frame, series))
            }
        }
    }
}

fn grid(scale: &Scale, unit: &str) -> Markup {
    html! {
        @for line in 0..=GRID_LINES {
            @let value = scale.top * f64::from(line) / f64::from(GRID_LINES);
            @let y = units(scale.y(value));
            path.grid d={ "M" (units(LEFT_UNITS)) " " (y) "H" (units(WIDTH_UNITS)) } {}
            text.axis x=(units(LEFT_UNITS - 6.0)) y=(y) text-anchor="end"
                dominant-baseline="middle" { (number(value)) (unit) }
        }
    }
}

fn axis(scale: &Scale, labels: &[String]) -> Markup {
    let points = labels.len().min(MAX_POINTS);
    let every = points.div_ceil(MAX_AXIS_TEXTS).max(1);
    html! {
        @for (at, label) in labels.iter().enumerate().take(points).step_by(every) {
            text.axis x=(units(scale.x(at) + scale.step() / 2.0)) y=(units(HEIGHT_UNITS - 6.0))
                text-anchor="middle" { (label) }
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
                                        (number(value)) (frame.unit)
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

/// A number with as many digits as are of use.
pub fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
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
        let nothing = lines(frame(&[]), &[]).into_string();
        assert!(nothing.contains("<svg"), "{nothing}");
    }

    #[test]
    fn the_top_of_a_chart_is_a_round_number() {
        for (value, top) in [(0.3, 0.5), (1.0, 1.0), (7.0, 10.0), (120.0, 200.0)] {
            assert!((rounded_up(value) - top).abs() < 1e-9, "{value}");
        }
    }
}
