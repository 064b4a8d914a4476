//! Options of who may connect to `ringfence run`, and how much clients may take.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

use super::config::name_as_set;
use super::options::whole;
use ringfence_server::{CONNECTIONS_MAX, Descriptors, Limits};

/// Descriptors that a connection takes.
const DESCRIPTORS_OF_EACH: u64 = 1;
/// Longest time that can be given, a year: later ones are no limits.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Who may connect, and how much clients may take.
#[derive(Debug, Args)]
pub(super) struct DoorOptions {
    /// Rights of the files of Unix sockets, in octal
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
    /// Most subscriptions at a time
    #[arg(long, env = "RINGFENCE_SUBSCRIPTIONS_MAX", value_name = "N", default_value = "64", value_parser = whole::<usize>(1, 65_535))]
    pub subscriptions_max: usize,
    /// How long a connection may take to say its hello
    #[arg(long, env = "RINGFENCE_HELLO_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = timeout)]
    pub hello_timeout: Duration,
    /// How long a client may be silent, or take nothing of what it is owed
    #[arg(long, env = "RINGFENCE_IDLE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = timeout)]
    pub idle_timeout: Duration,
    /// Most batches of one principal in a second: those above it wait, and a hello above it is refused
    /// [default: any number]
    #[arg(long, env = "RINGFENCE_REQUESTS_PER_SECOND", value_name = "N", value_parser = whole::<u32>(1, 1_000_000_000))]
    pub requests_per_second: Option<u32>,
}

impl DoorOptions {
    /// The limits that hold with so many descriptors.
    pub(super) fn limits(&self, descriptors: Descriptors) -> Limits {
        let wanted = self.connections_max;
        let connections = descriptors.connections(wanted, DESCRIPTORS_OF_EACH);
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
            hello_timeout: self.hello_timeout,
            idle_timeout: self.idle_timeout,
            requests_per_second: self.requests_per_second.and_then(NonZeroU32::new),
        }
    }
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "must be rights in octal, from 0 to 0777".to_owned())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let fits = |timeout: &Duration| (Duration::from_millis(1)..=TIMEOUT_MAX).contains(timeout);
    humantime::parse_duration(text)
        .ok()
        .filter(fits)
        .ok_or_else(|| "must be a duration from 1ms to 365days".to_owned())
}
