//! The table of roles on the page about security is that of the code.

use std::collections::BTreeSet;
use std::fs;

use ringfence::types::Op;
use ringfence_server::access::{READERS, role_of};
use ringfence_server::tls::CONNECTION_BYTES_MAX;

fn page() -> String {
    fs::read_to_string("docs/security.md").unwrap()
}

#[test]
fn the_roles_of_operations_are_those_of_the_code() {
    let page = page();
    let table = page.split("| operation | role |\n|---|---|\n").nth(1).unwrap();
    let written: BTreeSet<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let rows = Op::ALL
        .into_iter()
        .filter_map(|op| role_of(op).map(|role| format!("| `{}` | `{role}` |", op.name())));
    let rows: Vec<String> = rows.collect();
    assert_eq!(written, rows.iter().map(String::as_str).collect::<BTreeSet<_>>());
    assert!(page.contains(&format!("A subscription needs `{READERS}`.")));
}

#[test]
fn the_memory_of_a_connection_is_that_of_the_code() {
    let said = format!("at most {} KiB", CONNECTION_BYTES_MAX / 1024);
    assert!(page().contains(&said), "{said}");
}
