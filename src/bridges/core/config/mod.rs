//! The configuration: one TOML file with the engine, any number of sources and of sinks, and HTTP.
//!
//! ```text
//!   text ──▶ Config: engine, metrics ─┬─ sources ─▶ SourceOptions, Keys of the protocol
//!                                     ├─ sinks ───▶ SinkOptions, Keys of the protocol
//!                                     └─ [http] ──▶ Keys
//! ```
//!
//! Every mistake in the file is reported at once, with its line and its key.

mod keys;
mod notes;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ringfence_client::{Address, Tls, TlsFiles, Token};
use toml::de::DeTable;

pub use keys::{Keys, Mistake, Mistakes};
use notes::Notes;

use crate::{EngineOptions, PortOptions};

/// A file that was read. Its tables are taken out of it, and then [`Config::finish`] says what was
/// wrong.
#[derive(Debug)]
pub struct Config {
    /// Where the engine is.
    pub engine: EngineOptions,
    /// Where monitoring may ask.
    pub metrics: Option<SocketAddr>,
    /// How long to wait for what is under way when asked to stop.
    pub drain: Duration,
    /// Protocol and common options of each source, and the rest of its table.
    pub sources: Vec<(String, SourceOptions, Keys)>,
    /// The same of each sink.
    pub sinks: Vec<(String, SinkOptions, Keys)>,
    /// The table `[http]`.
    pub http: Option<Keys>,
    notes: Rc<Notes>,
}

/// Options that sources of every protocol have.
pub type SourceOptions = PortOptions;

/// Options that sinks of every protocol have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkOptions {
    /// Its name.
    pub name: String,
    /// Where it begins where no position is stored.
    pub start: SinkStart,
    /// Whether events are sent too.
    pub events: bool,
    /// Whether commands are asked for, so that records know ledger and account. Set by the
    /// protocol, by what its names need.
    pub commands: bool,
    /// Whether refused commands are left out.
    pub only_successes: bool,
    /// Only these ledgers; empty: all.
    pub ledgers: Vec<u32>,
    /// Only these accounts; empty: all.
    pub accounts: Vec<u128>,
    /// Whether the engine keeps outcomes for it, under its name.
    pub keeps_log: bool,
}

/// Where a sink begins where no position is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkStart {
    /// With the oldest outcome that can be had.
    Oldest,
    /// With what comes from now on.
    Now,
    /// After this sequence.
    After(u64),
}

impl Config {
    /// Reads a file. `path` is for mistakes.
    ///
    /// # Errors
    ///
    /// If it is no TOML.
    pub fn parse(path: &str, text: &str) -> Result<Config, Mistakes> {
        let table = DeTable::parse(text).map_err(|error| Mistakes {
            path: path.to_owned(),
            mistakes: vec![Mistake::of_toml(text, &error)],
        })?;
        let notes = Rc::new(Notes::default());
        let mut root = Keys::root(text, table.into_inner(), Rc::clone(&notes));
        let engine = engine(&mut root);
        let (metrics, drain) = match root.table("bridge") {
            Some(mut keys) => {
                let metrics = keys.parsed("metrics");
                let drain = keys.duration("drain", DRAIN);
                keys.finish();
                (metrics, drain)
            }
            None => (None, DRAIN),
        };
        let sinks: Vec<_> = root.tables("sink").into_iter().map(sink).collect();
        let names: Vec<String> = sinks.iter().map(|(_, sink, _)| sink.name.clone()).collect();
        let read = |keys| source(keys, &names, drain);
        let sources: Vec<_> = root.tables("source").into_iter().map(read).collect();
        let http = root.table("http");
        if sources.is_empty() && sinks.is_empty() && http.is_none() {
            root.mistake("source", "there is neither a [[source]] nor a [[sink]] nor [http]");
        }
        root.finish();
        let config = Config { engine, metrics, drain, sources, sinks, http, notes };
        config.check_names();
        Ok(config)
    }

    fn check_names(&self) {
        let sources = self.sources.iter().map(|(_, source, keys)| (&source.name, keys));
        let sinks = self.sinks.iter().map(|(_, sink, keys)| (&sink.name, keys));
        let mut seen = Vec::new();
        for (name, keys) in sources.chain(sinks) {
            if seen.contains(&name) {
                keys.mistake("name", format!("there are two of the name `{name}`"));
            }
            seen.push(name);
        }
    }

