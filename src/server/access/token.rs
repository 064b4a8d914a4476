//! Tokens: made here, shown once, kept as hashes.

use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

use super::credentials::{HASH_PREFIX, Hash};
use super::{Access, AccessError, Role, check_name, file, users};

/// What tokens begin with, so that people and scanners recognise them.
pub const TOKEN_PREFIX: &str = "rf_";
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Digits of a token, of five bits each.
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A secret of 256 random bits. It is shown by nothing but [`Token::reveal`].
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    ///
    /// If the system has no random bits.
    pub fn generate() -> io::Result<Token> {
        let mut bytes = [0; TOKEN_BYTES];
        let filled = SystemRandom::new().fill(&mut bytes);
        filled.map_err(|_| io::Error::other("the system has no random bits"))?;
        Ok(Token(text_of(&bytes)))
    }

    /// The token as its owner shows it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The prefix, then five bits to a digit, from the first byte's highest one on.
fn text_of(bytes: &[u8; TOKEN_BYTES]) -> String {
    let mut text = TOKEN_PREFIX.to_owned();
    let bit = |index: usize| bytes.get(index / 8).map_or(0, |byte| byte >> (7 - index % 8) & 1);
    for first in (0..8 * TOKEN_BYTES).step_by(5) {
        let digit = (first..first + 5).fold(0, |digit, index| digit << 1 | bit(index));
        text.push(char::from(DIGITS[usize::from(digit)]));
    }
    text
}

pub(super) fn hash(token: &[u8]) -> Hash {
    let digest = digest::digest(&digest::SHA256, token);
    digest.as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

/// A principal that is to be added to an access file.
#[derive(Debug)]
pub struct NewPrincipal<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it may do.
    pub roles: &'a [Role],
    /// The ledgers to which it is confined; none: to none.
    pub ledgers: &'a [u32],
    /// Its token.
    pub token: &'a Token,
}

impl NewPrincipal<'_> {
    fn entry(&self) -> String {
        let mut entry = format!("[[principal]]\nname = \"{}\"\nroles = [", self.name);
        let names: Vec<String> = self.roles.iter().map(|role| format!("\"{role}\"")).collect();
        entry += &names.join(", ");
        entry += "]\n";
        if !self.ledgers.is_empty() {
            let ledgers: Vec<String> = self.ledgers.iter().map(u32::to_string).collect();
            entry += &format!("ledgers = [{}]\n", ledgers.join(", "));
        }
        entry += &format!("tokens = [\"{HASH_PREFIX}");
        for byte in hash(self.token.reveal().as_bytes()) {
            write!(entry, "{byte:02x}").expect("a string takes everything");
        }
        entry + "\"]\n"
    }
}

/// Appends `principal` to the access file at `path`, which is made if it is not there: the file is
/// replaced by a whole new one, so that a reader finds the old or the new.
///
/// # Errors
///
/// If the file is there and wrong, has a principal of this name or cannot be replaced, or nothing
/// can be appended to the form in which it is written.
pub fn append(path: &Path, principal: &NewPrincipal<'_>) -> Result<(), AccessError> {
    let failed = |error| AccessError::Io { path: path.to_owned(), error };
    let wrong = |reason| AccessError::Wrong { path: path.to_owned(), reason };
    check_name(principal.name).map_err(wrong)?;
    // A link is followed: what it leads to is replaced, not the link.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(failed(error)),
    };
    let aside = Aside::create(&target).map_err(failed)?;
    let mut text = match file::read(&target) {
        Ok(text) => {
            let access = Access::load(&target)?;
            if access.principals().any(|known| *known.name == *principal.name) {
                let name = principal.name.to_owned();
                return Err(AccessError::NameTaken { path: path.to_owned(), name });
            }
            let rights = fs::metadata(&target).map_err(failed)?.permissions();
            aside.file.set_permissions(rights).map_err(failed)?;
            text
        }
        Err(AccessError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            String::new()
        }
        Err(error) => return Err(error),
    };
    if !text.is_empty() {
        text += if text.ends_with('\n') { "\n" } else { "\n\n" };
    }
    text += &principal.entry();
    // What is there may be written in a form that no such entry can follow.
    file::parse(&text, users::number_of).map_err(|reason| {
        let told = "an entry of the form `[[principal]]` cannot follow what is there; write the \
                    principals in that form";
        wrong(format!("{told}: {reason}"))
    })?;
    aside.replace(&target, &text).map_err(failed)
}

/// A new file beside the one that it is to replace. Its name is the lock: two programs that append
/// at the same time do not lose one another's entry.
struct Aside {
    file: File,
    path: PathBuf,
}

impl Aside {
    fn create(target: &Path) -> io::Result<Aside> {
        let mut name = target.as_os_str().to_owned();
        name.push(".new");
        let path = PathBuf::from(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => io::Error::new(
                error.kind(),
                format!(
                    "{} is there: another program changes the access file, or one was \
                     interrupted; then remove it",
                    path.display()
                ),
            ),
            _ => error,
        })?;
        Ok(Aside { file, path })
    }

    fn replace(self, target: &Path, text: &str) -> io::Result<()> {
        (&self.file).write_all(text.as_bytes())?;
        self.file.sync_all()?;
        fs::rename(&self.path, target)?;
        let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Where it has replaced the file it is gone already.
        drop(fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_bits_in_digits_of_five() {
        let mut bytes = [0; TOKEN_BYTES];
        assert_eq!(text_of(&bytes), format!("rf_{}", "a".repeat(52)));
        bytes[0] = 0b0000_1111;
        bytes[1] = 0b1000_0000;
        bytes[31] = 1;
        assert_eq!(text_of(&bytes), format!("rf_b6{}q", "a".repeat(49)));
    }

    #[test]
    fn two_tokens_differ_and_say_nothing_of_themselves() {
        let (one, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert!(!format!("{one:?}").contains(&one.reveal()[4..]));
    }
}
