//! Connections over TLS, with the feature `tls`.
//!
//! ```text
//!   TlsFiles ──load──▶ Tls ──▶ TlsStream   blocks; read by one thread, written by another
//!                       ├────▶ TlsSocket   never blocks; for the thread of a session
//!                       └────▶ tokio_rustls, for what is awaited
//! ```

#[cfg(feature = "tls")]
mod config;
#[cfg(feature = "tls")]
mod incoming;
#[cfg(feature = "tls")]
mod socket;
#[cfg(feature = "tls")]
mod stream;

#[cfg(feature = "tls")]
pub use config::{Tls, TlsFiles};
#[cfg(feature = "tls")]
pub use socket::TlsSocket;
#[cfg(feature = "tls")]
pub(crate) use stream::TlsStream;

/// How connections over TLS are made. Without the feature `tls` there is none.
#[cfg(not(feature = "tls"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {}

/// What rustls says is wrong, if that is why `error` came.
pub(crate) fn reason(error: &std::io::Error) -> Option<String> {
    #[cfg(feature = "tls")]
    return error.get_ref()?.downcast_ref::<rustls::Error>().map(ToString::to_string);
    #[cfg(not(feature = "tls"))]
    {
        let _ = error;
        None
    }
}
