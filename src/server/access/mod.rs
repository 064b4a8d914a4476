//! Who may do what: the access file.
//!
//! ```text
//!   FILE ──load──▶ Access ──token, certificate, user──▶ Principal ──▶ Grants: operations, ledgers
//! ```
//!
//! # Invariants
//!
//! * Of a token the engine knows the SHA-256 alone. It is compared with those of all principals, in
//!   a time that does not depend on which of them fits.
//! * A principal who is confined to ledgers does nothing that does not name its ledgers.
//! * A file with a mistake is refused as a whole: no part of it holds.

mod confined;
mod credentials;
mod error;
mod file;
mod roles;
mod token;
mod users;

pub use credentials::PeerCertificate;
pub use error::AccessError;
pub use file::{PRINCIPAL_NAME_BYTES_MAX, check_name};
pub use roles::{Grants, READERS, Refusal, Role, role_of};
pub use token::{NewPrincipal, TOKEN_PREFIX, Token, append};

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use credentials::Credentials;

/// Somebody, or something, that is known.
#[derive(Debug)]
pub struct Principal {
    /// Its name.
    pub name: Arc<str>,
    /// What it may do.
    pub grants: Grants,
    credentials: Credentials,
    revoked: AtomicBool,
}

impl Principal {
    /// Somebody who is known by nothing that an access file says.
    #[must_use]
    pub fn new(name: Arc<str>, grants: Grants) -> Principal {
        Principal {
            name,
            grants,
            credentials: Credentials::default(),
            revoked: AtomicBool::new(false),
        }
    }

    /// Whether the access file no longer says of it what it said when it came in: its connections
    /// end then.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        // Relaxed: the flag carries nothing but itself.
        self.revoked.load(Ordering::Relaxed)
    }

    fn is_as(&self, other: &Principal) -> bool {
        self.name == other.name
            && self.grants == other.grants
            && self.credentials == other.credentials
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; known by {}", self.name, self.grants, self.credentials)
    }
}

/// What an access file says.
#[derive(Debug)]
pub struct Access {
    principals: Vec<Arc<Principal>>,
}

impl Access {
    /// Reads the access file at `path`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, others than its owner may write it or everybody may read it, or
    /// something in it is wrong: then with line and field.
    pub fn load(path: &Path) -> Result<Access, AccessError> {
        let text = file::read(path)?;
        let principals = file::parse(&text, users::number_of)
            .map_err(|reason| AccessError::Wrong { path: path.to_owned(), reason })?;
        Ok(Access { principals: principals.into_iter().map(Arc::new).collect() })
    }

    /// Everybody in it, in the order of the file.
    pub fn principals(&self) -> impl ExactSizeIterator<Item = &Principal> {
        self.principals.iter().map(AsRef::as_ref)
    }

    /// Who shows this token.
    #[must_use]
    pub fn by_token(&self, token: &[u8]) -> Option<Arc<Principal>> {
        let hash = token::hash(token);
        let mut found = None;
        // All of them are looked at, so that the time says nothing about which one fits.
        for principal in &self.principals {
            if principal.credentials.has_token(&hash) {
                found = Some(principal);
            }
        }
        found.cloned()
    }

    /// Who shows this certificate.
    #[must_use]
    pub fn by_certificate(&self, certificate: &PeerCertificate) -> Option<Arc<Principal>> {
        self.find(|credentials| credentials.has_certificate(certificate))
    }

    /// Who is this user of the system.
    #[must_use]
    pub fn by_user(&self, user: u32) -> Option<Arc<Principal>> {
        self.find(|credentials| credentials.users.contains(&user))
    }

    fn find(&self, fits: impl Fn(&Credentials) -> bool) -> Option<Arc<Principal>> {
        self.principals.iter().find(|principal| fits(&principal.credentials)).cloned()
    }

    /// Puts `new` in the place of this. Of whom it says the same, the connections go on; the others
    /// are revoked.
    #[must_use]
    pub fn replaced_by(&self, mut new: Access) -> Access {
        for old in &self.principals {
            match new.principals.iter_mut().find(|principal| principal.is_as(old)) {
                Some(same) => *same = Arc::clone(old),
                None => old.revoked.store(true, Ordering::Relaxed),
            }
        }
        new
    }
}

#[cfg(test)]
mod tests;
