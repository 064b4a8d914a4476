//! The page of a report: one file that needs no other.
//!
//! Each figure is a `<data>` element: its value is the number as the bench printed it, its text the
//! same number for people.

use std::fmt::Write as _;

use serde_json::Number;

use super::machine::Machine;
use super::runs::{Curve, Run};

const STYLE: &str = include_str!("page.css");

/// Latencies that are shown, by their keys and in words.
const LATENCIES: [(&str, &str); 4] =
    [("p50", "50 %"), ("p99", "99 %"), ("p999", "99.9 %"), ("max", "highest")];

/// The whole page.
pub(super) fn html(machine: &Machine, runs: &[Run], curves: &[Curve]) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Ringfence: measured</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Ringfence: measured</h1>\n"
    );
    page.push_str(&facts(machine, runs));
    page.push_str(
        "<p>Compare figures within one report only: machines and their days differ.</p>\n",
    );
    page.push_str(&speeds(runs));
    for run in runs.iter().filter(|run| run.report.get("points").is_some()) {
        page.push_str(&journal(run));
    }
    for curve in curves {
        page.push_str(&loads(curve));
    }
    page.push_str("<h2>Latency by percentile</h2>\n");
    for run in runs {
        page.push_str(&plot(run));
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// The machine, the commit, and what disk and cores do by themselves.
fn facts(machine: &Machine, runs: &[Run]) -> String {
    let mut rows: Vec<(&str, String)> =
        machine.0.iter().map(|(name, found)| (*name, escaped(found))).collect();
    let find = |name: &str| runs.iter().find(|run| run.name == name);
    if let Some(write) = find("journal").and_then(|run| run.number(&["raw_latency_ns", "p50"])) {
        rows.push(("a durable write of the disk, median", data(write, duration)));
    }
    let probe = find("pipeline").and_then(|run| run.report["probe_round_trip_ns"][0].as_number());
    if let Some(probe) = probe {
        rows.push(("a round trip between two cores", data(probe, duration)));
    }
    let mut table = String::from("<table class=\"facts\">\n");
    for (name, found) in rows {
        let _ = writeln!(table, "<tr><th>{name}</th><td>{found}</td></tr>");
    }
    table + "</table>\n"
}

/// What each bench did in a second, and its latencies.
fn speeds(runs: &[Run]) -> String {
    let mut rows = String::new();
    for run in runs {
        let Some(speed) = run.number(&["transfers_per_second"]) else { continue };
        let _ = writeln!(
            rows,
            "<tr id=\"{}\"><td>{}<br><code>{}</code></td><td>{}</td>{}</tr>",
            run.name,
            run.title,
            escaped(&run.command),
            data(speed, count),
            latencies(run)
        );
    }
    section("Speed", &format!("<th>a second</th>{}", latency_heads()), &rows)
}

/// The journal beside a raw writer of the same bytes.
fn journal(run: &Run) -> String {
    let mut rows = String::new();
    for point in run.report["points"].as_array().into_iter().flatten() {
        let figure = |keys: &[&str], show: fn(f64) -> String| {
            let value = keys.iter().fold(point, |value, key| &value[*key]);
            value.as_number().map_or_else(String::new, |number| data(number, show))
        };
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            figure(&["batch"], count),
            figure(&["depth"], count),
            figure(&["bytes_per_second"], bytes),
            figure(&["raw_bytes_per_second"], bytes),
            figure(&["latency_ns", "p50"], duration),
            figure(&["raw_latency_ns", "p50"], duration),
        );
    }
    let heads = "<th>at a time</th><th>bytes a second</th><th>raw writer</th>\
                 <th>durable after, median</th><th>raw write</th>";
    let section = section_named(&run.name, run.title, "commands in a batch", heads, &rows);
    format!("{section}<p><code>{}</code></p>\n", escaped(&run.command))
}

