//! What is packaged with the program agrees with the program; what it says of a machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::engine::Engine;
use crate::support::{ringfence, run, text};

const RULES: &str = "packaging/monitoring/prometheus.rules.yml";
const DASHBOARD: &str = "packaging/monitoring/grafana.json";

/// An engine as the package configures it, but for where it is.
fn as_packaged(folder: &Path) -> Engine {
    let (dir, socket) = (folder.join("data"), folder.join("data/ringfence.sock"));
    let listen = format!("unix:{}", text(&socket));
    let mut command = ringfence(&["run", "--config", "packaging/ringfence.toml"]);
    command.args(["--data-dir", text(&dir), "--listen", &listen, "--metrics", "127.0.0.1:0"]);
    // Tables that are light.
    command.args(["--transfers", "65536"]);
    Engine::spawn(&dir, command)
}

/// Names of metrics in an expression, without what a histogram adds.
fn names_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let of_ours = words.filter(|it| it.starts_with("ringfence_") || it.starts_with("process_"));
    let family = |name: &str| {
        let suffixes = ["_bucket", "_sum", "_count"];
        let found = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        found.unwrap_or(name).to_owned()
    };
    of_ours.map(family).collect()
}

#[test]
fn dashboard_and_alerts_use_only_metrics_that_the_packaged_engine_shows() {
    let folder = tempdir().unwrap();
    let mut engine = as_packaged(folder.path());
    let page = engine.get("/metrics");
    let shown: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    engine.stop();
    let rules = fs::read_to_string(RULES).unwrap();
    let mut expressions: Vec<String> = rules
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix("expr: ")?.to_owned()))
        .collect();
    assert!(expressions.len() >= 5);
    let dashboard: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            expressions.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    for expression in expressions {
        let names = names_in(&expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(shown.contains(name.as_str()), "{name} in {expression} is not shown");
        }
    }
}

#[test]
fn completions_and_pages_know_every_command() {
    let help = run(&["--help"]).stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"backup") && commands.contains(&"run"), "{commands:?}");
    let folder = tempdir().unwrap();
    let ran = run(&["man", "--out", text(folder.path())]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(run(&["man"]).stdout.contains("ringfence"));
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).stdout;
        for command in &commands {
            assert!(script.contains(command), "{command} in {shell}");
        }
    }
    for command in commands {
        assert!(folder.path().join(format!("ringfence-{command}.1")).exists(), "{command}");
    }
}

#[test]
fn files_of_the_package_are_where_its_description_says() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let (_, deb) = manifest.split_once("[package.metadata.deb]").unwrap();
    let mut count = 0;
    for line in deb.lines().take_while(|line| !line.starts_with("[profile")) {
        for file in line.split('"').filter(|it| it.starts_with("packaging/")) {
            assert!(Path::new(file.trim_end_matches('*')).exists(), "{file}");
            count += 1;
        }
    }
    assert!(count >= 4, "{count}");
    let unit = fs::read_to_string("packaging/ringfence.service").unwrap();
    assert!(unit.contains("Type=notify\n") && unit.contains("SystemCallFilter=@system-service\n"));
}

#[test]
fn check_has_a_finding_for_everything_and_an_advice_where_it_is_not_good() {
    let folder = tempdir().unwrap();
    let ran = run(&["check", "--dir", text(folder.path()), "--json"]);
    let findings: serde_json::Value = serde_json::from_str(&ran.stdout).expect(&ran.stderr);
    let findings = findings.as_array().unwrap();
    let is_bad = findings.iter().any(|finding| finding["verdict"] == "bad");
    assert_eq!(ran.status, i32::from(is_bad), "{ran:?}");
    for name in ["cores", "huge pages", "locked memory", "journal", "durable write", "belief"] {
        assert!(findings.iter().any(|finding| finding["name"] == name), "{name}: {ran:?}");
    }
    for finding in findings {
        let has_advice = finding["advice"] != "";
        assert_eq!(has_advice, finding["verdict"] != "good", "{finding}");
    }
    let page = run(&["check", "--dir", text(folder.path())]).stdout;
    assert!(page.contains("durable write") && page.contains(" µs for 4 KiB"), "{page}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
