//! Where a socket is bound: `tcp://HOST:PORT` or `ipc://PATH`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ringfence_bridge_core::Keys;

/// Where a socket is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Tcp(SocketAddr),
    Ipc(PathBuf),
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Endpoint, &'static str> {
        if let Some(address) = text.strip_prefix("tcp://") {
            let address = address.parse();
            return address.map(Endpoint::Tcp).map_err(|_| "it is tcp://ADDRESS:PORT, in numbers");
        }
        match text.strip_prefix("ipc://") {
            Some(path) if path.starts_with('/') => Ok(Endpoint::Ipc(path.into())),
            _ => Err("it is tcp://ADDRESS:PORT or ipc:///PATH"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => write!(f, "tcp://{address}"),
            Endpoint::Ipc(path) => write!(f, "ipc://{}", path.display()),
        }
    }
}

impl Endpoint {
    /// Reads the endpoint `key`. Without `trust-network = true` only this machine can reach it:
    /// there are neither passwords nor encryption.
    pub fn configure(keys: &mut Keys, key: &str) -> Endpoint {
        let nowhere = Endpoint::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let endpoint = keys.required_parsed(key).unwrap_or(nowhere);
        let trusts = keys.flag("trust-network", false);
        if let Endpoint::Tcp(address) = &endpoint
            && !address.ip().is_loopback()
            && !trusts
        {
            let why = "other machines can reach it, without password and encryption: \
                       bind it to loopback, or say trust-network = true";
            keys.mistake(key, why);
        }
        // Port 0 is another one each time.
        if !matches!(&endpoint, Endpoint::Tcp(address) if address.port() == 0) {
            keys.claim(key, &endpoint.to_string(), true);
        }
        endpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read() {
        for text in ["tcp://127.0.0.1:5555", "tcp://[::1]:5555", "ipc:///run/payments"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for wrong in ["tcp://localhost:5555", "tcp://127.0.0.1", "ipc://run", "inproc://a", ""] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }
}