    /// Everything that was wrong with the file and with the tables taken out of it.
    ///
    /// # Errors
    ///
    /// The mistakes, in the order of their lines.
    pub fn finish(&self, path: &str) -> Result<(), Mistakes> {
        let mut mistakes = self.notes.mistakes.borrow().clone();
        if mistakes.is_empty() {
            return Ok(());
        }
        mistakes.sort_by_key(|mistake| mistake.line);
        Err(Mistakes { path: path.to_owned(), mistakes })
    }
}

/// How long to wait for what is under way, where nothing else is said.
const DRAIN: Duration = Duration::from_secs(10);
/// Longest body of a message, in bytes, where nothing else is said.
const MESSAGE_BYTES_MAX: u64 = 1024 * 1024;
/// Messages under way, where nothing else is said.
const CREDIT: u64 = 1000;

fn engine(root: &mut Keys) -> EngineOptions {
    let nowhere = || Address::Unix("ringfence.sock".into());
    let Some(mut keys) = root.table("engine") else {
        root.mistake("engine", "missing: where the engine is, as [engine] with `connect`");
        return EngineOptions { address: nowhere(), token: Token::default(), tls: None };
    };
    let address = keys.required_parsed("connect").unwrap_or_else(nowhere);
    let token = Token::new(keys.secret("token").unwrap_or_default()).unwrap_or_else(|error| {
        keys.mistake("token", error.to_string());
        Token::default()
    });
    let tls = tls(&mut keys, &address);
    keys.finish();
    EngineOptions { address, token, tls }
}

/// How to connect with TLS, where `tls-ca` says whom to trust.
fn tls(keys: &mut Keys, address: &Address) -> Option<Tls> {
    const OTHERS: [&str; 3] = ["tls-certificate", "tls-key", "tls-server-name"];
    let ca = keys.text("tls-ca");
    let [certificate, key, server_name] = OTHERS.map(|name| keys.text(name));
    let Some(ca) = ca else {
        let given = [&certificate, &key, &server_name];
        for (name, _) in OTHERS.iter().zip(given).filter(|(_, value)| value.is_some()) {
            keys.mistake(name, "only with `tls-ca`, the certificates that are trusted");
        }
        return None;
    };
    if matches!(address, Address::Unix(_)) {
        keys.mistake("tls-ca", "only with HOST:PORT: a Unix socket speaks no TLS");
    }
    let files = TlsFiles {
        ca: ca.into(),
        certificate: certificate.map(Into::into),
        key: key.map(Into::into),
        server_name,
    };
    files.load().map_err(|error| keys.mistake("tls-ca", error.to_string())).ok()
}

fn source(mut keys: Keys, sinks: &[String], drain: Duration) -> (String, SourceOptions, Keys) {
    let name = keys.required_name("name");
    let protocol = keys.required_text("protocol");
    let generation = keys.number("generation", 1..=u64::from(u32::MAX), 1);
    let session = keys.text("session").unwrap_or_else(|| format!("bridge:{name}:{generation}"));
    if keys.text("session").is_some_and(|session| session.is_empty()) {
        keys.mistake("session", "it is empty");
    }
    keys.claim("session", &format!("session {session}"), true);
    let waits_for = keys.texts("wait-for").unwrap_or_else(|| sinks.to_vec());
    for sink in waits_for.iter().filter(|sink| !sinks.contains(sink)) {
        keys.mistake("wait-for", format!("there is no sink `{sink}`"));
    }
    let credit = keys.number("credit", 1..=65_535, CREDIT) as usize;
    let remember = keys.number("remember", 1..=10_000_000, 8 * credit as u64) as usize;
    if remember < 2 * credit {
        let least = 2 * credit;
        keys.mistake("remember", format!("at least twice the credit: {least} or more"));
    }
    let message_bytes_max = keys.number("message-bytes-max", 1..=16 << 20, MESSAGE_BYTES_MAX);
    let options = PortOptions {
        name,
        session,
        waits_for,
        credit,
        remember,
        message_bytes_max: message_bytes_max as usize,
        drain,
        by_offset: false,
    };
    (protocol, options, keys)
}

