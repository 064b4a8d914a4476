//! Certificates and keys, from files.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};

/// The files of a server that speaks TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Its certificate, and those between it and an authority.
    pub certificate: PathBuf,
    /// The key of its certificate.
    pub key: PathBuf,
    /// Authorities whose certificates clients may show; `None`: they show none.
    pub client_ca: Option<PathBuf>,
}

/// What is wrong with the files of a server that speaks TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Others may read the key.
    #[error("{} has the rights {mode:04o}: a key is for its owner, `chmod 600` it", path.display())]
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
}

impl TlsFiles {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, is none of what it should be, or key and certificate do not
    /// fit.
    pub fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has suites of TLS 1.3");
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut authorities = RootCertStore::empty();
                for certificate in certificates(path)? {
                    authorities.add(certificate).map_err(|error| wrong(path, error))?;
                }
                let authorities = Arc::new(authorities);
                // Who shows no certificate may still have a token.
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| wrong(path, error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = certificates(&self.certificate)?;
        let mut config = builder
            .with_single_cert(chain, self.key()?)
            .map_err(|error| wrong(&self.certificate, error))?;
        // A resumed session would stand on a certificate that was checked earlier.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let path = &self.key;
        let failed = |error| TlsError::Io { path: path.clone(), error };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o037 != 0 {
            return Err(TlsError::Rights { path: path.clone(), mode });
        }
        let bytes = fs::read(path).map_err(failed)?;
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| wrong(path, error))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = fs::read(path).map_err(|error| TlsError::Io { path: path.to_owned(), error })?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(wrong(path, "there is no certificate in it"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(path, error)),
    }
}

fn wrong(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::Wrong { path: path.to_owned(), reason: reason.to_string() }
}
