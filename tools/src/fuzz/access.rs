//! The access file.
//!
//! # Invariants, checked for each input
//!
//! * A file is taken as a whole or refused with a reason.
//! * A principal that is added to a good file is found by its token, and the others stay as they
//!   were; or it cannot be added, and the file stays as it was, as a bad one does.
//! * A file that is read a second time revokes nobody.

use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ringfence::server::access::{Access, NewPrincipal, Role, Token, append, check_name};
use tempfile::TempDir;

use super::Mode;

/// The principal that is added.
const ADDED: &str = "added@fuzz";

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// An access file; the mode means nothing.
pub fn run(input: &[u8]) {
    let Some((_, text)) = Mode::split(input) else { return };
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
        let path = folder.path().join("access.toml");
        fs::write(&path, text).expect("a temporary file");
        let only_owner = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&path, only_owner).expect("a temporary file");
        check(&path, text);
        assert_eq!(files(folder.path()), [path], "no file is left beside it");
    });
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries.map(|entry| entry.expect("the folder is there").path()).collect()
}

fn check(path: &Path, text: &[u8]) {
    let token = Token::generate().expect("the system has random numbers");
    let new = NewPrincipal { name: ADDED, roles: &[Role::Read], ledgers: &[7], token: &token };
    let access = match Access::load(path) {
        Ok(access) => access,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            append(path, &new).expect_err("nothing is added to a bad file");
            assert_eq!(fs::read(path).expect("it is there"), text, "a bad file stays");
            return;
        }
    };
    let known: Vec<String> = access.principals().map(ToString::to_string).collect();
    for principal in access.principals() {
        check_name(&principal.name).expect("names are checked");
    }
    let access = access.replaced_by(Access::load(path).expect("it was read before"));
    assert!(access.principals().all(|principal| !principal.is_revoked()));
    if access.principals().any(|principal| *principal.name == *ADDED) {
        append(path, &new).expect_err("the name is taken");
        return;
    }
    if let Err(error) = append(path, &new) {
        // Written in a form that no entry can follow.
        assert!(error.to_string().contains("[[principal]]"), "{error}");
        return assert_eq!(fs::read(path).expect("it is there"), text, "a good file stays");
    }
    let more = Access::load(path).expect("a good file with one more stays good");
    let shown: Vec<String> = more.principals().map(ToString::to_string).collect();
    assert_eq!(shown.len(), known.len() + 1);
    assert_eq!(shown[..known.len()], known, "the others stay");
    let found = more.by_token(token.reveal().as_bytes()).expect("it is known by its token");
    assert_eq!(*found.name, *ADDED);
    assert_eq!(found.grants.confined_to(), Some(&[7][..]));
}

/// Files with everything that an entry can have.
#[must_use]
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let hash = "ab".repeat(32);
    let entry = |name: &str, more: &str| {
        format!("[[principal]]\nname = \"{name}\"\nroles = [\"read\", \"pay\"]\n{more}")
    };
    let token = format!("tokens = [\"sha256:{hash}\"]\n");
    let users = "users = [\"root\", 1000]\n";
    let all = format!("{users}ledgers = [1, 978]\n{token}");
    let two = entry("one", users) + "\n" + &entry("two", &token);
    let files = [
        ("empty", String::new()),
        ("token", entry("pay-roll", &token)),
        ("everything", entry("a.b_c@d", &all)),
        ("two", two),
        (
            "certificates",
            entry("tls", &format!("certificates = [\"sha256:{hash}\", \"cn:a b\", \"dns:c.d\"]\n")),
        ),
        ("inline", "principal = [{name = 'x', roles = ['operate'], users = [0]}]".to_owned()),
    ];
    let input =
        |(name, text): (&str, String)| (name.to_owned(), Mode::MENDS.input(text.as_bytes()));
    files.into_iter().map(input).collect()
}
