//! Slopes: what grows, and how fast.
//!
//! Fed by a site at the end of each round; feeds standard output with a table. Guarantees that
//! a figure is taken while nothing is under way, that the first sample, of programs that have
//! just warmed up, bends no slope, and that what never changes takes no line.

use std::collections::BTreeMap;

use anyhow::Result;
use postrider_tests::process;
use tokio::time::Instant;

use crate::site::Site;

const KIBIBYTE: f64 = 1024.0;
const SECONDS_PER_HOUR: f64 = 3600.0;
/// With fewer a slope says nothing.
const LEAST_POINTS: usize = 3;

/// A figure at a moment.
#[derive(Clone, Copy, Debug)]
struct Point {
    hours: f64,
    /// How many events had been published.
    events: f64,
    value: f64,
}

/// All figures of all samples, by name.
#[derive(Debug, Default)]
pub struct Samples {
    begun: Option<Instant>,
    events: u64,
    figures: BTreeMap<String, Vec<Point>>,
}

impl Samples {
    /// Takes a sample after so many more events.
    pub async fn take(&mut self, site: &mut Site, events: u64) -> Result<()> {
        self.events += events;
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let hours = begun.elapsed().as_secs_f64() / SECONDS_PER_HOUR;
        for (name, id) in site.survivors()? {
            self.add(hours, format!("{name}: memory, KiB"), process::memory(id)? as f64);
            self.add(hours, format!("{name}: open files"), process::open_files(id)? as f64);
        }
        for (name, bytes) in site.stored_bytes().await? {
            self.add(hours, format!("stored: {name}, KiB"), bytes as f64 / KIBIBYTE);
        }
        Ok(())
    }

    fn add(&mut self, hours: f64, name: String, value: f64) {
        let point = Point { hours, events: self.events as f64, value };
        self.figures.entry(name).or_default().push(point);
    }

    /// Prints first and last values, and what they grow by.
    pub fn tell(&self) {
        println!("\n| figure | first | last | an hour | 1,000 events |\n|---|---:|---:|---:|---:|");
        for (name, points) in &self.figures {
            let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
            let is_stored = name.starts_with("stored: ");
            if is_stored && points.iter().all(|point| point.value == first.value) {
                continue;
            }
            // The first is of programs that have just warmed up.
            let later = points.get(1..).unwrap_or_default();
            let hourly = slope(later, |point| point.hours);
            let by_events = slope(later, |point| point.events / 1_000.0);
            println!(
                "| {name} | {:.0} | {:.0} | {} | {} |",
                first.value,
                last.value,
                shown(hourly),
                shown(by_events),
            );
        }
        println!("{} events", self.events);
    }
}

fn shown(slope: Option<f64>) -> String {
    slope.map_or_else(|| "–".to_owned(), |slope| format!("{slope:+.1}"))
}

/// The line that has the least squares; none of few points, or of points at one place.
fn slope(points: &[Point], along: impl Fn(&Point) -> f64) -> Option<f64> {
    if points.len() < LEAST_POINTS {
        return None;
    }
    let count = points.len() as f64;
    let middle = points.iter().map(&along).sum::<f64>() / count;
    let mean = points.iter().map(|point| point.value).sum::<f64>() / count;
    let mut products = 0.0;
    let mut squares = 0.0;
    for point in points {
        let apart = along(point) - middle;
        products += apart * (point.value - mean);
        squares += apart * apart;
    }
    (squares > 0.0).then(|| products / squares)
}

#[cfg(test)]
mod tests {
    use super::{Point, slope};

    fn at(hours: f64, value: f64) -> Point {
        Point { hours, events: hours * 1_000.0, value }
    }

    #[test]
    fn a_slope_is_that_of_the_line_through_its_points() {
        let rising = [at(0.0, 5.0), at(1.0, 8.0), at(2.0, 11.0)];
        assert_eq!(slope(&rising, |point| point.hours), Some(3.0));
        let around = [at(0.0, 4.0), at(1.0, 6.0), at(2.0, 4.0), at(3.0, 6.0)];
        let found = slope(&around, |point| point.hours);
        assert!(found.is_some_and(|slope| slope > 0.3 && slope < 0.5), "{found:?}");
    }

    #[test]
    fn few_points_and_points_at_one_place_have_none() {
        assert_eq!(slope(&[at(0.0, 1.0), at(1.0, 2.0)], |point| point.hours), None);
        assert_eq!(slope(&[at(1.0, 1.0); 4], |point| point.hours), None);
    }
}
