//! Options of who may connect to `ringfence run`, and how much clients may take.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;

use super::config::name_as_set;
use super::options::whole;
use ringfence_server::tls::TlsFiles;
use ringfence_server::{Asked, CONNECTIONS_MAX, Descriptors, Limits};

/// Descriptors that a connection takes: its own, and over TLS a pair of sockets.
const DESCRIPTORS_OF_EACH: u64 = 1;
const DESCRIPTORS_OF_EACH_TLS: u64 = 3;
/// Longest time that can be given, a year: later ones are no limits.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Who may connect, and how much clients may take.
#[derive(Debug, Args)]
pub(super) struct DoorOptions {
    /// TOML file that says who may do what, read again on SIGHUP [default: none, everybody who can
    /// connect may do everything]
    #[arg(long, env = "RINGFENCE_ACCESS", value_name = "FILE")]
    pub access: Option<PathBuf>,
    /// Speak TLS over TCP, with the certificate in this PEM file and those between it and an
    /// authority; read again on SIGHUP
    #[arg(long, env = "RINGFENCE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the key of the certificate
    #[arg(long, env = "RINGFENCE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// PEM file with the authorities whose certificates clients may show
    #[arg(long, env = "RINGFENCE_TLS_CLIENT_CA", value_name = "FILE", requires_all = ["tls_cert", "access"])]
    pub tls_client_ca: Option<PathBuf>,
    /// How long a TLS handshake may take
    #[arg(long, env = "RINGFENCE_TLS_HANDSHAKE_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = timeout)]
    pub tls_handshake_timeout: Duration,
    /// Rights of the files of Unix sockets, in octal: 0660; in a configuration file "0660" or 0o660
    #[arg(long, env = "RINGFENCE_SOCKET_MODE", value_name = "MODE", default_value = "0600", value_parser = mode)]
    pub socket_mode: u32,
    /// Most connections at a time; fewer where there are not enough file descriptors
    #[arg(long, env = "RINGFENCE_CONNECTIONS_MAX", value_name = "N", default_value = "1024", value_parser = whole::<u16>(1, CONNECTIONS_MAX.into()))]
    pub connections_max: u16,
    /// Most connections of one principal at a time [default: as many as there can be]
    #[arg(long, env = "RINGFENCE_CONNECTIONS_PER_PRINCIPAL", value_name = "N", value_parser = whole::<u32>(1, u32::MAX.into()))]
    pub connections_per_principal: Option<u32>,
    /// Most commands of one connection that are taken in and not answered; with more the engine reads
    /// no further
    #[arg(long, env = "RINGFENCE_IN_FLIGHT_COMMANDS_MAX", value_name = "N", default_value = "16384", value_parser = whole::<u32>(1, 1 << 24))]
    pub in_flight_commands_max: u32,
    /// Most bytes that a connection which wants events may be owed; with more it is ended
    #[arg(long, env = "RINGFENCE_OWED_BYTES_MAX", value_name = "N", default_value = "67108864", value_parser = whole::<usize>(1 << 16, 1 << 40))]
    pub owed_bytes_max: usize,
    /// Most bytes that all connections together may be owed; with more, those that are owed most
    /// are ended
    #[arg(
        long,
        env = "RINGFENCE_OWED_BYTES_IN_ALL_MAX",
        value_name = "N",
        default_value = "1073741824",
        value_parser = whole::<usize>(1 << 16, 1 << 44)
    )]
    pub owed_bytes_in_all_max: usize,
    /// Most subscriptions at a time
    #[arg(long, env = "RINGFENCE_SUBSCRIPTIONS_MAX", value_name = "N", default_value = "64", value_parser = whole::<usize>(1, 65_535))]
    pub subscriptions_max: usize,
    /// How long a connection may take to say its hello
    #[arg(long, env = "RINGFENCE_HELLO_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = timeout)]
    pub hello_timeout: Duration,
    /// How long a client may be silent, or take nothing of what it is owed
    #[arg(long, env = "RINGFENCE_IDLE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = timeout)]
    pub idle_timeout: Duration,
    /// How long a stop waits for clients to take the outcomes that they are owed
    #[arg(long, env = "RINGFENCE_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "2s", value_parser = timeout)]
    pub drain_timeout: Duration,
    /// Most batches of one principal in a second: those above it wait, and a hello above it is refused
    /// [default: any number]
    #[arg(long, env = "RINGFENCE_REQUESTS_PER_SECOND", value_name = "N", value_parser = whole::<u32>(1, 1_000_000_000))]
    pub requests_per_second: Option<u32>,
}

impl DoorOptions {
    /// What is asked of those who come in. The files are read again once `reload` is set.
    pub(super) fn asked(&self, limits: &Limits, reload: Arc<AtomicBool>) -> Asked {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        Asked {
            access: self.access.clone(),
            tls: tls.map(|(certificate, key)| TlsFiles {
                certificate,
                key,
                client_ca: self.tls_client_ca.clone(),
            }),
            handshake_timeout: self.tls_handshake_timeout,
            connections: limits.connections,
            reload,
        }
    }

    /// The limits that hold with so many descriptors.
    pub(super) fn limits(&self, descriptors: Descriptors) -> Limits {
        let wanted = self.connections_max;
        let of_each = match self.tls_cert {
            Some(_) => DESCRIPTORS_OF_EACH_TLS,
            None => DESCRIPTORS_OF_EACH,
        };
        let connections = descriptors.connections(wanted, of_each);
        if connections < wanted {
            tell!(
                "ringfence: {} file descriptors suffice for {connections} connections, not for the {wanted} of {}",
                descriptors.limit,
                name_as_set("connections-max")
            );
        }
        Limits {
            connections,
            connections_per_principal: self
                .connections_per_principal
                .unwrap_or_else(|| connections.into()),
            in_flight_commands: self.in_flight_commands_max,
            owed_bytes: self.owed_bytes_max,
            owed_bytes_in_all: self.owed_bytes_in_all_max,
            hello_timeout: self.hello_timeout,
            idle_timeout: self.idle_timeout,
            drain_timeout: self.drain_timeout,
            requests_per_second: self.requests_per_second.and_then(NonZeroU32::new),
        }
    }
}

fn mode(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "must be rights in octal, from 0 to 0777".to_owned())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let fits = |timeout: &Duration| (Duration::from_millis(1)..=TIMEOUT_MAX).contains(timeout);
    humantime::parse_duration(text)
        .ok()
        .filter(fits)
        .ok_or_else(|| "must be a duration from 1ms to 365days".to_owned())
}
