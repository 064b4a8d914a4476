//! Which room of a crate may use which other: this reads the imports.
//!
//! Between crates the compiler keeps the order; inside one this test does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, a folder or a file in its crate's root, and the rooms of that crate that it may use.
type Room = (&'static str, &'static [&'static str]);

/// The folder of each crate, and its rooms.
const CRATES: &[(&str, &[Room])] = &[
    (
        "src/engine",
        &[
            ("table", &[]),
            ("risk", &["table"]),
            ("ledger", &["table"]),
            ("book", &["table"]),
            ("settle", &["table", "ledger", "book"]),
        ],
    ),
    (
        "src/node",
        &[
            ("backup", &[]),
            ("clock", &[]),
            ("gauge", &[]),
            ("counters", &["clock", "gauge"]),
            ("poller", &[]),
            ("notice", &[]),
            ("gateway", &["clock", "gauge", "poller", "notice"]),
            ("publish", &["gauge", "notice"]),
            ("follow", &[]),
            ("growth", &["counters", "pipeline"]),
            ("replay", &["options"]),
            ("snapshot", &["options", "replay"]),
            ("follow", &[]),
            ("export", &["options", "replay"]),
            ("pipeline", &["clock", "gauge", "counters", "poller", "notice", "gateway", "publish"]),
            ("options", &["counters", "pipeline"]),
            ("memory", &["gateway", "pipeline"]),
            ("error", &["backup", "pipeline", "replay"]),
            ("recover", &["options", "pipeline", "replay"]),
            (
                "node",
                &[
                    "clock", "counters", "growth", "options", "memory", "recover", "gateway",
                    "publish", "pipeline",
                ],
            ),
        ],
    ),
    (
        "src/server",
        &[
            ("access", &[]),
            ("descriptors", &[]),
            ("limits", &[]),
            ("metrics", &[]),
            ("session", &[]),
            ("notice", &["session"]),
            ("subscription", &["access", "session"]),
            ("tls", &["access", "door"]),
            ("door", &["access", "limits", "session", "subscription", "tls"]),
            ("resume", &["notice", "session"]),
            ("source", &["access", "door", "notice", "session"]),
            ("sink", &["limits", "notice", "resume", "session"]),
        ],
    ),
    ("src", &[("bench", &[]), ("cli", &["bench"])]),
];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "rs") {
            files.extend(sources(&path));
        }
    }
    files
}

/// The code of a file without its comments and its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests")
        || path.components().any(|part| part.as_os_str() == "tests")
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// What stands first behind each `crate::`, inside braces too.
fn rooms_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            used.insert(first_word(rest));
            continue;
        };
        let (mut depth, mut item_start) = (0, 0);
        for (at, c) in group.char_indices() {
            if depth == 0 && matches!(c, ',' | '}') {
                used.insert(first_word(&group[item_start..at]));
                item_start = at + 1;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    used.remove("");
    used
}

#[test]
fn rooms_use_only_what_stands_before_them() {
    for (folder, rooms) in CRATES {
        for (room, allowed) in *rooms {
            let mut path = Path::new(folder).join(room);
            if !path.exists() {
                path.set_extension("rs");
            }
            let files = sources(&path);
            assert!(!files.is_empty(), "there is no room {room} in {folder}");
            for path in files.iter().filter(|path| !is_test(path)) {
                for used in rooms_used(&code(path)) {
                    assert!(
                        !rooms.iter().any(|(name, _)| *name == used)
                            || used == *room
                            || allowed.contains(&used.as_str()),
                        "{}: {room} may not use {used}",
                        path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn every_folder_of_a_crate_is_a_room() {
    for (folder, rooms) in CRATES {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // The bridges are crates in a folder of their own.
            let is_crate = path.join("Cargo.toml").exists() || path.ends_with("bridges");
            if path.is_dir() && !is_crate && !path.ends_with("tests") {
                let name = path.file_name().unwrap().to_str().unwrap();
                let listed = rooms.iter().any(|(room, _)| *room == name);
                assert!(listed, "{}: say above what it may use", path.display());
            }
        }
    }
}

#[test]
fn the_reader_of_imports_finds_them() {
    let code = "use crate::types::Op;\nfn f() { crate::journal::go(); }\n\
                use crate::{ring::{Bell, Graph}, table, Engine};\nuse crate::publish;";
    let used: Vec<String> = rooms_used(code).into_iter().collect();
    assert_eq!(used, ["Engine", "journal", "publish", "ring", "table", "types"]);
}

/// Each file of a folder, and the files beside it that it names: by `super::`, or by `crate::` where
/// the folder is a crate's root.
fn siblings_used(folder: &Path) -> Vec<(String, BTreeSet<String>)> {
    let is_root = folder.join("Cargo.toml").exists();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if is_source && !is_test(&path) && !["mod", "lib"].contains(&stem.as_str()) {
            let code = code(&path);
            let code = if is_root { code } else { code.replace("super::", "crate::") };
            files.push((stem, rooms_used(&code)));
        }
    }
    files
}

#[test]
fn no_files_of_the_engine_use_each_other_in_a_circle() {
    let mut folders = vec![PathBuf::from("src/engine")];
    while let Some(folder) = folders.pop() {
        folders.extend(
            fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_dir()),
        );
        let mut files = siblings_used(&folder);
        // What uses nothing that is left is taken out; a circle is what nothing can be taken out of.
        loop {
            let left: BTreeSet<String> = files.iter().map(|(name, _)| name.clone()).collect();
            let before = files.len();
            files.retain(|(name, used)| used.iter().any(|it| it != name && left.contains(it)));
            if files.len() == before {
                break;
            }
        }
        assert!(files.is_empty(), "{}: a circle among {files:?}", folder.display());
    }
}
