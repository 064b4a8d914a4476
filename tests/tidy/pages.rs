//! The pages of the manual: width, links, names of files, words that do not belong here.

use std::fs;
use std::path::{Path, PathBuf};

use super::{COLUMNS_MAX, files, report};

/// Lines of a page outside code blocks, with their numbers.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    (1..).zip(page.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    })
}

#[test]
fn prose_is_at_most_100_columns_wide() {
    let mut wrong = Vec::new();
    for path in files(&[".md"]) {
        for (number, line) in prose(&fs::read_to_string(&path).unwrap()) {
            let is_table = line.trim_start().starts_with('|');
            // A link that is too long for any line stands alone on it.
            let is_one_word = !line.trim().contains(' ');
            let columns = line.chars().count();
            if columns > COLUMNS_MAX && !is_table && !is_one_word {
                wrong.push(format!("{}:{number}: {columns} columns", path.display()));
            }
        }
    }
    report(&wrong);
}

/// The anchor that a heading gets on a page.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &str) -> Vec<String> {
    let headings = prose(page).filter_map(|(_, line)| line.strip_prefix('#'));
    headings.map(|heading| anchor(heading.trim_start_matches('#'))).collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut wrong = Vec::new();
    for path in files(&[".md"]) {
        let page = fs::read_to_string(&path).unwrap();
        for (number, line) in prose(&page) {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if !leads_somewhere(&path, link) {
                    wrong.push(format!("{}:{number}: {link}", path.display()));
                }
            }
        }
    }
    report(&wrong);
}

/// Whether there are the page and the section that a `link` of the page `path` names.
fn leads_somewhere(path: &Path, link: &str) -> bool {
    let (target, section) = link.split_once('#').unwrap_or((link, ""));
    let found = match target {
        "" => path.to_owned(),
        target => tidied(&path.parent().expect("a page lies in a folder").join(target)),
    };
    if target.contains("://") {
        return true;
    }
    let has_section = |page: String| anchors(&page).iter().any(|anchor| anchor == section);
    found.exists() && (section.is_empty() || fs::read_to_string(&found).is_ok_and(has_section))
}

/// A path without `..` in it.
fn tidied(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        if part.as_os_str() == ".." {
            tidied.pop();
        } else {
            tidied.push(part);
        }
    }
    tidied
}

#[test]
fn files_that_pages_name_exist() {
    const FOLDERS: [&str; 7] =
        ["src/", "tests/", "tools/", "loom-tests/", "benches/", "docs/", "examples/"];
    let mut wrong = Vec::new();
    for path in files(&[".md"]) {
        // A crate's own page is for people who have only the crate.
        if path.starts_with("src") {
            continue;
        }
        for (number, line) in prose(&fs::read_to_string(&path).unwrap()) {
            for named in line.split('`').skip(1).step_by(2) {
                let is_path = FOLDERS.iter().any(|folder| named.starts_with(folder))
                    && !named.contains([' ', '*', '…']);
                if is_path && !Path::new(named).exists() {
                    wrong.push(format!("{}:{number}: {named} is not there", path.display()));
                }
            }
        }
    }
    report(&wrong);
}

#[test]
fn the_repository_speaks_of_the_project_alone() {
    // In two halves, so that this file does not speak of them.
    let halves = [("/wo", "rk/"), ("/tmp/", "wt/"), ("../sha", "red/")];
    let words = halves.map(|(start, end)| format!("{start}{end}"));
    let mut wrong = Vec::new();
    for path in files(&[".rs", ".md", ".toml", "run", ".ndjson", ".yml", ".txt"]) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let found = words.iter().filter(|word| line.contains(word.as_str()));
            wrong.extend(found.map(|word| format!("{}:{number}: {word}", path.display())));
        }
    }
    report(&wrong);
}

#[test]
fn the_changelog_says_what_is_not_released_yet() {
    let changelog = fs::read_to_string("CHANGELOG.md").unwrap();
    let (_, rest) = changelog.split_once("\n## Unreleased\n").expect("a part `## Unreleased`");
    let unreleased = rest.split("\n## ").next().expect("a first part");
    assert!(unreleased.lines().any(|line| line.starts_with("* ")), "it is empty");
}
