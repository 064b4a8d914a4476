//! Latencies by percentile: as HdrHistogram's text, and as a picture.

use std::fmt::{self, Display, Write as _};

use hdrhistogram::Histogram;

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

/// Size of the picture, and its margins, in pixels.
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// One for each series.
const COLOURS: [&str; 4] = ["#1f6fb4", "#d95f0e", "#31a354", "#756bb1"];

/// Latency over percentile, both logarithmic, a line for each of `series`, as SVG.
#[must_use]
pub fn svg(title: &str, series: &[(&str, &Histogram<u64>)]) -> String {
    let counts = series.iter().map(|(_, histogram)| histogram.len());
    // Halvings of the distance to 100 % that the longest series can tell apart.
    let halvings = (counts.max().unwrap_or(1).max(2) as f64).log2().ceil();
    let values = || series.iter().map(|(_, histogram)| *histogram);
    let lowest = values().map(Histogram::min).min().unwrap_or(1).max(1) as f64;
    let highest = values().map(Histogram::max).max().unwrap_or(1) as f64;
    let (bottom, top) =
        (lowest.log10().floor(), (highest.log10().ceil()).max(lowest.log10() + 1.0));
    let x = |quantile: f64| {
        let distance = (1.0 - quantile).max((-halvings).exp2());
        LEFT + -distance.log2() / halvings * (WIDTH - LEFT - RIGHT)
    };
    let y = |value: f64| {
        let part = (value.max(1.0).log10() - bottom) / (top - bottom);
        HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let mut add = |line: String| writeln!(out, "{line}").expect("a text can be written to");
    add(format!("<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{title}</text>"));
    for power in bottom as i32..=top as i32 {
        let (value, at) = (10_f64.powi(power), y(10_f64.powi(power)));
        let (right, label) = (WIDTH - RIGHT, duration(value));
        add(format!("<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>"));
        let (x, y) = (LEFT - 8.0, at + 4.0);
        add(format!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>"));
    }
    for (quantile, label) in [
        (0.0, "0 %"),
        (0.5, "50 %"),
        (0.9, "90 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
        (0.9999, "99.99 %"),
    ] {
        let (at, under) = (x(quantile), HEIGHT - BOTTOM);
        add(format!("<path d=\"M{at:.1} {TOP}V{under}\" stroke=\"#ddd\"/>"));
        let y = under + 18.0;
        add(format!("<text x=\"{at:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>"));
    }
    for (index, ((name, histogram), colour)) in
        series.iter().zip(COLOURS.iter().cycle()).enumerate()
    {
        let point = |step: (f64, u64)| format!("{:.1},{:.1}", x(step.0), y(step.1 as f64));
        let steps = histogram.iter_quantiles(STEPS);
        let points: Vec<String> = steps
            .map(|step| point((step.quantile_iterated_to(), step.value_iterated_to())))
            .collect();
        let points = points.join(" ");
        add(format!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\"/>"));
        let (x, y) = (LEFT + 10.0, TOP + 16.0 * (index as f64 + 1.0));
        add(format!("<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{name}</text>"));
    }
    out.push_str("</svg>\n");
    out
}

/// A power of ten of nanoseconds, with its unit.
fn duration(ns: f64) -> String {
    match ns {
        1e9.. => format!("{} s", ns / 1e9),
        1e6.. => format!("{} ms", ns / 1e6),
        1e3.. => format!("{} µs", ns / 1e3),
        _ => format!("{ns} ns"),
    }
}

#[cfg(test)]
mod tests {
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
        let picture = svg("a title", &[("fast", &fast), ("slow", &slow)]);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        for text in ["a title", "fast", "slow", "99 %", "100 ns", "1 ms"] {
            assert!(picture.contains(&format!(">{text}</text>")), "{text}: {picture}");
        }
        let lines: Vec<&str> = picture.split("<polyline points=\"").skip(1).collect();
        assert_eq!(lines.len(), 2);
        for line in lines {
            for point in line.split('"').next().unwrap().split(' ') {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{point}");
                assert!((TOP..=HEIGHT - BOTTOM).contains(&y), "{point}");
            }
        }
    }
}
