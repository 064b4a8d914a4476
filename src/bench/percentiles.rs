//! Latencies by percentile: as HdrHistogram's text, and as a picture.

use std::fmt::{self, Display};

use hdrhistogram::Histogram;

use super::Series;
use super::chart::Chart;

/// Steps to each halving of the distance to 100 %.
const STEPS: u32 = 5;

/// Percentiles as HdrHistogram's own tools print and plot them; values in nanoseconds.
pub struct Percentiles<'a>(pub &'a Histogram<u64>);

impl Display for Percentiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Percentiles(histogram) = *self;
        writeln!(f, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", {
            "1/(1-Percentile)"
        })?;
        let mut count = 0;
        for step in histogram.iter_quantiles(STEPS) {
            count += step.count_since_last_iteration();
            let (value, quantile) = (step.value_iterated_to() as f64, step.quantile_iterated_to());
            write!(f, "{value:12.3} {quantile:2.12} {count:10}")?;
            match quantile {
                1.0.. => writeln!(f)?,
                below => writeln!(f, " {:14.2}", 1.0 / (1.0 - below))?,
            }
        }
        let (mean, deviation) = (histogram.mean(), histogram.stdev());
        writeln!(f, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
        let (max, total) = (histogram.max() as f64, histogram.len());
        writeln!(f, "#[Max     = {max:12.3}, Total count    = {total:12}]")?;
        let (buckets, sub_buckets) = (histogram.buckets(), SUB_BUCKETS);
        writeln!(f, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]")
    }
}

/// Sub-buckets of a histogram of three digits: the next power of two above 2 × 10³.
const SUB_BUCKETS: u32 = 2048;

/// Marks from left to right.
const MARKS: [(f64, &str); 6] = [
    (0.0, "0 %"),
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
];

/// Latency over percentile, both logarithmic, a line for each of `series`, as SVG.
#[must_use]
pub fn svg(title: &str, series: &[Series]) -> String {
    let counts = series.iter().map(|series| series.latency_ns.len());
    // Halvings of the distance to 100 % that the longest series can tell apart.
    let halvings = (counts.max().unwrap_or(1).max(2) as f64).log2().ceil();
    let values = || series.iter().map(|series| &series.latency_ns);
    let lowest = values().map(Histogram::min).min().unwrap_or(1) as f64;
    let highest = values().map(Histogram::max).max().unwrap_or(1) as f64;
    let part = |quantile: f64| {
        let distance = (1.0 - quantile).max((-halvings).exp2());
        -distance.log2() / halvings
    };
    let mut chart = Chart::new(title, "part of all that was no later", lowest, highest);
    let told_apart = |(quantile, _): &&(f64, &str)| 1.0 - quantile >= (-halvings).exp2();
    for &(quantile, label) in MARKS.iter().filter(told_apart) {
        chart.mark(part(quantile), label);
    }
    for Series { name, latency_ns } in series {
        let steps = latency_ns.iter_quantiles(STEPS);
        let points =
            steps.map(|step| (part(step.quantile_iterated_to()), step.value_iterated_to() as f64));
        chart.line(name, points);
    }
    chart.finish()
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::points;
    use super::super::latency_histogram;
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = latency_histogram();
        values.into_iter().for_each(|value| histogram.saturating_record(value));
        histogram
    }

    #[test]
    fn percentiles_are_lines_of_value_quantile_count_and_distance() {
        let text = Percentiles(&of(1..=1_000)).to_string();
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|number| number.parse().unwrap()).collect())
            .collect();
        for row in &rows[..rows.len() - 1] {
            let [value, quantile, count, distance] = row[..] else { panic!("{row:?}") };
            assert!((value - count).abs() < 1.0 && count >= quantile * 1_000.0 - 1.0, "{row:?}");
            assert!((distance * (1.0 - quantile) - 1.0).abs() < 0.01, "{row:?}");
        }
        assert_eq!(rows.last().unwrap()[..], [1_000.0, 1.0, 1_000.0]);
        assert!(rows.windows(2).all(|pair| pair[0][0] <= pair[1][0] && pair[0][1] < pair[1][1]));
        assert!(
            text.contains("#[Max     =     1000.000, Total count    =         1000]"),
            "{text}"
        );
    }

    #[test]
    fn a_picture_has_a_line_for_each_series_within_its_frame() {
        let (fast, slow) = (of(100..=200), of((1..=100).map(|number| number * 10_000)));
        let series = [Series::new("fast", &fast), Series::new("slow", &slow)];
        let picture = svg("a title", &series);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        for text in ["a title", "fast", "slow", "99 %", "100 ns", "1 ms"] {
            assert!(picture.contains(&format!(">{text}</text>")), "{text}: {picture}");
        }
        assert!(!picture.contains("99.99 %"), "a hundred values do not tell it apart");
        let lines = points(&picture);
        assert_eq!(lines.len(), 2);
        for line in lines {
            assert!(line.is_sorted_by(|left, right| left.0 <= right.0 && left.1 >= right.1));
        }
    }
}
