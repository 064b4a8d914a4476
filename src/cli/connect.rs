//! Options of every command that talks to a running engine: what it shows, and whom it trusts.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use ringfence_client::{Tls, TlsFiles, Token};

/// The variable with a token. It is no option: who lists processes would see it.
const TOKEN_VARIABLE: &str = "RINGFENCE_TOKEN";

/// Options of a connection.
#[derive(Debug, Args)]
pub(super) struct ConnectOptions {
    /// File with the token that says who this is, which others may not read; without it the
    /// variable RINGFENCE_TOKEN is the token, if it is set
    #[arg(long, env = "RINGFENCE_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Connect over TCP with TLS, to an engine whose certificate an authority of this PEM file has
    /// signed
    #[arg(long, env = "RINGFENCE_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// PEM file with the certificate that this client shows, and those between it and an authority
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_key"])]
    tls_cert: Option<PathBuf>,
    /// PEM file with the key of that certificate, which others may not read
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Name in the engine's certificate [default: the host of the address]
    #[arg(long, env = "RINGFENCE_TLS_SERVER_NAME", value_name = "NAME", requires = "tls_ca")]
    tls_server_name: Option<String>,
}

impl ConnectOptions {
    /// The token, from its file or the environment.
    pub(super) fn token(&self) -> Result<Token, Failure> {
        if let Some(path) = &self.token_file {
            return Token::read(path).map_err(Failure::operating);
        }
        let variable = std::env::var(TOKEN_VARIABLE).unwrap_or_default();
        Token::new(variable.trim())
            .map_err(|error| Failure::Usage(format!("{TOKEN_VARIABLE}: {error}")))
    }

    /// How to connect over TCP.
    pub(super) fn tls(&self) -> Result<Option<Tls>, Failure> {
        let Some(ca) = &self.tls_ca else { return Ok(None) };
        let files = TlsFiles {
            ca: ca.clone(),
            certificate: self.tls_cert.clone(),
            key: self.tls_key.clone(),
            server_name: self.tls_server_name.clone(),
        };
        files.load().map(Some).map_err(Failure::operating)
    }
}
