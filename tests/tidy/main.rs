//! What keeps the tree readable: widths, lengths, where `unsafe` is, links that lead somewhere.
//!
//! ```text
//!   sources ──▶ lines, functions, comments ──▶ limits, and exceptions from them: lists.txt
//!   pages ────▶ lines, links, names of files
//! ```

mod code;
mod exceptions;
mod pages;
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use source::{Function, Line, functions, lines_of};

/// Widest line, in columns.
const COLUMNS_MAX: usize = 100;

/// Every file of the repository with one of these endings, in order.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                let is_made = ["target", "node_modules"].contains(&name);
                let is_ours = name == ".ci" || !(name.starts_with('.') || is_made);
                if is_ours {
                    walk(&path, endings, found);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path.strip_prefix("./").unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("./"), endings, &mut found);
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Fails with all that is wrong, one line each.
fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A source file, read once.
struct Source {
    path: String,
    text: String,
    lines: Vec<Line>,
    functions: Vec<Function>,
}

fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let read = |path: &PathBuf| {
            let text = fs::read_to_string(path).unwrap();
            let (lines, functions) = (lines_of(&text), functions(&text));
            Source { path: shown(path), text, lines, functions }
        };
        files(&[".rs"]).iter().map(read).collect()
    })
}
