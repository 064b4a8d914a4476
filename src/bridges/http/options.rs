//! The table `[http]` of the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ringfence_bridge_core::Keys;

use crate::tls::Certificate;

/// What the table `[http]` says.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate and key; `None`: in clear, on loopback only.
    pub certificate: Option<Certificate>,
    /// Names the sessions with the engine.
    pub name: String,
    /// Another number makes other sessions.
    pub generation: u64,
    /// Whether requests without a token have the rights of the bridge itself.
    pub anonymous: bool,
    /// Names by which the bridge may be called, besides numbers and `localhost`.
    pub hosts: Vec<String>,
    /// Origins of pages that may use it from a browser.
    pub cors_origins: Vec<String>,
    /// Where the engine's own metrics are.
    pub engine_metrics: Option<SocketAddr>,
    /// What bounds memory and time.
    pub limits: Limits,
}

/// What bounds memory and time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Principals with a session, at the same time.
    pub principals: usize,
    /// Keys of answered requests that are known, of each principal.
    pub remember: usize,
    /// Longest body, in bytes.
    pub body_bytes: usize,
    /// Longest head of a request, in bytes.
    pub head_bytes: usize,
    /// Header fields of one request.
    pub headers: usize,
    /// Streams of one connection of HTTP/2.
    pub streams: u32,
    /// Listeners of `/v1/events` in all.
    pub listeners: usize,
    /// Subscriptions with the engine in all.
    pub subscriptions: usize,
    /// What listeners of one subscription may be behind, in bytes.
    pub listener_bytes: usize,
    /// How long the head of a request may take, and how long a connection may be quiet.
    pub header_time: Duration,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long an outcome is waited for.
    pub request_time: Duration,
    /// How long a connection may take nothing of what is written to it.
    pub write_time: Duration,
    /// How often a stream of events has something, at least.
    pub heartbeat: Duration,
    /// How long requests under way are waited for at the end.
    pub drain: Duration,
}

impl HttpOptions {
    /// Reads the table; `drain` is that of the bridge. What is wrong is noted in `keys`.
    #[must_use]
    pub fn configure(mut keys: Keys, drain: Duration) -> HttpOptions {
        let listen = keys.required_parsed("listen");
        let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let options = HttpOptions {
            certificate: certificate(&mut keys, listen),
            name: keys.text("name").unwrap_or_else(|| "http".to_owned()),
            generation: keys.number("generation", 1..=u64::from(u32::MAX), 1),
            anonymous: keys.flag("anonymous", false),
            hosts: keys.texts("hosts").unwrap_or_default(),
            cors_origins: origins(&mut keys),
            engine_metrics: keys.parsed("engine-metrics"),
            limits: limits(&mut keys, drain),
            listen,
        };
        keys.finish();
        options
    }
}

fn certificate(keys: &mut Keys, listen: SocketAddr) -> Option<Certificate> {
    let path = |text: Option<String>| text.map(PathBuf::from);
    let (chain, key) = (path(keys.text("tls-cert")), path(keys.text("tls-key")));
    match (chain, key) {
        (Some(chain), Some(key)) => match Certificate::read(&chain, &key) {
            Ok(certificate) => Some(certificate),
            Err(why) => {
                keys.mistake("tls-cert", why);
                None
            }
        },
        (None, None) => {
            if !listen.ip().is_loopback() {
                keys.mistake("listen", "only loopback is served in clear: `tls-cert` is missing");
            }
            None
        }
        (chain, _) => {
            let (there, missing) = match chain {
                Some(_) => ("tls-cert", "tls-key"),
                None => ("tls-key", "tls-cert"),
            };
            keys.mistake(there, format!("`{missing}` is missing"));
            None
        }
    }
}

fn origins(keys: &mut Keys) -> Vec<String> {
    let origins = keys.texts("cors-origins").unwrap_or_default();
    for origin in &origins {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if !rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/')) {
            let form = "an origin is https://HOST or https://HOST:PORT";
            keys.mistake("cors-origins", format!("`{origin}`: {form}"));
        }
    }
    origins
}

fn limits(keys: &mut Keys, drain: Duration) -> Limits {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    Limits {
        connections: keys.number("connections-max", 1..=100_000, 2048) as usize,
        principals: keys.number("principals-max", 1..=1024, 64) as usize,
        remember: keys.number("remember", 1..=10_000_000, 100_000) as usize,
        body_bytes: keys.number("body-bytes-max", KIB..=16 * MIB, 4 * MIB) as usize,
        head_bytes: keys.number("head-bytes-max", 8 * KIB..=256 * KIB, 16 * KIB) as usize,
        headers: keys.number("headers-max", 16..=1024, 64) as usize,
        streams: keys.number("streams-max", 1..=1024, 128) as u32,
        listeners: keys.number("listeners-max", 1..=100_000, 2048) as usize,
        subscriptions: keys.number("subscriptions-max", 1..=1024, 32) as usize,
        listener_bytes: keys.number("listener-bytes-max", 64 * KIB..=256 * MIB, 4 * MIB) as usize,
        header_time: keys.duration("header-timeout", Duration::from_secs(15)),
        body_time: keys.duration("body-timeout", Duration::from_secs(15)),
        request_time: keys.duration("request-timeout", Duration::from_secs(10)),
        write_time: keys.duration("write-timeout", Duration::from_secs(20)),
        heartbeat: keys.duration("heartbeat", Duration::from_secs(10)),
        drain,
    }
}
