//! Latency over load, as a picture: where a curve bends, the load is more than is taken in time.

use super::chart::Chart;

/// Latencies under one load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadPoint {
    /// Commands a second, as planned.
    pub per_second: f64,
    /// Latencies at 50 %, 99 % and 99.9 %, in nanoseconds.
    pub latency_ns: [u64; 3],
}

const NAMES: [&str; 3] = ["50 %", "99 %", "99.9 %"];
/// Marks from left to right, the first at 0.
const MARKS: u32 = 5;

/// A curve for each percentile over `points`, which go up in load, as SVG.
#[must_use]
pub fn curves_svg(title: &str, points: &[LoadPoint]) -> String {
    let values = || points.iter().flat_map(|point| point.latency_ns);
    let lowest = values().min().unwrap_or(1) as f64;
    let highest = values().max().unwrap_or(1) as f64;
    let most = points.iter().map(|point| point.per_second).fold(1.0, f64::max);
    let mut chart = Chart::new(title, "commands a second, as planned", lowest, highest);
    for mark in 0..=MARKS {
        let part = f64::from(mark) / f64::from(MARKS);
        chart.mark(part, &per_second(most * part));
    }
    for (index, name) in NAMES.iter().enumerate() {
        let line =
            points.iter().map(|point| (point.per_second / most, point.latency_ns[index] as f64));
        chart.line(name, line);
    }
    chart.finish()
}

/// A number of commands a second, short.
fn per_second(number: f64) -> String {
    match number {
        1e6.. => format!("{:.2} M", number / 1e6),
        1e3.. => format!("{:.1} k", number / 1e3),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::points;
    use super::*;

    #[test]
    fn each_percentile_is_a_line_that_goes_right_with_the_load_and_up_with_the_latency() {
        let loads = [(1_000.0, [100, 200, 300]), (2_000.0, [110, 900, 40_000])];
        let loads = loads.map(|(per_second, latency_ns)| LoadPoint { per_second, latency_ns });
        let picture = curves_svg("a title", &loads);
        for text in ["a title", "50 %", "99 %", "99.9 %", "2.0 k", "100 ns"] {
            assert!(picture.contains(&format!(">{text}</text>")), "{text}: {picture}");
        }
        let lines = points(&picture);
        assert_eq!(lines.len(), 3);
        for line in &lines {
            assert!(line[0].0 < line[1].0 && line[0].1 > line[1].1, "{line:?}");
        }
        assert!(lines[0][1].1 > lines[1][1].1 && lines[1][1].1 > lines[2][1].1, "{lines:?}");
    }
}
