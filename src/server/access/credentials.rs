//! By what a principal is known.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use subtle::{Choice, ConstantTimeEq};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// What names a hash, before its digits.
pub(super) const HASH_PREFIX: &str = "sha256:";

/// A client's certificate, as far as it says who shows it. That an authority of ours has signed it
/// was checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerCertificate {
    /// SHA-256 of the certificate in DER.
    pub fingerprint: [u8; 32],
    /// The subject's common name, if it has exactly one.
    pub common_name: Option<String>,
    /// Its alternative names that are names of hosts.
    pub dns_names: Vec<String>,
}

/// By what a principal is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Credentials {
    /// Hashes of tokens.
    pub(super) tokens: Vec<TokenHash>,
    /// Numbers of users of this system.
    pub(super) users: Vec<u32>,
    /// Certificates.
    pub(super) certificates: Vec<Certificate>,
}

impl Credentials {
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.users.is_empty() && self.certificates.is_empty()
    }

    /// Whether one of its tokens has this hash; in constant time.
    pub(super) fn has_token(&self, hash: &Hash) -> bool {
        let fits = |all: Choice, token: &TokenHash| all | token.0.ct_eq(hash);
        self.tokens.iter().fold(Choice::from(0), fits).into()
    }

    pub(super) fn has_certificate(&self, shown: &PeerCertificate) -> bool {
        self.certificates.iter().any(|known| match known {
            Certificate::Fingerprint(fingerprint) => *fingerprint == shown.fingerprint,
            Certificate::CommonName(name) => shown.common_name.as_ref() == Some(name),
            Certificate::DnsName(name) => {
                shown.dns_names.iter().any(|shown| shown.eq_ignore_ascii_case(name))
            }
        })
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = match self.tokens.len() {
            0 => None,
            1 => Some("a token".to_owned()),
            count => Some(format!("{count} tokens")),
        };
        let users = self.users.iter().map(|user| format!("user {user}"));
        let certificates = self.certificates.iter().map(|it| match it {
            Certificate::Fingerprint([first, second, ..]) => {
                format!("certificate sha256:{first:02x}:{second:02x}…")
            }
            Certificate::CommonName(name) => format!("certificate cn:{name}"),
            Certificate::DnsName(name) => format!("certificate dns:{name}"),
        });
        let known: Vec<String> = tokens.into_iter().chain(users).chain(certificates).collect();
        f.write_str(&known.join(", "))
    }
}

/// The hash of a token: `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenHash(pub(super) Hash);

/// A client's certificate, as an access file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Certificate {
    /// `sha256:` and hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them.
    Fingerprint(Hash),
    /// `cn:` and the subject's common name.
    CommonName(String),
    /// `dns:` and one of its alternative names.
    DnsName(String),
}

/// A user of the system: a name or a number.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a user's name or number")]
pub(super) enum User {
    Number(u32),
    Name(String),
}

impl TokenHash {
    fn parse(text: &str) -> Result<TokenHash, &'static str> {
        if text.starts_with(super::TOKEN_PREFIX) {
            return Err("this is a token; the file keeps its hash alone: `sha256:` and the 64 \
                        digits that `printf %s TOKEN | sha256sum` prints");
        }
        let digits = text.strip_prefix(HASH_PREFIX);
        let hash = digits.filter(|digits| !digits.contains(':')).and_then(parse_hash);
        hash.map(TokenHash).ok_or("a token is given as `sha256:` and 64 hexadecimal digits")
    }
}

impl Certificate {
    fn parse(text: &str) -> Result<Certificate, &'static str> {
        const FORMS: &str = "a certificate is given as `cn:NAME`, `dns:NAME` or `sha256:` and 64 \
                             hexadecimal digits";
        let (form, name) = text.split_once(':').ok_or(FORMS)?;
        match (form, name) {
            (_, "") => Err(FORMS),
            ("cn", name) => Ok(Certificate::CommonName(name.to_owned())),
            ("dns", name) if name.contains('*') => Err("a name that a client shows has no `*`"),
            ("dns", name) => Ok(Certificate::DnsName(name.to_owned())),
            ("sha256", digits) => parse_hash(digits).map(Certificate::Fingerprint).ok_or(FORMS),
            _ => Err(FORMS),
        }
    }
}

/// 64 hexadecimal digits; between two of them there may be a colon.
fn parse_hash(text: &str) -> Option<Hash> {
    let digits: Vec<u8> = match text.contains(':') {
        false => text.bytes().collect(),
        true => {
            let pairs = || text.split(':');
            pairs().all(|pair| pair.len() == 2).then(|| pairs().flat_map(str::bytes).collect())?
        }
    };
    let value = |digit: u8| char::from(digit).to_digit(16);
    let mut hash = [0; 32];
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (value(pair[0])? * 16 + value(pair[1])?) as u8;
    }
    Some(hash)
}

/// Parses a text of an access file.
fn parsed<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TokenHash, D::Error> {
        parsed(deserializer, TokenHash::parse)
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Certificate, D::Error> {
        parsed(deserializer, Certificate::parse)
    }
}
