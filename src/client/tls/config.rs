//! Whom a client trusts, and what it shows.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};

use crate::credentials::{CredentialError, read_file, read_secret};

/// Files for connections over TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// Authorities of which one has signed the engine's certificate.
    pub ca: PathBuf,
    /// The client's certificate, and those between it and an authority; its key is then given too.
    pub certificate: Option<PathBuf>,
    /// The key of the client's certificate.
    pub key: Option<PathBuf>,
    /// The name in the engine's certificate; `None`: the host of the address.
    pub server_name: Option<String>,
}

impl TlsFiles {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, is none of what it should be, or key and certificate do not
    /// fit.
    pub fn load(&self) -> Result<Tls, CredentialError> {
        let mut authorities = RootCertStore::empty();
        for certificate in certificates(&self.ca)? {
            let added = authorities.add(certificate);
            added.map_err(|error| CredentialError::wrong(&self.ca, error))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has suites of TLS 1.3")
            .with_root_certificates(authorities);
        let mut config = match (&self.certificate, &self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| CredentialError::wrong(certificate, error))?,
            (Some(path), None) => {
                return Err(CredentialError::wrong(path, "a certificate needs its key"));
            }
            (None, Some(path)) => {
                return Err(CredentialError::wrong(path, "a key needs its certificate"));
            }
        };
        // The engine resumes no sessions of TLS.
        config.resumption = Resumption::disabled();
        Ok(Tls::new(Arc::new(config), self.server_name.clone()))
    }
}

/// How connections over TLS are made. Unix sockets never speak TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    server_name: Option<String>,
}

impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        Arc::ptr_eq(&self.config, &other.config) && self.server_name == other.server_name
    }
}

impl Eq for Tls {}

impl Tls {
    /// TLS as `config` says, with an engine whose certificate has `server_name`; `None`: the host of
    /// the address.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>, server_name: Option<String>) -> Tls {
        Tls { config, server_name }
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The name that the engine at `host_and_port` has to show.
    pub(crate) fn server_name(&self, host_and_port: &str) -> io::Result<ServerName<'static>> {
        let host = host_and_port.rsplit_once(':').map_or(host_and_port, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        ServerName::try_from(name)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let bytes = read_file(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(CredentialError::wrong(path, "there is no certificate in it"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(CredentialError::wrong(path, error)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialError> {
    let bytes = read_secret(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| CredentialError::wrong(path, error))
}