/// Latencies of one bench under several loads.
fn loads(curve: &Curve) -> String {
    let mut rows = String::new();
    let most = curve.most.number(&["transfers_per_second"]);
    let _ = writeln!(
        rows,
        "<tr id=\"{}\"><td>as fast as it goes</td><td>{}</td>{}</tr>",
        curve.most.name,
        most.map_or_else(String::new, |number| data(number, count)),
        latencies(&curve.most)
    );
    for (rate, run) in &curve.points {
        let done = run.number(&["transfers_per_second"]);
        let _ = writeln!(
            rows,
            "<tr id=\"{}\"><td>{}</td><td>{}</td>{}</tr>",
            run.name,
            count(*rate),
            done.map_or_else(String::new, |number| data(number, count)),
            latencies(run)
        );
    }
    let heads = format!("<th>done a second</th>{}", latency_heads());
    let table = section_named("", curve.title, "planned a second", &heads, &rows);
    let command = escaped(&curve.most.command);
    format!("{table}<p><code>{command} [--rate N]</code></p>\n{}", curve.picture)
}

fn plot(run: &Run) -> String {
    format!("<h3>{}</h3>\n{}", run.title, run.picture)
}

fn section(title: &str, heads: &str, rows: &str) -> String {
    section_named("", title, "", heads, rows)
}

/// A table under a title; `first` is the head of its first column.
fn section_named(name: &str, title: &str, first: &str, heads: &str, rows: &str) -> String {
    let id = if name.is_empty() { String::new() } else { format!(" id=\"{name}\"") };
    format!(
        "<h2>{title}</h2>\n<div class=\"wide\"{id}><table>\n<tr><th>{first}</th>{heads}</tr>\n\
         {rows}</table></div>\n"
    )
}

fn latency_heads() -> String {
    LATENCIES.map(|(_, words)| format!("<th>{words}</th>")).concat()
}

/// The latencies of a batch, a cell each.
fn latencies(run: &Run) -> String {
    let cells = LATENCIES.map(|(key, _)| {
        let number = run.number(&["latency_ns", key]);
        format!("<td>{}</td>", number.map_or_else(String::new, |number| data(number, duration)))
    });
    cells.concat()
}

/// A figure: the number as it was printed, and as `show` writes it.
fn data(number: &Number, show: impl Fn(f64) -> String) -> String {
    let shown = show(number.as_f64().unwrap_or_default());
    format!("<data value=\"{number}\">{shown}</data>")
}

/// A count, short.
fn count(number: f64) -> String {
    match number {
        1e6.. => format!("{:.2} M", number / 1e6),
        1e4.. => format!("{:.1} k", number / 1e3),
        _ => format!("{number:.0}"),
    }
}

fn bytes(number: f64) -> String {
    match number {
        1e9.. => format!("{:.2} GB", number / 1e9),
        1e6.. => format!("{:.2} MB", number / 1e6),
        1e3.. => format!("{:.2} kB", number / 1e3),
        _ => format!("{number:.0} B"),
    }
}

/// Nanoseconds with a unit that suits them.
fn duration(ns: f64) -> String {
    match ns {
        1e9.. => format!("{:.2} s", ns / 1e9),
        1e6.. => format!("{:.2} ms", ns / 1e6),
        1e3.. => format!("{:.2} µs", ns / 1e3),
        _ => format!("{ns:.0} ns"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_with_a_unit_that_suits_it() {
        let cases = [
            (count(999.0), "999"),
            (count(12_345.0), "12.3 k"),
            (count(9_876_543.0), "9.88 M"),
            (bytes(2_654_000.0), "2.65 MB"),
            (bytes(2_939_000_000.0), "2.94 GB"),
            (duration(93.4), "93 ns"),
            (duration(70_254.0), "70.25 µs"),
            (duration(4_000_000.0), "4.00 ms"),
            (duration(1.5e9), "1.50 s"),
        ];
        for (shown, expected) in cases {
            assert_eq!(shown, expected);
        }
        let number = Number::from(70_254);
        assert_eq!(data(&number, duration), "<data value=\"70254\">70.25 µs</data>");
    }
}
