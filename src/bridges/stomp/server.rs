//! Where the broker is, and how to come in.

use std::fmt;
use std::io;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use ringfence_bridge_core::Keys;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// Port where the URL names none.
const PORT: u16 = 61613;

/// A connection, with TLS or in clear.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where the broker is, and how to come in.
#[derive(Clone)]
pub struct StompServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) virtual_host: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for StompServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the password.
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl StompServer {
    /// Reads `url`, `user`, `password` or `password-file`, `virtual-host` and `tls-ca`.
    pub fn configure(keys: &mut Keys) -> StompServer {
        let mut server = StompServer {
            host: String::new(),
            port: PORT,
            virtual_host: "/".to_owned(),
            user: None,
            password: None,
            tls: None,
        };
        let mut is_secured = false;
        if let Some(url) = keys.required_parsed::<Url>("url") {
            is_secured = url.scheme() == "stomps";
            if !is_secured && url.scheme() != "stomp" {
                keys.mistake("url", "it begins with stomp:// or, for TLS, with stomps://");
            }
            if let Err(what) = server.read(&url) {
                keys.mistake("url", what);
            }
        }
        server.user = keys.text("user").or(server.user);
        server.password = keys.secret("password").or(server.password);
        server.virtual_host = keys.text("virtual-host").unwrap_or(server.virtual_host);
        server.trust(keys, is_secured);
        server
    }

    fn read(&mut self, url: &Url) -> Result<(), &'static str> {
        let plain = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(|text| text.into_owned()).map_err(|_| "it is no UTF-8")
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("there is no host")?;
        self.host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        self.port = url.port().unwrap_or(PORT);
        if !url.username().is_empty() {
            self.user = Some(plain(url.username())?);
        }
        self.password = url.password().map(plain).transpose()?;
        match url.path().strip_prefix('/') {
            None | Some("") => {}
            Some(path) => self.virtual_host = plain(path)?,
        }
        Ok(())
    }

    fn trust(&mut self, keys: &mut Keys, is_secured: bool) {
        let path = keys.text("tls-ca");
        match path {
            Some(path) => match trusted(&path) {
                Ok(config) => self.tls = is_secured.then(|| Arc::new(config)),
                Err(what) => keys.mistake("tls-ca", format!("{path}: {what}")),
            },
            None if is_secured => {
                keys.mistake("tls-ca", "missing: stomps needs the certificates that are trusted");
            }
            None => {}
        }
    }

    /// Connects, and makes the connection secure where that is asked.
    pub(crate) async fn open(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let Some(config) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?;
        Ok(Box::new(stream))
    }
}

/// What trusts the certificates of a PEM file.
fn trusted(path: &str) -> Result<ClientConfig, String> {
    let mut authorities = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        authorities.add(certificate).map_err(|error| error.to_string())?;
    }
    if authorities.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(authorities).with_no_client_auth())
}
