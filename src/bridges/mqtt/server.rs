//! Where the broker is, and how to come in.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use ringfence_bridge_core::{Failure, Keys};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::link::{Link, Stream};
use crate::packet::{Hello, Session, Version};

/// How long a connection may take to stand.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How often each side says that it is there, in seconds.
const KEEP_ALIVE_SECONDS: u16 = 20;

/// Where the broker is, and how to come in.
#[derive(Debug, Clone)]
pub struct MqttServer {
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<String>,
    tls: Option<Arc<ClientConfig>>,
    version: Version,
}

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    is_tls: bool,
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<String>,
}

impl std::str::FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Address, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("it begins with mqtt:// or mqtts://")?;
        let (is_tls, port) = match scheme {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err("it begins with mqtt:// or mqtts://"),
        };
        let (login, place) = rest.rsplit_once('@').map_or((None, rest), |(l, p)| (Some(l), p));
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = match place.rsplit_once(':') {
            Some((host, digits)) if !digits.contains(']') => {
                (host, digits.parse().map_err(|_| "its port is no number up to 65535")?)
            }
            _ => (place, port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || host.contains('/') {
            return Err("it is mqtt://USER:PASSWORD@HOST:PORT");
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = match login {
            None => (None, None),
            Some(login) => match login.split_once(':') {
                Some((user, password)) => (Some(decoded(user)), Some(decoded(password))),
                None => (Some(decoded(login)), None),
            },
        };
        Ok(Address { is_tls, host, port, user, password })
    }
}

impl MqttServer {
    /// Reads `url`, `user`, `password` or `password-file`, `tls-ca` and `version`.
    pub fn configure(keys: &mut Keys) -> MqttServer {
        let address: Address = keys.required_parsed("url").unwrap_or_else(|| Address {
            is_tls: false,
            host: String::new(),
            port: 0,
            user: None,
            password: None,
        });
        let tls = match keys.text("tls-ca") {
            Some(path) => match trusting(&path) {
                Ok(config) => Some(Arc::new(config)),
                Err(error) => {
                    keys.mistake("tls-ca", format!("{path}: {error}"));
                    None
                }
            },
            None if address.is_tls => {
                keys.mistake("tls-ca", "missing: mqtts needs the certificates that are trusted");
                None
            }
            None => None,
        };
        let version = match keys.text("version").as_deref() {
            None | Some("5") => Version::V5,
            Some("3.1.1") => Version::V3,
            Some(other) => {
                keys.mistake("version", format!("`{other}`: it is 5 or 3.1.1"));
                Version::V5
            }
        };
        let user = keys.text("user").or(address.user);
        let password = keys.secret("password").or(address.password);
        let tls = tls.filter(|_| address.is_tls);
        MqttServer { host: address.host, port: address.port, user, password, tls, version }
    }

    /// Claims something at this broker for one table alone.
    pub(crate) fn claim(&self, keys: &Keys, key: &str, what: &str) {
        keys.claim(key, &format!("{what} of {}:{}", self.host, self.port), true);
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Connects as `client`.
    pub(crate) async fn connect(
        &self,
        client: &str,
        session: Option<Session>,
    ) -> Result<Link, Failure> {
        let login = self.user.as_deref().map(|user| (user, self.password.as_deref()));
        let login = login.map(|(user, password)| (user, password.unwrap_or_default()));
        let hello = Hello { client, login, keep_alive: KEEP_ALIVE_SECONDS, session };
        let failed = |why: &dyn std::fmt::Display| {
            Failure::retry(format!("connecting to {}:{}: {why}", self.host, self.port))
        };
        let opening = async {
            let stream = self.stream().await.map_err(|error| failed(&error))?;
            Link::open(stream, self.version, &hello).await.map_err(|failure| failed(&failure))
        };
        match tokio::time::timeout(CONNECT_TIME_MAX, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(failed(&"it takes too long")),
        }
    }

    async fn stream(&self) -> std::io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let Some(config) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(self.host.clone()).map_err(std::io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
        Ok(Box::new(stream))
    }
}

/// Trusts the certificates in the file `path`.
fn trusting(path: &str) -> Result<ClientConfig, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut trusted = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        trusted.add(certificate).map_err(|error| error.to_string())?;
    }
    if trusted.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(trusted).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let parsed = |text: &str| text.parse::<Address>();
        let plain = |host: &str, port| Address {
            is_tls: false,
            host: host.to_owned(),
            port,
            user: None,
            password: None,
        };
        assert_eq!(parsed("mqtt://broker"), Ok(plain("broker", 1883)));
        assert_eq!(parsed("mqtt://broker:1884/"), Ok(plain("broker", 1884)));
        assert_eq!(parsed("mqtt://[::1]:1884"), Ok(plain("::1", 1884)));
        assert_eq!(parsed("mqtt://[::1]"), Ok(plain("::1", 1883)));
        let full = parsed("mqtts://bridge:a%40b:c@broker").unwrap();
        assert!(full.is_tls);
        assert_eq!((full.port, full.user.as_deref()), (8883, Some("bridge")));
        assert_eq!(full.password.as_deref(), Some("a@b:c"));
        for wrong in ["broker", "amqp://broker", "mqtt://", "mqtt://broker:x", "mqtt://a/b"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
