//! Options that more than one command has.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Failure;
use super::outcome_log::KeepOption;
use ringfence_journal::{
    Backend, Durability, Key, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, Seals, Wanted,
};
use ringfence_node::pipeline::{Cores, Wait};
use ringfence_types::{BATCH_COMMANDS_MAX, IdTime};

/// Options of every command that reads a data directory.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// TOML file with options; the command line and the environment come before it
    #[arg(long, env = "RINGFENCE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The key of a journal.
#[derive(Debug, Args)]
pub(super) struct KeyOption {
    /// File with the secret key of a sealed journal: nobody without the key can rewrite the journal
    /// unnoticed. A new journal is sealed from its start or never
    #[arg(long, alias = "key", env = "RINGFENCE_JOURNAL_KEY", value_name = "FILE")]
    pub journal_key: Option<PathBuf>,
}

impl KeyOption {
    /// The key, read from its file.
    pub(super) fn read(&self) -> Result<Option<Key>, Failure> {
        let path = self.journal_key.as_deref();
        path.map(Key::read).transpose().map_err(Failure::operating)
    }
}

/// Says so where a journal is sealed and was read without its key.
pub(super) fn note_unchecked(seals: Seals) {
    if seals == Seals::Unchecked {
        tell!(
            "ringfence: the journal is keyed: without --journal-key it is checked by checksum only"
        );
    }
}

/// Options that decide outcomes. They are kept in the journal.
#[derive(Debug, Args)]
pub(super) struct JournaledOptions {
    /// Most accounts, allocated at start [default: as in the journal, 65536 in a new one]
    #[arg(long, env = "RINGFENCE_ACCOUNTS", value_name = "N", value_parser = capacity)]
    pub accounts: Option<u64>,
    /// Most transfers, and ids that refused ones have spent, allocated at start [default: as in the journal, 1048576 in a new one]
    #[arg(long, env = "RINGFENCE_TRANSFERS", value_name = "N", value_parser = capacity)]
    pub transfers: Option<u64>,
    /// Most policies, allocated at start [default: as in the journal, 65536 in a new one]
    #[arg(long, env = "RINGFENCE_POLICIES", value_name = "N", value_parser = capacity)]
    pub policies: Option<u64>,
    /// Most markets, allocated at start [default: as in the journal, 64 in a new one]
    #[arg(long, env = "RINGFENCE_MARKETS", value_name = "N", value_parser = capacity)]
    pub markets: Option<u64>,
    /// Most orders, and ids that refused ones have spent, allocated at start [default: as in the journal, 262144 in a new one]
    #[arg(long, env = "RINGFENCE_ORDERS", value_name = "N", value_parser = capacity)]
    pub orders: Option<u64>,
    /// How long ids are remembered, such as 36h or 30days [default: as in the journal, for ever in a new one]
    #[arg(long, env = "RINGFENCE_RETENTION", value_name = "DURATION", value_parser = retention)]
    pub retention: Option<Duration>,
    /// What the ids of transfers and orders say of their time: none, or ulid (the first 48 bits are
    /// milliseconds since 1970): then a payment is never executed twice, however late it is repeated.
    /// ulid needs a retention of more than 2m [default: as in the journal, none in a new one]
    #[arg(
        long,
        env = "RINGFENCE_ID_TIME",
        value_name = "HOW",
        value_enum,
        hide_possible_values = true
    )]
    pub id_time: Option<IdTimeOption>,
    /// Most sessions with a name, allocated at start [default: as in the journal, 1024 in a new one]
    #[arg(long, env = "RINGFENCE_SESSIONS", value_name = "N", value_parser = capacity)]
    pub sessions: Option<u64>,
    /// How long a session may be silent before it gives its place to a new one when the table is
    /// full [default: as in the journal, 7days in a new one]
    #[arg(long, env = "RINGFENCE_SESSION_RETENTION", value_name = "DURATION", value_parser = retention)]
    pub session_retention: Option<Duration>,
    /// Take back capacities under which no command was taken in: for a start with too large ones, for
    /// which there is no memory
    #[arg(long, env = "RINGFENCE_WITHDRAW_CAPACITIES")]
    pub withdraw_capacities: bool,
    /// Let --retention be shorter than the journal's: ids are forgotten sooner, and a payment that is
    /// repeated after that is executed again
    #[arg(long, env = "RINGFENCE_SHORTEN_RETENTION", requires = "retention")]
    pub shorten_retention: bool,
}

/// `--id-time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum IdTimeOption {
    /// Any id may come at any time
    None,
    /// As in a ULID
    Ulid,
}

impl From<IdTimeOption> for IdTime {
    fn from(option: IdTimeOption) -> IdTime {
        match option {
            IdTimeOption::None => IdTime::None,
            IdTimeOption::Ulid => IdTime::Ulid,
        }
    }
}

