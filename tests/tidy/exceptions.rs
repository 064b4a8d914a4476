//! Long files and functions, wide lines and `unsafe`: only where a list allows it.
//!
//! The lists may only shrink. `RINGFENCE_TIDY=1 cargo test --test tidy` writes them anew, for when
//! files have moved. Until then a file that was moved keeps its exception by its name, and a
//! function by its own; `unsafe` in another file is never excepted.

use std::collections::BTreeMap;
use std::fs;

use super::source::Function;
use super::{COLUMNS_MAX, Source, report, sources};

/// Lines of a function that need no exception.
const FUNCTION_LINES: usize = 60;
/// Lines of the longest function that may be an exception: a table in a test.
const FUNCTION_LINES_MAX: usize = 267;
/// Lines of a file that need no exception.
const FILE_LINES: usize = 400;
/// Lines of the longest file that may be an exception.
const FILE_LINES_MAX: usize = 800;
/// Files that are longer than that, and wait to be split.
const LONGER: &[&str] = &["src/codec/text/tests.rs"];

const LISTS: &str = "tests/tidy/lists.txt";

/// The exceptions: by kind, what is excepted and up to which size.
type Lists = BTreeMap<&'static str, BTreeMap<String, usize>>;

/// What each list holds, as the file says above it.
const KINDS: [(&str, &str); 4] = [
    ("files", "Files of more than 400 lines."),
    ("functions", "Functions of more than 60 lines."),
    ("wide", "Files with lines of more than 100 columns, and how many."),
    ("unsafe", "Files with `unsafe`, and how often."),
];

/// What would be an exception now.
fn present() -> Lists {
    let mut lists: Lists = KINDS.iter().map(|(kind, _)| (*kind, BTreeMap::new())).collect();
    let mut put = |kind: &'static str, key: String, size: usize| {
        let list = lists.get_mut(kind).expect("every kind has a list");
        let held = list.entry(key).or_default();
        *held = size.max(*held);
    };
    for source in sources() {
        let Source { path, lines, functions, .. } = source;
        if lines.len() > FILE_LINES {
            put("files", path.clone(), lines.len());
        }
        for Function { name, length, .. } in
            functions.iter().filter(|it| it.length > FUNCTION_LINES)
        {
            put("functions", format!("{path} {name}"), *length);
        }
        let wide = lines.iter().filter(|line| line.is_too_wide(COLUMNS_MAX)).count();
        if wide > 0 {
            put("wide", path.clone(), wide);
        }
        let is_unsafe = lines.iter().filter(|line| line.is_unsafe()).count();
        if is_unsafe > 0 {
            put("unsafe", path.clone(), is_unsafe);
        }
    }
    lists
}

/// The exceptions that the file holds. Lines: size, then path, then the name of a function.
fn listed() -> Lists {
    let text = fs::read_to_string(LISTS).unwrap();
    let mut lists = Lists::new();
    let mut kind = "";
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            kind = KINDS.iter().find(|(kind, _)| *kind == name).expect("a list of a known kind").0;
        } else {
            let (size, key) = line.trim().split_once(' ').expect("a size and what it is of");
            lists.entry(kind).or_default().insert(key.to_owned(), size.parse().unwrap());
        }
    }
    lists
}

fn as_text(lists: &Lists) -> String {
    let mut text = String::from(
        "# Exceptions of tests/tidy/exceptions.rs. They may only shrink.\n\
         # RINGFENCE_TIDY=1 cargo test --test tidy writes them anew.\n",
    );
    for (kind, about) in KINDS {
        text.push_str(&format!("\n# {about}\n[{kind}]\n"));
        for (key, size) in &lists[kind] {
            text.push_str(&format!("{size:3} {key}\n"));
        }
    }
    text
}

/// What remains of a key when its file moves: the name of the function, or else of the file, with
/// its folder where many files have that name.
fn moved(key: &str) -> &str {
    const COMMON: [&str; 4] = ["mod.rs", "lib.rs", "main.rs", "tests.rs"];
    if let Some((_, function)) = key.split_once(' ') {
        return function;
    }
    let parts: Vec<&str> = key.rsplitn(3, '/').collect();
    match parts[..] {
        [name, folder, _] if COMMON.contains(&name) => {
            &key[key.len() - folder.len() - name.len() - 1..]
        }
        [name, ..] => name,
        [] => key,
    }
}

/// What of `present` the `listed` do not allow, one line each. `may_move`: by another path, too.
fn beyond(
    present: &BTreeMap<String, usize>,
    listed: &BTreeMap<String, usize>,
    may_move: bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, size) in present {
        let allowed = listed.get(key).copied().or_else(|| {
            if !may_move {
                return None;
            }
            let others = listed.iter().filter(|(other, _)| moved(other) == moved(key));
            others.map(|(_, size)| *size).max()
        });
        if allowed.is_none_or(|allowed| *size > allowed) {
            let allowed =
                allowed.map_or("no exception".to_owned(), |size| format!("at most {size}"));
            wrong.push(format!("{key}: {size}, {allowed}"));
        }
    }
    wrong
}

#[test]
fn exceptions_do_not_grow() {
    let present = present();
    if std::env::var_os("RINGFENCE_TIDY").is_some() {
        fs::write(LISTS, as_text(&present)).unwrap();
        println!("{LISTS} is written anew");
    }
    let listed = listed();
    let mut wrong = Vec::new();
    for (kind, about) in KINDS {
        let listed = listed.get(kind).cloned().unwrap_or_default();
        let beyond = beyond(&present[kind], &listed, kind != "unsafe");
        wrong.extend(beyond.iter().map(|line| format!("{line} ({about})")));
    }
    report(&wrong);
}

#[test]
fn exceptions_have_a_limit_too() {
    let present = present();
    for (key, lines) in &present["functions"] {
        assert!(*lines <= FUNCTION_LINES_MAX, "{key} has {lines} lines");
    }
    for (path, lines) in &present["files"] {
        let may_be_longer = LONGER.contains(&path.as_str());
        assert!(*lines <= FILE_LINES_MAX || may_be_longer, "{path} has {lines} lines");
    }
}

#[test]
fn an_exception_is_kept_when_its_file_moves_and_lost_when_it_grows() {
    let list = |entries: &[(&str, usize)]| -> BTreeMap<String, usize> {
        entries.iter().map(|(key, size)| ((*key).to_owned(), *size)).collect()
    };
    let listed =
        list(&[("src/a/one.rs", 450), ("src/a/b/mod.rs", 500), ("src/a/two.rs judge", 70)]);
    let moves = list(&[("src/c/one.rs", 450), ("src/b/mod.rs", 500), ("src/a/new.rs judge", 69)]);
    assert!(beyond(&moves, &listed, true).is_empty());
    assert_eq!(beyond(&moves, &listed, false).len(), 3);
    let grown = list(&[("src/a/one.rs", 451), ("src/c/mod.rs", 401), ("src/a/two.rs settle", 61)]);
    assert_eq!(beyond(&grown, &listed, true).len(), 3);
}
