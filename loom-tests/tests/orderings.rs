//! The list of orderings is complete, and each has a model. Needs no loom.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use loom_tests::WEAKENINGS;

fn ring() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/ring")
}

/// The ring's files without its tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                files.extend(sources(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Places in `text` that use an ordering without saying why.
fn unexplained(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut explained = false;
    for line in text.lines() {
        let code = line.split("//").next().unwrap();
        // The next item starts at the margin.
        if line == "}" {
            explained = false;
        }
        explained |= line.trim_start().starts_with("// Relaxed");
        if code.trim_start().starts_with("use ") {
            continue;
        }
        let words: Vec<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let strong = ["Acquire", "Release", "AcqRel", "SeqCst"];
        if words.iter().any(|word| strong.contains(word)) {
            found.push(format!("{}: belongs into order.rs", line.trim()));
        }
        if words.contains(&"Relaxed") && !explained {
            found.push(format!("{}: says not why Relaxed is enough", line.trim()));
        }
    }
    found
}

#[test]
fn every_ordering_is_listed_or_relaxed_with_a_reason() {
    let files = sources(&ring());
    assert!(files.len() > 5, "the ring's files are where they were");
    for path in files.iter().filter(|path| !path.ends_with("order.rs")) {
        let found = unexplained(&fs::read_to_string(path).unwrap());
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
    }
}

#[test]
fn the_reader_of_orderings_finds_them() {
    let text = "fn f() {\n    a.load(Relaxed);\n    // Relaxed: why.\n    a.load(Relaxed);\n}\n\
                fn g() {\n    a.load(Relaxed);\n    a.store(1, Ordering::Release); // Acquire\n}\n";
    assert_eq!(unexplained(text).len(), 3);
}

#[test]
fn every_listed_ordering_has_a_model_that_needs_it() {
    let order = fs::read_to_string(ring().join("order.rs")).unwrap();
    let nap = fs::read_to_string(ring().join("../journal/nap.rs")).unwrap();
    let named = order.split("weakened!(\"").skip(1).chain(nap.split("weakens(\"").skip(1));
    let listed: BTreeSet<&str> = named.map(|rest| rest.split('"').next().unwrap()).collect();
    let modelled: BTreeSet<&str> = WEAKENINGS.iter().map(|weakening| weakening.ordering).collect();
    assert_eq!(listed, modelled);
}
