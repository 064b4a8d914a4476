//! Where an engine listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where an engine listens: `unix:PATH` or `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket with this file.
    Unix(PathBuf),
    /// TCP: a host name or an IP address (version 6 in square brackets), a colon and a port.
    Tcp(String),
}

/// Why a text is no [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither unix:PATH nor HOST:PORT with a port up to 65535")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let address = match text.strip_prefix("unix:") {
            Some(path) => (!path.is_empty()).then(|| Address::Unix(path.into())),
            None => is_host_and_port(text).then(|| Address::Tcp(text.to_owned())),
        };
        address.ok_or_else(|| AddressError(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Tcp(host_and_port) => f.write_str(host_and_port),
        }
    }
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host_is_whole = match host.strip_prefix('[') {
        Some(rest) => rest.len() > 1 && rest.ends_with(']'),
        None => !host.is_empty() && !host.contains([':', ']']),
    };
    let port_is_digits = port.bytes().all(|byte| byte.is_ascii_digit());
    host_is_whole && port_is_digits && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_they_print() {
        let unix = |path: &str| Some(Address::Unix(path.into()));
        let tcp = |text: &str| Some(Address::Tcp(text.to_owned()));
        let cases = [
            ("unix:/run/ringfence.sock", unix("/run/ringfence.sock")),
            ("unix:relative", unix("relative")),
            ("unix:a:1", unix("a:1")),
            ("localhost:7000", tcp("localhost:7000")),
            ("127.0.0.1:0", tcp("127.0.0.1:0")),
            ("[::1]:65535", tcp("[::1]:65535")),
            ("unix:", None),
            ("", None),
            ("localhost", None),
            ("localhost:", None),
            (":7000", None),
            ("localhost:65536", None),
            ("localhost:+1", None),
            ("::1:7000", None),
            ("[]:7000", None),
            ("/run/ringfence.sock", None),
        ];
        for (text, expected) in cases {
            let parsed = text.parse::<Address>().ok();
            assert_eq!(parsed, expected, "{text}");
            if let Some(address) = parsed {
                assert_eq!(address.to_string(), text);
            }
        }
        let error = "localhost".parse::<Address>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`localhost` is neither unix:PATH nor HOST:PORT with a port up to 65535"
        );
    }
}
