//! The lists of statuses in the documents are those of the table of precedence.
//!
//! ```text
//!   <!-- statuses: account -->     a list of the parts named, in their order
//!   <!-- table: account -->        a table of one part, with the stage and more
//!   <!-- operations -->            a table of all operations
//!   <!-- end -->                   ends each; what stands between is compared
//! ```
//!
//! `UPDATE_DOCS=1 cargo test --test docs` writes them anew.

use std::fs;

use ringfence::types::precedence::{Check, OPERATIONS, PARTS, Part};

/// Longest line of a list.
const LINE_CHARS: usize = 100;
const END: &str = "<!-- end -->";
const COMMAND: &str = "UPDATE_DOCS=1 cargo test --test docs";

fn part(name: &str) -> Result<&'static Part, String> {
    let found = PARTS.iter().find(|part| part.name == name);
    found.copied().ok_or_else(|| format!("the table of precedence has no part `{name}`"))
}

/// True if a command that is refused with this has spent its id.
fn spends_id(part: &Part, check: &Check) -> bool {
    OPERATIONS.iter().any(|it| it.parts.contains(&part) && it.spends_id(check.status))
}

/// A status as it stands in a list: with a dagger if it spends the id, and what it is only of.
fn item(part: &Part, check: &Check) -> String {
    let dagger = if spends_id(part, check) { "†" } else { "" };
    let only = check.only.map_or_else(String::new, |only| format!(" ({only})"));
    format!("`{}`{dagger}{only}", check.status.name())
}

/// The list of the parts with these names; on one line, or on as many as it takes.
fn list(names: &[&str], on_one_line: bool) -> Result<String, String> {
    let mut items = Vec::new();
    for name in names {
        let part = part(name)?;
        items.extend(part.checks.iter().map(|check| item(part, check)));
    }
    if on_one_line {
        return Ok(items.join(", "));
    }
    let mut lines = vec![String::new()];
    let last = items.len() - 1;
    for (index, item) in items.iter().enumerate() {
        let item = if index == last { item.clone() } else { format!("{item},") };
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            *line = item;
        } else if line.chars().count() + 1 + item.chars().count() <= LINE_CHARS {
            line.push(' ');
            line.push_str(&item);
        } else {
            lines.push(item);
        }
    }
    Ok(format!("\n{}\n", lines.join("\n")))
}

fn table(name: &str) -> Result<String, String> {
    let part = part(name)?;
    let mut text = String::from("\n\n| | status | found by | spends the id | only of |\n");
    text.push_str("|---:|---|---|---|---|\n");
    for (number, check) in (1..).zip(part.checks) {
        let spends = if spends_id(part, check) { "yes" } else { "" };
        let (name, by, only) = (check.status.name(), check.by.name(), check.only.unwrap_or(""));
        text.push_str(&format!("| {number} | `{name}` | {by} | {spends} | {only} |\n"));
    }
    text.push('\n');
    Ok(text)
}

fn operations() -> String {
    let mut text = String::from("\n\n| operation | checked for, in this order | else |\n");
    text.push_str("|---|---|---|\n");
    for it in OPERATIONS.iter().filter(|it| it.op.is_public()) {
        let kind = if it.kind.is_empty() { String::new() } else { format!(", {}", it.kind) };
        let link = |title: &str| {
            let anchor: String = title
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            format!("[{title}](#{anchor})")
        };
        let parts: Vec<String> = it.parts.iter().map(|part| link(part.title)).collect();
        let success: Vec<String> =
            it.success.iter().map(|status| format!("`{}`", status.name())).collect();
        let (op, parts, success) = (it.op.name(), parts.join("; "), success.join(" or "));
        text.push_str(&format!("| `{op}`{kind} | {parts} | {success} |\n"));
    }
    text.push('\n');
    text
}

/// A page with its generated parts made anew, and the names of what it shows.
fn regenerate(page: &str) -> Result<(String, Vec<String>), String> {
    let (mut made, mut shown) = (String::new(), Vec::new());
    let mut rest = page;
    while let Some(at) = rest.find("<!-- ") {
        let length = rest[at..].find("-->").ok_or("a comment does not end")? + "-->".len();
        let (before, after) = rest.split_at(at + length);
        made.push_str(before);
        let words: Vec<&str> = before[at..].split_whitespace().collect();
        rest = after;
        let content = match &words[1..words.len() - 1] {
            ["statuses:", names @ ..] => list(names, !after.starts_with('\n'))?,
            ["table:", name] => table(name)?,
            ["operations"] => operations(),
            _ => continue,
        };
        shown.push(words[1..words.len() - 1].join(" "));
        made.push_str(&content);
        let end = after.find(END).ok_or_else(|| format!("`{}` has no {END}", words.join(" ")))?;
        rest = &after[end..];
    }
    made.push_str(rest);
    Ok((made, shown))
}

#[test]
fn lists_of_statuses_are_those_of_the_table_of_precedence() {
    let update = std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1");
    let (mut wrong, mut shown) = (String::new(), Vec::new());
    for path in super::pages() {
        let page = fs::read_to_string(&path).unwrap();
        let (made, parts) = regenerate(&page).unwrap_or_else(|what| panic!("{path:?}: {what}"));
        shown.extend(parts);
        if made == page {
            continue;
        }
        if update {
            fs::write(&path, &made).unwrap();
            continue;
        }
        let lines = page.lines().zip(made.lines());
        let (number, (page, table)) =
            (1..).zip(lines).find(|(_, (page, made))| page != made).expect("they differ");
        wrong.push_str(&format!(
            "{}, line {number}\n  page:  {page}\n  table: {table}\n",
            path.display()
        ));
    }
    assert!(wrong.is_empty(), "{wrong}`{COMMAND}` writes what the table says");
    let semantics = fs::read_to_string("docs/semantics.md").unwrap();
    for part in PARTS {
        let table = format!("table: {}", part.name);
        assert!(shown.contains(&table), "docs/semantics.md has no `<!-- {table} -->`");
        let heading = format!("\n### {}\n", part.title);
        assert!(semantics.contains(&heading), "docs/semantics.md has no heading {heading:?}");
    }
    assert!(shown.contains(&"operations".to_owned()), "no page lists the operations");
}

#[test]
fn a_list_that_differs_from_the_table_is_made_anew() {
    let page = "text\n<!-- statuses: pair_policy -->\nold\n<!-- end -->\n\
                and <!-- statuses: ledger_policy -->old<!-- end --> <!-- a comment -->\n";
    let (made, shown) = regenerate(page).unwrap();
    assert_eq!(
        made,
        "text\n<!-- statuses: pair_policy -->\n`account_not_found`, `policies_full`\n<!-- end -->\n\
         and <!-- statuses: ledger_policy -->`invalid_policy`, `policies_full`<!-- end --> \
         <!-- a comment -->\n"
    );
    assert_eq!(shown, ["statuses: pair_policy", "statuses: ledger_policy"]);
    assert_eq!(regenerate(&made).unwrap().0, made);
    assert!(regenerate("<!-- statuses: nothing -->\n<!-- end -->").is_err());
    assert!(regenerate("<!-- statuses: market -->\n").is_err());
}
