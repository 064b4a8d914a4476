//! Files that show who a client is.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ringfence_codec::wire::TOKEN_BYTES_MAX;

/// Rights that a file with a secret must not give: others nothing, its group no more than reading.
const FORBIDDEN_RIGHTS: u32 = 0o037;

/// What is wrong with a token, or with a file that says whom to trust or who the client is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Others may read a file that holds a secret.
    #[error("{} has the rights {mode:04o}: a secret is for its owner, `chmod 600` it", path.display())]
    Rights {
        /// The file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
    },
    /// Something in a file is wrong.
    #[error("{}: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A token is too long.
    #[error("a token has at most {TOKEN_BYTES_MAX} bytes, not {0}")]
    TokenTooLong(usize),
}

impl CredentialError {
    pub(super) fn wrong(path: &Path, reason: impl ToString) -> CredentialError {
        CredentialError::Wrong { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// A token that proves to an engine who the client is, as `ringfence access token` prints it; the
/// default is none. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Token(Vec<u8>);

impl Token {
    /// A token of these bytes.
    ///
    /// # Errors
    ///
    /// [`CredentialError::TokenTooLong`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Token, CredentialError> {
        let bytes = bytes.into();
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(CredentialError::TokenTooLong(bytes.len()));
        }
        Ok(Token(bytes))
    }

    /// Reads the token that is alone in a file, without the white space around it.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, others may read it, or it holds no token.
    pub fn read(path: &Path) -> Result<Token, CredentialError> {
        let bytes = read_secret(path)?;
        match bytes.trim_ascii() {
            [] => Err(CredentialError::wrong(path, "there is no token in it")),
            token => Token::new(token).map_err(|error| CredentialError::wrong(path, error)),
        }
    }

    /// The token as a hello carries it; empty for none.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_empty() { "Token(none)" } else { "Token(…)" })
    }
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, CredentialError> {
    fs::read(path).map_err(|error| CredentialError::Io { path: path.to_owned(), error })
}

/// Reads a file that others may not read.
pub(super) fn read_secret(path: &Path) -> Result<Vec<u8>, CredentialError> {
    let failed = |error| CredentialError::Io { path: path.to_owned(), error };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    if mode & FORBIDDEN_RIGHTS != 0 {
        return Err(CredentialError::Rights { path: path.to_owned(), mode });
    }
    read_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading a file with this content and these rights says.
    fn read(content: &[u8], mode: u32) -> Result<Token, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let prefix = format!("{}", path.display());
        Token::read(&path).map_err(|error| error.to_string().replace(&prefix, "FILE"))
    }

    #[test]
    fn a_token_is_read_from_a_file_of_its_owner() {
        let rights = |mode: u32| {
            Err(format!(
                "FILE has the rights {mode:04o}: a secret is for its owner, `chmod 600` it"
            ))
        };
        let token = Ok(Token(b"rf_1".to_vec()));
        //  content, rights, result
        let cases = [
            (&b"rf_1\n"[..], 0o600, token.clone()),
            (b" rf_1", 0o640, token),
            (b"rf_1", 0o644, rights(0o644)),
            (b"rf_1", 0o620, rights(0o620)),
            (b" \n", 0o600, Err("FILE: there is no token in it".to_owned())),
            (
                &[b'x'; TOKEN_BYTES_MAX + 1],
                0o600,
                Err(format!(
                    "FILE: a token has at most {TOKEN_BYTES_MAX} bytes, not {}",
                    TOKEN_BYTES_MAX + 1
                )),
            ),
        ];
        for (content, mode, expected) in cases {
            assert_eq!(read(content, mode), expected, "{:?} {mode:o}", content.len());
        }
    }

    #[test]
    fn a_token_does_not_show() {
        assert_eq!(format!("{:?}", Token::new("rf_secret").unwrap()), "Token(…)");
    }
}
