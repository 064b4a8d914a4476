//! `ringfence bench report`: each figure of the page is one that a bench printed, and every bench
//! writes its percentiles.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{run, text};
use tempfile::tempdir;

/// What the standard set measures, without the points of the curves.
const STANDARD: [&str; 8] =
    ["fold", "pipeline", "pipeline-sync", "settle", "queued", "journal", "wire", "wire-one"];
/// What is measured under several loads.
const LOADED: [&str; 2] = ["pipeline-load", "wire-load"];
/// Points of each curve.
const POINTS: usize = 6;
const LATENCIES: [&str; 4] = ["p50", "p99", "p999", "max"];

/// What the benches printed, by name.
fn printed(dir: &Path) -> BTreeMap<String, Value> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let json = entries.filter(|path| path.extension().is_some_and(|it| it == "json"));
    json.map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap())
    })
    .collect()
}

/// The figures of the element with this id, up to its `end`: values, and what is shown.
fn figures(page: &str, id: &str, end: &str) -> Vec<(String, String)> {
    let (_, rest) = page.split_once(&format!(" id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}"));
    let (element, _) = rest.split_once(end).unwrap();
    let figures = element.split("<data value=\"").skip(1).map(|figure| {
        let (value, rest) = figure.split_once("\">").unwrap();
        (value.to_owned(), rest.split_once("</data>").unwrap().0.to_owned())
    });
    figures.collect()
}

/// What is shown, in units of one: `1.5 ms` is 0.0015.
fn in_ones(shown: &str) -> f64 {
    let (number, unit) = shown.split_once(' ').unwrap_or((shown, ""));
    let unit = match unit {
        "ns" => 1e-9,
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" | "B" | "" => 1.0,
        "k" | "kB" => 1e3,
        "M" | "MB" => 1e6,
        "GB" => 1e9,
        other => panic!("{other} in {shown}"),
    };
    number.parse::<f64>().unwrap() * unit
}

/// The value is what was printed, and what is shown is that value as far as it is shown.
fn agrees(figure: &(String, String), printed: &Value, part_of_one: f64, about: &str) {
    let (value, shown) = figure;
    assert_eq!(*value, printed.to_string(), "{about}");
    let (exact, shown) = (printed.as_f64().unwrap() * part_of_one, in_ones(shown));
    let least = 0.6 * part_of_one;
    assert!((shown - exact).abs() <= (exact * 0.02).max(least), "{about}: {shown} for {exact}");
}

/// The row of a bench: how much in a second, and the latencies.
fn row_agrees(page: &str, name: &str, printed: &Value) {
    let row = figures(page, name, "</tr>");
    assert_eq!(row.len(), 1 + LATENCIES.len(), "{name}: {row:?}");
    agrees(&row[0], &printed["transfers_per_second"], 1.0, name);
    for (figure, key) in row[1..].iter().zip(LATENCIES) {
        agrees(figure, &printed["latency_ns"][key], 1e-9, &format!("{name}, {key}"));
    }
}

#[test]
fn each_figure_of_the_page_is_what_a_bench_printed() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("report");
    let ran = run(&[
        &["bench", "report", "--out", text(&out), "--quick"][..],
        &["--transfers", "2000", "--seconds", "0.02"],
    ]
    .concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    let printed = printed(&out);
    assert_eq!(printed.len(), STANDARD.len() + LOADED.len() * (1 + POINTS), "{:?}", printed.keys());

    let numbered = |name: &str| (1..=POINTS).map(|point| format!("{name}-{point}")).collect();
    let points: Vec<String> =
        LOADED.iter().flat_map(|name| -> Vec<String> { numbered(name) }).collect();
    let names = STANDARD.iter().chain(&LOADED).copied().chain(points.iter().map(String::as_str));
    for name in names.filter(|&name| name != "journal") {
        row_agrees(&page, name, &printed[name]);
        let hgrm = fs::read_to_string(out.join(format!("{name}.hgrm"))).unwrap();
        let max = printed[name]["latency_ns"]["max"].as_f64().unwrap();
        assert!(hgrm.contains(&format!("#[Max     = {max:12.3}")), "{name}: {hgrm}");
    }
    journal_agrees(&page, &printed["journal"]);
    for name in STANDARD {
        let picture = fs::read_to_string(out.join(format!("{name}.svg"))).unwrap();
        assert!(page.contains(&picture), "the page has the picture of {name}");
    }
    for name in LOADED {
        let picture = fs::read_to_string(out.join(format!("{name}-curve.svg"))).unwrap();
        assert_eq!(picture.matches("<polyline").count(), 3, "{name}");
        assert!(page.contains(&picture), "the page has the curve of {name}");
    }
    facts_agree(&page, &printed);

    // It needs no other file, and leaves no journal.
    for foreign in ["http-equiv", "src=", "href=", "@import", "<script"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for entry in fs::read_dir(&out).unwrap() {
        assert!(entry.unwrap().path().is_file(), "only files are left");
    }
}

fn journal_agrees(page: &str, printed: &Value) {
    let points = printed["points"].as_array().unwrap();
    let table = figures(page, "journal", "</table>");
    assert_eq!(table.len(), points.len() * 6);
    for (row, point) in table.chunks(6).zip(points) {
        agrees(&row[0], &point["batch"], 1.0, "batch");
        agrees(&row[1], &point["depth"], 1.0, "depth");
        agrees(&row[2], &point["bytes_per_second"], 1.0, "bytes");
        agrees(&row[3], &point["raw_bytes_per_second"], 1.0, "raw bytes");
        agrees(&row[4], &point["latency_ns"]["p50"], 1e-9, "latency");
        agrees(&row[5], &point["raw_latency_ns"]["p50"], 1e-9, "raw latency");
    }
}

/// The machine, the commit, and what was measured of the machine.
fn facts_agree(page: &str, printed: &BTreeMap<String, Value>) {
    let (_, rest) = page.split_once("class=\"facts\"").unwrap();
    let (facts, _) = rest.split_once("</table>").unwrap();
    let version = run(&["--version"]).stdout;
    let commit = version.split_once("commit ").unwrap().1.split([',', ')']).next().unwrap();
    if commit != "unknown" {
        assert!(facts.contains(commit), "{facts}");
    }
    let cores = std::thread::available_parallelism().unwrap().to_string();
    assert!(facts.contains(&format!("<th>cores</th><td>{cores}</td>")), "{facts}");
    for name in ["processor", "memory", "kernel", "date"] {
        assert!(facts.contains(&format!("<th>{name}</th><td>")), "{name}: {facts}");
    }
    let write = &printed["journal"]["raw_latency_ns"]["p50"];
    assert!(facts.contains(&format!("<data value=\"{write}\">")), "{facts}");
}

#[test]
fn what_cannot_be_written_is_named() {
    let folder = tempdir().unwrap();
    let nowhere = folder.path().join("not").join("there");
    let ran = run(&["bench", "report", "--out", text(&nowhere), "--quick"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains(text(&nowhere)), "{ran:?}");
    let ran = run(&["bench", "report", "--quick"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("--out <DIR>"), "{ran:?}");
}
