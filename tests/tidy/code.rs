//! Comments that belong to something, and libraries that are silent.

use super::source::Line;
use super::{Source, report, sources};

/// Crates that are libraries: they return errors and print nothing.
const LIBRARIES: [&str; 7] =
    ["src/ring", "src/types", "src/codec", "src/engine", "src/journal", "src/client", "src/node"];

#[test]
fn doc_comments_belong_to_something() {
    let mut wrong = Vec::new();
    for Source { path, lines, .. } in sources() {
        for (at, line) in lines.iter().enumerate() {
            let next = lines.get(at + 1);
            if !line.is_doc() || next.is_some_and(Line::is_doc) {
                continue;
            }
            let leads_to_code = next.is_some_and(|next| next.has_code() && !next.starts_with('}'));
            let says_something = line.comment().trim_matches('/').trim() != "";
            if !leads_to_code || !says_something {
                wrong.push(format!("{path}:{}: a doc comment before nothing", at + 1));
            }
        }
    }
    report(&wrong);
}

#[test]
fn libraries_print_nothing_and_do_not_end_the_process() {
    const FORBIDDEN: [&str; 6] =
        ["println!", "print!(", "eprintln!", "eprint!(", "dbg!", "process::exit"];
    let mut wrong = Vec::new();
    for Source { path, lines, text, .. } in sources() {
        let is_library = LIBRARIES.iter().any(|folder| path.starts_with(folder));
        let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
        if !is_library || is_test {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().expect("a first part");
        for (at, line) in lines.iter().take(code.lines().count()).enumerate() {
            let found = FORBIDDEN.iter().filter(|word| line.code().contains(**word));
            wrong.extend(found.map(|word| format!("{path}:{}: {word} in a library", at + 1)));
        }
    }
    report(&wrong);
}
