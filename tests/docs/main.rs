//! The examples of the manual do what it says they do.
//!
//! ```text
//!   docs/*.md ──▶ sections ──▶ `json in` blocks ──▶ apply --clock manual ──▶ lines
//!                         └──▶ `json out` blocks ─────────────────────────▶ the same, line by line
//! ```
//!
//! A fence that opens with `json in` holds commands, one that opens with `json out` the answers to
//! all commands of its section up to there. A section begins at a heading of the second level, with
//! an engine of its own. What follows `json in` on the first such fence of a section are options
//! of `apply`. In an answer `…` stands for any text, so that a page can show what matters.

mod maps;
mod roles;
mod statuses;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::PathBuf;

use support::run_on;

/// What examples need no more of, so that each starts quickly.
const SMALL_TABLES: [(&str, &str); 3] =
    [("--accounts", "1024"), ("--transfers", "4096"), ("--policies", "64")];

/// The examples under one heading.
#[derive(Debug, Default, PartialEq)]
struct Section {
    heading: String,
    options: Vec<String>,
    input: String,
    /// Expected lines with their line numbers on the page.
    expected: Vec<(usize, String)>,
}

enum Fence {
    None,
    In,
    Out,
    Other,
}

/// The sections of a page that have examples.
fn sections(page: &str) -> Result<Vec<Section>, String> {
    let mut sections = vec![Section::default()];
    let mut fence = Fence::None;
    for (number, line) in (1..).zip(page.lines()) {
        let section = sections.last_mut().expect("there is always one");
        let opening = line.strip_prefix("```");
        fence = match (fence, opening) {
            (Fence::None, None) => {
                if let Some(heading) = line.strip_prefix("## ") {
                    sections.push(Section { heading: heading.to_owned(), ..Section::default() });
                }
                Fence::None
            }
            (Fence::None, Some(info)) => {
                let words: Vec<&str> = info.split_whitespace().collect();
                match words.as_slice() {
                    ["json", "in", options @ ..] => {
                        if !options.is_empty() && !section.input.is_empty() {
                            return Err(format!("line {number}: options after the first example"));
                        }
                        section.options.extend(options.iter().map(|&option| option.to_owned()));
                        Fence::In
                    }
                    ["json", "out"] => Fence::Out,
                    _ => Fence::Other,
                }
            }
            (_, Some("")) => Fence::None,
            (Fence::In, _) => {
                section.input.push_str(line);
                section.input.push('\n');
                Fence::In
            }
            (Fence::Out, _) => {
                section.expected.push((number, line.to_owned()));
                Fence::Out
            }
            (Fence::Other, _) => Fence::Other,
        };
    }
    sections.retain(|section| !section.input.is_empty() || !section.expected.is_empty());
    Ok(sections)
}

/// Whether `found` reads as `pattern` does, in which `…` stands for any text.
fn reads_as(found: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('…');
    let first = pieces.next().expect("splitting gives at least one piece");
    let Some(mut rest) = found.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// Runs the examples of a page. Gives what is wrong with each section, and how many there are.
fn check(page: &str) -> Result<usize, String> {
    let sections = sections(page)?;
    for section in &sections {
        let Section { heading, options, input, expected } = section;
        let mut arguments = vec!["apply", "--clock", "manual"];
        for (option, value) in SMALL_TABLES {
            if !options.iter().any(|given| given == option) {
                arguments.extend([option, value]);
            }
        }
        arguments.extend(options.iter().map(String::as_str));
        arguments.push("-");
        let ran = run_on(&arguments, input);
        if ran.status != 0 && ran.status != 3 {
            return Err(format!("`{heading}`: status {}, {}", ran.status, ran.stderr));
        }
        let found = ran.lines();
        for (&found, (number, pattern)) in found.iter().zip(expected) {
            if !reads_as(found, pattern) {
                return Err(format!(
                    "`{heading}`, line {number}\n  page:    {pattern}\n  program: {found}"
                ));
            }
        }
        if found.len() != expected.len() {
            return Err(format!(
                "`{heading}`: the page shows {} answers of {}:\n{}",
                expected.len(),
                found.len(),
                ran.stdout
            ));
        }
    }
    Ok(sections.len())
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md")];
    for entry in fs::read_dir("docs").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

#[test]
fn every_example_of_the_manual_gives_what_the_page_shows() {
    let mut wrong = String::new();
    let mut sections = 0;
    for path in pages() {
        match check(&fs::read_to_string(&path).unwrap()) {
            Ok(count) => sections += count,
            Err(what) => wrong.push_str(&format!("{}: {what}\n", path.display())),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(sections > 0, "no page has an example");
}

#[test]
fn a_page_that_shows_something_else_is_caught() {
    let example = |answers: &str| {
        format!(
            "# Page\n\n## Section\n\n```json in\n{}\n```\n\n```json out\n{answers}\n```\n",
            r#"{"op":"create_account","id":7,"ledger":1,"code":1}"#
        )
    };
    let answer =
        r#"{"sequence":"1","op":"create_account","id":"7","status":"created","timestamp":"1"}"#;
    assert_eq!(check(&example(answer)), Ok(1));
    assert_eq!(check(&example(r#"{…,"status":"created",…}"#)), Ok(1));
    for wrong in [
        answer.replace("created", "exists"),
        r#"{…,"status":"exists",…}"#.to_owned(),
        r#"{…,"status":"created"}"#.to_owned(),
        format!("{answer}\n{answer}"),
        String::new(),
    ] {
        assert!(check(&example(&wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn a_section_goes_on_through_its_examples_and_ends_at_the_next_heading() {
    let page = "```json in --accounts 7\na\n```\ntext\n```json out\nb\n```\n```sh\n## no heading\n```\n\
                ```json in\nc\n```\n```json out\nd\n```\n### Still the same\n## Next\n```json in\ne\n```\n";
    let found = sections(page).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].options, ["--accounts", "7"]);
    assert_eq!(found[0].input, "a\nc\n");
    assert_eq!(found[0].expected, [(6, "b".to_owned()), (15, "d".to_owned())]);
    assert_eq!((found[1].heading.as_str(), found[1].input.as_str()), ("Next", "e\n"));
}
