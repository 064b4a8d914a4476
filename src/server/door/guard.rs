//! Who may come in, and over what.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::listener::Peer;
use super::waiting::Refused;
use crate::access::{Access, AccessError, Grants, Principal};
use crate::session::Stream;
use crate::tls::{TlsAcceptor, TlsError, TlsFiles};
use ringfence_codec::Address;
use ringfence_codec::wire::{ClientHello, ErrorCode};

/// What is asked of those who come in.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The access file; `None`: everybody who can reach the door may do everything.
    pub access: Option<PathBuf>,
    /// Over TCP, TLS is spoken with these; `None`: clear.
    pub tls: Option<TlsFiles>,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// Most connections at a time.
    pub connections: u16,
    /// Once it is set, the files are read again.
    pub reload: Arc<AtomicBool>,
}

/// Why a door cannot be guarded as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The access file.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The files for TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system refuses a thread or what one sleeps on.
    #[error("starting TLS: {0}")]
    Io(#[from] io::Error),
}

/// Knows who may come in.
#[derive(Debug)]
pub struct Guard {
    access: Option<(PathBuf, Access)>,
    tls: Option<(TlsFiles, TlsAcceptor)>,
    reload: Arc<AtomicBool>,
}

impl Guard {
    /// Reads the files, and starts the threads of TLS where it is spoken.
    ///
    /// # Errors
    ///
    /// If a file has a mistake, or the system refuses a thread.
    pub fn new(asked: Asked) -> Result<Guard, GuardError> {
        let Asked { access, tls, handshake_timeout, connections, reload } = asked;
        let access = match access {
            None => None,
            Some(path) => Access::load(&path).map(|access| Some((path, access)))?,
        };
        let tls = match tls {
            None => None,
            Some(files) => {
                let config = files.load()?;
                let acceptor = TlsAcceptor::new(config, handshake_timeout, connections.into())?;
                Some((files, acceptor))
            }
        };
        Ok(Guard { access, tls, reload })
    }

    /// Checks that nobody comes in from elsewhere in clear, or unknown. An address that cannot be
    /// resolved is left to those who listen there.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub(super) fn check(&self, address: &Address) -> io::Result<()> {
        let Address::Tcp(host_and_port) = address else { return Ok(()) };
        let Ok(resolved) = host_and_port.to_socket_addrs() else { return Ok(()) };
        resolved.into_iter().try_for_each(|address| self.check_resolved(address))
    }

    /// The same, for an address that is listened at.
    pub(super) fn check_resolved(&self, address: SocketAddr) -> io::Result<()> {
        let missing = match (&self.tls, &self.access) {
            _ if is_loopback(address.ip()) => return Ok(()),
            (None, _) => {
                "TLS (--tls-cert and --tls-key): everybody on the way could read and \
                          change what is said"
            }
            (_, None) => {
                "an access file (--access): everybody who can reach it could do everything"
            }
            _ => return Ok(()),
        };
        let text =
            format!("{} can be reached from other machines, which needs {missing}", address.ip());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }

    /// Whether connections over TCP speak TLS.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Lets TLS be spoken on a connection over TCP, where it is.
    pub(super) fn wrap(&self, stream: Stream, mut peer: Peer) -> io::Result<(Stream, Peer)> {
        match (&self.tls, stream) {
            (Some((_, acceptor)), Stream::Tcp(stream)) => {
                let (inside, handshake) = acceptor.accept(stream, Arc::clone(&peer.name))?;
                peer.handshake = Some(handshake);
                Ok((Stream::Unix(inside), peer))
            }
            (_, stream) => Ok((stream, peer)),
        }
    }

    /// Who it is. A token comes before a certificate, and that before the user of a Unix socket;
    /// what is shown has to be right.
    pub(super) fn principal(
        &self,
        hello: &ClientHello,
        peer: &Peer,
    ) -> Result<Arc<Principal>, Refused> {
        let Some((_, access)) = &self.access else {
            let name = match peer.user {
                Some(user) => format!("user {user}").into(),
                None => "everybody".into(),
            };
            return Ok(Arc::new(Principal::new(name, Grants::ALL)));
        };
        let certificate = peer.handshake.as_ref().and_then(|handshake| handshake.certificate());
        let (found, text) = match (hello.token.as_slice(), certificate, peer.user) {
            ([], None, None) => (None, "nothing was shown: a token or a certificate is needed"),
            ([], None, Some(user)) => (
                access.by_user(user),
                "no token was shown, and the access file does not know this user",
            ),
            ([], Some(certificate), _) => (
                access.by_certificate(certificate),
                "the access file does not know this certificate",
            ),
            (token, ..) => (access.by_token(token), "the access file does not know this token"),
        };
        found.ok_or_else(|| Refused {
            code: ErrorCode::Unauthenticated,
            value: 0,
            text: text.to_owned(),
        })
    }

    /// Reads the files again if that was asked for. One that has a mistake changes nothing.
    pub(super) fn reload(&mut self) {
        // Relaxed: the flag carries nothing but itself.
        if !self.reload.swap(false, Ordering::Relaxed) {
            return;
        }
        if self.access.is_none() && self.tls.is_none() {
            tracing::info!("there is nothing to read again: no access file, and no TLS");
        }
        if let Some((path, access)) = &mut self.access {
            match Access::load(path) {
                Ok(new) => {
                    *access = access.replaced_by(new);
                    let count = access.principals().len();
                    tracing::info!("{}: read again, {count} principals", path.display());
                }
                Err(error) => tracing::error!("{error}; what was read before holds"),
            }
        }
        if let Some((files, acceptor)) = &self.tls {
            match files.load() {
                Ok(config) => {
                    acceptor.replace(config);
                    let path = files.certificate.display();
                    tracing::info!("{path}: read again, for new connections");
                }
                Err(error) => tracing::error!("{error}; what was read before holds"),
            }
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.access {
            Some((path, access)) => {
                write!(
                    f,
                    "access by {}, {} principals",
                    path.display(),
                    access.principals().len()
                )?;
            }
            None => f.write_str(
                "no access file: Unix sockets allow everything to those who may open their file, \
                 TCP on loopback everything to everybody on this machine",
            )?,
        }
        f.write_str(if self.speaks_tls() { "; TLS over TCP" } else { "" })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new(Asked::default()).unwrap()
    }

    #[test]
    fn without_tls_only_this_machine_comes_in() {
        let cases = [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("192.0.2.1:1", false),
            ("[::ffff:192.0.2.1]:1", false),
        ];
        for (address, is_allowed) in cases {
            let checked = guard().check(&Address::Tcp(address.to_owned()));
            assert_eq!(checked.is_ok(), is_allowed, "{address}");
            if let Err(error) = checked {
                assert!(error.to_string().contains("--tls-cert"), "{error}");
            }
        }
        guard().check(&Address::Unix("/tmp/it".into())).unwrap();
    }
}