fn sink(mut keys: Keys) -> (String, SinkOptions, Keys) {
    let name = keys.required_name("name");
    let protocol = keys.required_text("protocol");
    let start = match keys.text("start").as_deref() {
        None | Some("oldest") => SinkStart::Oldest,
        Some("now") => SinkStart::Now,
        Some(text) => match text.parse() {
            Ok(sequence) => SinkStart::After(sequence),
            Err(_) => {
                keys.mistake("start", format!("`{text}`: it is oldest, now or a sequence"));
                SinkStart::Oldest
            }
        },
    };
    let options = SinkOptions {
        name,
        start,
        events: keys.flag("events", false),
        commands: false,
        only_successes: keys.flag("only-successes", false),
        ledgers: keys.numbers("ledgers"),
        accounts: keys.numbers("accounts"),
        keeps_log: keys.flag("keep-log", true),
    };
    (protocol, options, keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[engine]
connect = "unix:/run/ringfence.sock"

[[source]]
name = "payments"
protocol = "amqp"
queue = "payments"

[[sink]]
name = "outcomes"
protocol = "amqp"
ledgers = [978]
"#;

    #[test]
    fn a_source_waits_for_every_sink_unless_it_says_otherwise() {
        let mut config = Config::parse("f", GOOD).unwrap();
        let (protocol, source, mut keys) = config.sources.remove(0);
        assert_eq!(protocol, "amqp");
        assert_eq!(source.waits_for, ["outcomes"]);
        assert_eq!(source.session, "bridge:payments:1");
        assert_eq!(keys.required_text("queue"), "payments");
        keys.finish();
        assert_eq!(config.sinks[0].1.ledgers, [978]);
        config.finish("f").unwrap();
    }

    #[test]
    fn every_mistake_is_named_with_line_and_key() {
        let text = GOOD
            .replace("connect", "conect")
            .replace("queue =", "wait-for = [\"x\"]\ncredit = 0\nqueue =")
            .replace("[978]", "[\"euro\"]");
        let config = Config::parse("f", &text).unwrap();
        for (.., keys) in &config.sources {
            keys.mistake("queue", "made up");
        }
        let mistakes = config.finish("f").unwrap_err().to_string();
        for line in [
            "f, line 2, `engine.connect`: missing",
            "f, line 3, `engine.conect`: unknown key",
            "f, line 8, `source.wait-for`: there is no sink `x`",
            "f, line 9, `source.credit`: 0 is not within 1 to 65535",
            "f, line 10, `source.queue`: made up",
            "f, line 15, `sink.ledgers`: \"euro\" is no number that fits",
        ] {
            assert!(mistakes.lines().any(|found| found == line), "{line}\n{mistakes}");
        }
    }

    #[test]
    fn keys_of_tls_are_checked_with_each_other() {
        let mistakes = |text: &str| {
            let text = GOOD.replace("connect =", &format!("{text}\nconnect ="));
            Config::parse("f", &text).unwrap().finish("f").unwrap_err().to_string()
        };
        let line = "f, line 3, `engine.tls-key`: only with `tls-ca`";
        assert!(mistakes("tls-key = \"k\"").starts_with(line));
        let both = mistakes("tls-ca = \"/no/such/file\"");
        assert!(both.contains("`engine.tls-ca`: only with HOST:PORT"), "{both}");
        assert!(both.contains("/no/such/file"), "{both}");
    }

    #[test]
    fn two_sources_have_two_sessions_and_every_table_a_name() {
        let source = "[[source]]\nname = \"other\"\nprotocol = \"amqp\"\n";
        let text = format!("{GOOD}{source}session = \"bridge:payments:1\"\n[[sink]]\nname = \"\"");
        let config = Config::parse("f", &text).unwrap();
        let mistakes = config.finish("f").unwrap_err().to_string();
        for line in [
            "line 17, `source.session`: two cannot have it: session bridge:payments:1",
            "line 19, `sink.name`: it is empty",
        ] {
            assert!(mistakes.contains(line), "{line}\n{mistakes}");
        }
    }

    #[test]
    fn what_is_no_toml_is_named_with_its_line() {
        let error = Config::parse("f", "[engine]\nconnect = \n").unwrap_err().to_string();
        assert!(error.starts_with("f, line 2: "), "{error}");
    }
}
