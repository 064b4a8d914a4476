//! The maps of the code name every crate.

use std::fs;
use std::path::Path;

/// The folder of each crate of the workspace that is part of the product, as `Cargo.toml` lists it.
fn crates() -> Vec<String> {
    let text = fs::read_to_string("Cargo.toml").unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap().iter();
    let folders = members.map(|folder| folder.as_str().unwrap().to_owned());
    folders.filter(|folder| folder.starts_with("src/")).collect()
}

/// The folders of crates that no row of a table on `page` names.
fn missing(page: &str, folders: &[String]) -> Vec<String> {
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
    let is_named = |folder: &String| rows.iter().any(|row| row.contains(&format!("`{folder}`")));
    folders.iter().filter(|folder| !is_named(folder)).cloned().collect()
}

#[test]
fn every_crate_is_on_both_maps() {
    let folders = crates();
    assert!(folders.iter().all(|folder| Path::new(folder).join("Cargo.toml").exists()));
    for path in ["README.md", "docs/architecture.md"] {
        let page = fs::read_to_string(path).unwrap();
        assert_eq!(missing(&page, &folders), [""; 0], "{path} does not name these crates");
    }
}

#[test]
fn a_crate_that_only_prose_names_is_missing() {
    let folders = ["src/ring", "src/bridges/http"].map(str::to_owned);
    let page = "`src/bridges/http` serves HTTP.\n| `src/ring` | lanes |\n";
    assert_eq!(missing(page, &folders), ["src/bridges/http"]);
}
