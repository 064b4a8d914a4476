//! A picture of latencies: a logarithmic scale of time upwards, lines, their names.
//!
//! The colours follow the reader's choice of a light or a dark page, in a file of its own and as a
//! part of a page.

use std::fmt::Write as _;

/// Size of the picture, and its margins, in pixels.
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 60.0;

/// Text, grid and lines, one colour for each series; then the same for dark pages.
const STYLE: &str = "<style>\
.chart text{fill:#222}.chart .grid{stroke:#ddd}.chart .back{fill:#fff}\
.chart .line{fill:none;stroke-width:1.5}\
.chart .s0{stroke:#1f6fb4}.chart .s1{stroke:#d95f0e}.chart .s2{stroke:#2b8a3e}\
.chart .s3{stroke:#756bb1}.chart .s4{stroke:#c2255c}.chart .s5{stroke:#0b7285}\
@media(prefers-color-scheme:dark){\
.chart text{fill:#ddd}.chart .grid{stroke:#444}.chart .back{fill:#1b1d20}\
.chart .s0{stroke:#6bb0ee}.chart .s1{stroke:#ff9a52}.chart .s2{stroke:#69db7c}\
.chart .s3{stroke:#b3a8f0}.chart .s4{stroke:#faa2c1}.chart .s5{stroke:#66d9e8}}\
</style>";
/// Colours in the style.
const COLOURS: usize = 6;

/// A picture that is being drawn.
pub(super) struct Chart {
    text: String,
    /// Powers of ten of nanoseconds at the bottom and at the top.
    bottom: f64,
    top: f64,
    lines: usize,
}

impl Chart {
    /// An empty one for latencies from `lowest` to `highest` nanoseconds; `across` says what goes
    /// from left to right.
    pub(super) fn new(title: &str, across: &str, lowest: f64, highest: f64) -> Chart {
        let bottom = lowest.max(1.0).log10().floor();
        let top = highest.max(1.0).log10().ceil().max(bottom + 1.0);
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             class=\"chart\" font-family=\"sans-serif\" font-size=\"12\">\n{STYLE}\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" class=\"back\"/>\n"
        );
        let mut chart = Chart { text, bottom, top, lines: 0 };
        chart.label(LEFT, 20.0, "start", title);
        chart.label((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12.0, "middle", across);
        for power in bottom as i32..=top as i32 {
            let value = 10_f64.powi(power);
            let (at, right) = (chart.y(value), WIDTH - RIGHT);
            chart.add(&format!("<path d=\"M{LEFT} {at:.1}H{right}\" class=\"grid\"/>"));
            chart.label(LEFT - 8.0, at + 4.0, "end", &duration(value));
        }
        chart
    }

    /// A mark at `part` of the way from left to right.
    pub(super) fn mark(&mut self, part: f64, label: &str) {
        let (at, under) = (x(part), HEIGHT - BOTTOM);
        self.add(&format!("<path d=\"M{at:.1} {TOP}V{under}\" class=\"grid\"/>"));
        self.label(at, under + 18.0, "middle", label);
    }

    /// A line through points: parts of the way from left to right, and nanoseconds.
    pub(super) fn line(&mut self, name: &str, points: impl Iterator<Item = (f64, f64)>) {
        let points: Vec<String> =
            points.map(|(part, ns)| format!("{:.1},{:.1}", x(part), self.y(ns))).collect();
        let (points, colour) = (points.join(" "), self.lines % COLOURS);
        self.lines += 1;
        let (left, y) = (LEFT + 10.0, TOP + 16.0 * self.lines as f64);
        self.add(&format!("<polyline points=\"{points}\" class=\"line s{colour}\"/>"));
        let (right, middle) = (left + 14.0, y - 4.0);
        self.add(&format!("<path d=\"M{left} {middle}H{right}\" class=\"line s{colour}\"/>"));
        self.label(right + 6.0, y, "start", name);
    }

    /// The picture.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn y(&self, ns: f64) -> f64 {
        let part = (ns.max(1.0).log10() - self.bottom) / (self.top - self.bottom);
        HEIGHT - BOTTOM - part.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }

    fn label(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        self.add(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    fn add(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a text can be written to");
    }
}

/// How far right a part of the way is.
fn x(part: f64) -> f64 {
    LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
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
pub(super) mod tests {
    use super::*;

    /// The points of each line of a picture, which have to lie within its frame.
    pub(in super::super) fn points(picture: &str) -> Vec<Vec<(f64, f64)>> {
        let lines = picture.split("<polyline points=\"").skip(1);
        let points = lines.map(|line| {
            let points = line.split('"').next().unwrap().split(' ');
            points.map(|point| {
                let (x, y) = point.split_once(',').unwrap();
                (x.parse::<f64>().unwrap(), y.parse::<f64>().unwrap())
            })
        });
        let points: Vec<Vec<(f64, f64)>> = points.map(Iterator::collect).collect();
        for &(x, y) in points.iter().flatten() {
            assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{x} in {picture}");
            assert!((TOP..=HEIGHT - BOTTOM).contains(&y), "{y} in {picture}");
        }
        points
    }

    #[test]
    fn a_point_lies_where_its_values_say() {
        let mut chart = Chart::new("title", "across", 100.0, 10_000.0);
        chart.line("line", [(0.0, 100.0), (0.5, 1_000.0), (1.0, 10_000.0)].into_iter());
        let points = points(&chart.finish());
        let (middle, half) =
            (LEFT + (WIDTH - LEFT - RIGHT) / 2.0, TOP + (HEIGHT - TOP - BOTTOM) / 2.0);
        let expected = [(LEFT, HEIGHT - BOTTOM), (middle, half), (WIDTH - RIGHT, TOP)];
        assert_eq!(points, [expected.to_vec()]);
    }
}