/// How the engine runs. No outcome depends on these.
#[derive(Debug, Args)]
pub(super) struct EngineOptions {
    /// When an outcome is sent
    #[arg(
        long,
        env = "RINGFENCE_DURABILITY",
        value_name = "WHEN",
        value_enum,
        default_value_t = DurabilityOption::Sync
    )]
    pub durability: DurabilityOption,
    /// Slots of the ring, a power of two, at least 16384
    #[arg(long, env = "RINGFENCE_RING_SLOTS", value_name = "N", default_value = "65536", value_parser = ring_slots)]
    pub ring_slots: usize,
    /// Slots of the ring for events and for what look-ups find, a power of two
    #[arg(long, env = "RINGFENCE_EVENT_SLOTS", value_name = "N", default_value = "16384", value_parser = event_slots)]
    pub event_slots: usize,
    /// Bytes of a new segment of the journal, a power of two, at least 2097152 [default: as its last
    /// segment, else 67108864]
    #[arg(long, env = "RINGFENCE_SEGMENT_BYTES", value_name = "N", value_parser = segment_bytes)]
    pub segment_bytes: Option<u64>,
    /// What writes the journal: io-uring, threads (direct writes that a thread waits for) or buffered
    /// (through the page cache) [default: the first that works]
    #[arg(long, env = "RINGFENCE_JOURNAL_IO", value_name = "HOW")]
    pub journal_io: Option<Backend>,
    #[command(flatten)]
    pub key: KeyOption,
    #[command(flatten)]
    pub keep: KeepOption,
    #[command(flatten)]
    pub threads: ThreadOptions,
}

/// Which threads run the stages, and how they wait.
#[derive(Debug, Args)]
pub(super) struct ThreadOptions {
    /// How a stage without work waits: busy-spin, yield, park (sleep), phased (spin, then yield, then
    /// sleep), or auto: phased, unless each stage has a core of its own
    #[arg(long, env = "RINGFENCE_WAIT", value_name = "HOW", default_value = "auto")]
    pub wait: Wait,
    /// Cores to pin threads to, such as 0,1 or 2-5, or auto: all that this process may use
    #[arg(long, env = "RINGFENCE_CORES", value_name = "LIST", default_value = "auto")]
    pub cores: Cores,
}

/// `--durability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DurabilityOption {
    /// Once its command is on stable storage
    Sync,
    /// At once: a power cut can lose commands whose outcomes were sent
    Async,
}

impl From<DurabilityOption> for Durability {
    fn from(option: DurabilityOption) -> Durability {
        match option {
            DurabilityOption::Sync => Durability::Sync,
            DurabilityOption::Async => Durability::Async,
        }
    }
}

/// Dense indices are 32 bits wide, and one of them means "none".
const CAPACITY_MAX: u64 = 1 << 31;
/// Fewest slots of the ring: two of the longest batches fit.
const RING_SLOTS_MIN: u64 = 2 * BATCH_COMMANDS_MAX as u64;

/// A parser of whole numbers from `min` to `max`.
pub(super) fn whole<T: TryFrom<u64>>(
    min: u64,
    max: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (min..=max).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match max {
            u64::MAX => format!("must be a whole number from {min} up"),
            _ => format!("must be a whole number from {min} to {max}"),
        })
    }
}

pub(super) fn capacity(text: &str) -> Result<u64, String> {
    whole(1, CAPACITY_MAX)(text)
}

fn slots(min: u64, text: &str) -> Result<usize, String> {
    whole(min, CAPACITY_MAX)(text)
        .ok()
        .filter(|slots: &usize| slots.is_power_of_two())
        .ok_or_else(|| format!("must be a power of two from {min} to {CAPACITY_MAX}"))
}

pub(super) fn ring_slots(text: &str) -> Result<usize, String> {
    slots(RING_SLOTS_MIN, text)
}

fn event_slots(text: &str) -> Result<usize, String> {
    slots(1, text)
}

pub(super) fn segment_bytes(text: &str) -> Result<u64, String> {
    let bytes = text.parse().ok();
    bytes.filter(|&bytes| ringfence_journal::check_segment_bytes(bytes).is_ok()).ok_or_else(|| {
        format!("must be a power of two from {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}")
    })
}

fn retention(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("must be a duration such as 36h or 30days: {error}"))?;
    match u64::try_from(duration.as_nanos()) {
        Ok(1..) => Ok(duration),
        _ => Err("must be a duration from 1ns to 584years".to_owned()),
    }
}

impl JournaledOptions {
    /// What is asked for; the rest is as the journal says.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            accounts: self.accounts,
            transfers: self.transfers,
            policies: self.policies,
            markets: self.markets,
            orders: self.orders,
            retention_ns: self.retention.map(|retention| retention.as_nanos() as u64),
            id_time: self.id_time.map(IdTime::from),
            sessions: self.sessions,
            session_retention_ns: self.session_retention.map(|it| it.as_nanos() as u64),
            withdraws_capacities: self.withdraw_capacities,
            shortens_retention: self.shorten_retention,
        }
    }
}
