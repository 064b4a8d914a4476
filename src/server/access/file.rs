//! The access file, as people write it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::Deserialize;
use toml::Spanned;

use super::credentials::{Certificate, Credentials, TokenHash, User};
use super::{AccessError, Grants, Principal, Role};

/// Most bytes of a principal's name.
pub const PRINCIPAL_NAME_BYTES_MAX: usize = 64;
/// Rights that nobody but the owner may have to the file: the group may read it, and others nothing.
const FORBIDDEN_RIGHTS: u32 = 0o037;
/// Largest access file, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(default)]
    principal: Vec<Spanned<Entry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    roles: Spanned<Vec<Role>>,
    #[serde(default)]
    tokens: Vec<Spanned<TokenHash>>,
    #[serde(default)]
    users: Vec<Spanned<User>>,
    #[serde(default)]
    certificates: Vec<Spanned<Certificate>>,
    ledgers: Option<Spanned<Vec<u32>>>,
}

/// Reads the text of the file; its rights are checked.
pub(super) fn read(path: &Path) -> Result<String, AccessError> {
    let failed = |error| AccessError::Io { path: path.to_owned(), error };
    let file = File::open(path).map_err(failed)?;
    // Of the file that is open: what stands at the path may have been replaced since.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & FORBIDDEN_RIGHTS != 0 {
        return Err(AccessError::Rights { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("it is longer than {FILE_BYTES_MAX} bytes");
        return Err(AccessError::Wrong { path: path.to_owned(), reason });
    }
    Ok(text)
}

/// Checks the name of a principal.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    let is_name = (1..=PRINCIPAL_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits);
    is_name.then_some(()).ok_or_else(|| {
        format!(
            "a name has 1 to {PRINCIPAL_NAME_BYTES_MAX} letters, digits, dots, hyphens, \
             underscores and signs `@`, all of ASCII"
        )
    })
}

/// What the file says. `number_of` gives the number of a user.
///
/// # Errors
///
/// Line, field and what is wrong there.
pub(super) fn parse(
    text: &str,
    number_of: impl Fn(&str) -> Option<u32>,
) -> Result<Vec<Principal>, String> {
    let contents: Contents =
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let mut reading = Reading { text, number_of, known: HashMap::new() };
    contents.principal.into_iter().map(|entry| reading.principal(entry)).collect()
}

/// What must be there only once.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Unique {
    Name(String),
    Token([u8; 32]),
    User(u32),
    /// The certificate, as it is written.
    Certificate(String),
}

struct Reading<'a, F> {
    text: &'a str,
    number_of: F,
    /// What was read, and in which line.
    known: HashMap<Unique, usize>,
}

impl<F: Fn(&str) -> Option<u32>> Reading<'_, F> {
    fn principal(&mut self, entry: Spanned<Entry>) -> Result<Principal, String> {
        let at = entry.span().start;
        let entry = entry.into_inner();
        let name_at = entry.name.span().start;
        let name = entry.name.into_inner();
        check_name(&name).map_err(|reason| self.wrong(name_at, "name", &reason))?;
        self.once(Unique::Name(name.clone()), name_at, "name", "this principal")?;
        if entry.roles.get_ref().is_empty() {
            return Err(self.wrong(entry.roles.span().start, "roles", "there is none"));
        }
        if let Some(ledgers) = &entry.ledgers
            && (ledgers.get_ref().is_empty() || ledgers.get_ref().contains(&0))
        {
            let reason = "at least one ledger, and none is 0; leave it out to allow all of them";
            return Err(self.wrong(ledgers.span().start, "ledgers", reason));
        }
        let credentials = self.credentials(entry.tokens, entry.users, entry.certificates)?;
        if credentials.is_empty() {
            let reason = format!("`{name}` has none of these: nobody can be it");
            return Err(self.wrong(at, "tokens, users, certificates", &reason));
        }
        let ledgers = entry.ledgers.map(Spanned::into_inner);
        let grants = Grants::new(entry.roles.get_ref(), ledgers);
        let revoked = AtomicBool::new(false);
        Ok(Principal { name: name.into(), grants, credentials, revoked })
    }

    fn credentials(
        &mut self,
        tokens: Vec<Spanned<TokenHash>>,
        users: Vec<Spanned<User>>,
        certificates: Vec<Spanned<Certificate>>,
    ) -> Result<Credentials, String> {
        let mut credentials = Credentials::default();
        for token in tokens {
            let at = token.span().start;
            self.once(Unique::Token(token.get_ref().0), at, "tokens", "this token")?;
            credentials.tokens.push(token.into_inner());
        }
        for user in users {
            let at = user.span().start;
            let number = match user.into_inner() {
                User::Number(number) => number,
                User::Name(name) => (self.number_of)(&name).ok_or_else(|| {
                    let reason = format!("/etc/passwd has no user `{name}`");
                    self.wrong(at, "users", &reason)
                })?,
            };
            self.once(Unique::User(number), at, "users", "this user")?;
            credentials.users.push(number);
        }
        for certificate in certificates {
            let at = certificate.span().start;
            let written = format!("{:?}", certificate.get_ref()).to_ascii_lowercase();
            self.once(Unique::Certificate(written), at, "certificates", "this certificate")?;
            credentials.certificates.push(certificate.into_inner());
        }
        Ok(credentials)
    }

    /// Notes what may be there only once.
    fn once(&mut self, it: Unique, at: usize, field: &str, called: &str) -> Result<(), String> {
        let line = self.line(at);
        match self.known.insert(it, line) {
            None => Ok(()),
            Some(first) => {
                Err(self.wrong(at, field, &format!("{called} is in line {first} already")))
            }
        }
    }

    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    fn wrong(&self, at: usize, field: &str, reason: &str) -> String {
        format!("line {}: {field}: {reason}", self.line(at))
    }
}
