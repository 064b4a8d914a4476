//! What a node is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::counters::Counters;
use crate::pipeline::{Cores, Wait};
use ringfence_journal::outcomes::Keep;
use ringfence_journal::{Backend, Durability, Key, Wanted};

/// What a node tells the program that embeds it, while it opens and runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A sentence that a person should read: a tail that was cut, a snapshot that was passed over.
    Note(String),
    /// So many bytes of the tables have their memory, of so many.
    TablesReady {
        /// How many are ready.
        bytes: u64,
        /// How many there are.
        of: u64,
    },
    /// So many commands have been brought back from the journal.
    Replayed(u64),
    /// So many outcomes of this run have been given to the sink.
    Published(u64),
}

/// What takes a node's messages.
pub type Report = Box<dyn FnMut(Message) + Send>;

/// What a node is opened with. The default keeps nothing, and tells nothing.
pub struct Options {
    /// Directory of the journal, created if its parent exists; `None`: nothing is kept.
    pub data_dir: Option<PathBuf>,
    /// Capacities and retention; what is left open is what the journal says, or the default.
    pub wanted: Wanted,
    /// When an outcome may leave.
    pub durability: Durability,
    /// Length of new segments, in bytes; `None`: as the journal's last one, or 64 MiB.
    pub segment_bytes: Option<u64>,
    /// The key that seals the journal.
    pub journal_key: Option<Key>,
    /// What writes the journal; `None`: the first that works.
    pub journal_io: Option<Backend>,
    /// Outcomes and events are kept by sequence, for consumers that resume.
    pub outcome_log: bool,
    /// How much of them is kept; `None`: all.
    pub outcome_log_keep: Option<Keep>,
    /// Slots of the lanes that commands, verdicts and outcomes lie in: a power of two, at least twice
    /// [`BATCH_COMMANDS_MAX`](ringfence_types::BATCH_COMMANDS_MAX).
    pub ring_slots: usize,
    /// Slots of the lane for events; a power of two.
    pub event_slots: usize,
    /// The cores that stages are pinned to.
    pub cores: Cores,
    /// How the stages' threads wait.
    pub wait: Wait,
    /// Once it is set, a run takes nothing more in, finishes what was begun, and returns.
    pub stop: Arc<AtomicBool>,
    /// Where it shows its numbers.
    pub counters: Arc<Counters>,
    /// Takes what the node tells. It is called by the thread that opens and runs the node.
    pub report: Report,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            data_dir: None,
            wanted: Wanted::default(),
            durability: Durability::Sync,
            segment_bytes: None,
            journal_key: None,
            journal_io: None,
            outcome_log: false,
            outcome_log_keep: Some(Keep::DEFAULT),
            ring_slots: 64 * 1024,
            event_slots: 16 * 1024,
            cores: Cores::Auto,
            wait: Wait::Auto,
            stop: Arc::default(),
            counters: Arc::default(),
            report: Box::new(|_| {}),
        }
    }
}
