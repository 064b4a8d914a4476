//! Opens a damaged directory and judges what came of it.
//!
//! ```text
//!   verify (changes nothing) ──▶ retire, sometimes ──▶ open a node ──▶ verdict
//!                                                        │ error      caught
//!                                                        │ a state    all acknowledged, same digest?
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use std::{fs, thread};

use ringfence::journal::outcomes::{LogEntry, LogReader, Scan};
use ringfence::journal::{Backend, DataDir, Key, WITNESS_NAME, inspect, retire};
use ringfence::node::pipeline::Cores;
use ringfence::node::{Message, Node, NodeError, Options, replay};

use super::image::{Entry, Image, VICTIM, VICTIM_BYTES, temporary_folder};
use super::subject::{End, Subject};
use crate::requests::request_of;

/// How long an open may take before it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The start was refused, with this reason.
    Caught(String),
    /// All that was acknowledged is there.
    Harmless,
    /// What is gone had been acknowledged, but nothing that is left said so: after a kill, or where
    /// the witness, the lock and the log were all taken away.
    Window,
    /// What must not happen did: what it was.
    Lost(String),
}

/// Puts `image` on the disk below `folder`, opens it, and judges. With `retires` the directory is
/// first retired as `snapshot --keep 2` does.
///
/// # Panics
///
/// If the disk of the campaign itself fails.
#[must_use]
pub fn judge(subject: &Arc<Subject>, image: &Image, retires: bool) -> Verdict {
    let folder = temporary_folder();
    let dir = folder.path().join("data");
    fs::create_dir(&dir).expect("there is room");
    image.write(&dir).expect("there is room");
    let (send, receive) = mpsc::channel();
    let (path, subject, image) = (dir.clone(), Arc::clone(subject), image.clone());
    thread::spawn(move || {
        let judged = catch_unwind(AssertUnwindSafe(|| open(&subject, &image, &path, retires)));
        let verdict = judged.unwrap_or_else(|_| Verdict::Lost("the program panicked".to_owned()));
        // Whoever asked may have lost patience.
        drop(send.send(verdict));
    });
    let verdict = receive.recv_timeout(PATIENCE);
    let victim = fs::read(dir.with_file_name(VICTIM)).ok();
    match verdict {
        _ if victim.as_deref() != Some(VICTIM_BYTES) => {
            Verdict::Lost("a file outside of the directory was changed".to_owned())
        }
        Ok(verdict) => verdict,
        Err(_) => Verdict::Lost("the start hangs".to_owned()),
    }
}

fn open(subject: &Subject, image: &Image, path: &Path, retires: bool) -> Verdict {
    let verified = verify(subject, path);
    if retires && let Ok(dir) = DataDir::open_to_read(path) {
        // What it says is judged by what it leaves.
        let _ = retire(&dir, 2, None, subject.key, |_| ());
    }
    let before = Image::read(path).expect("it can be read");
    let notes = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&notes);
    let keeps_log = !image.names(".outcomes").is_empty();
    image.set_modes(path).expect("they are ours");
    let opened = open_node(path, subject.key, keeps_log, move |note| {
        said.lock().expect("nobody panics here").push(note);
    });
    image.reset_modes(path).expect("they are ours");
    let node = match opened {
        Err(error) => return refused(&before, path, &error.to_string(), verified),
        Ok(node) => node,
    };
    let (last, digest) = (node.last_sequence(), node.engine().digest());
    drop(node);
    let notes = notes.lock().expect("nobody panics here").join("; ");
    if image.is_open_to_others(path) && !notes.contains("its mode is") {
        return Verdict::Lost(format!("others may write there, and it is not said: {notes}"));
    }
    if subject.digests.get(&last).is_some_and(|expected| *expected != digest) {
        return Verdict::Lost(format!("another state at sequence {last}: {notes}"));
    }
    if last < subject.acknowledged {
        let lost = format!("{last} of {} are left: {notes}", subject.acknowledged);
        let may_be_unknown = subject.end == End::Killed || leaves_no_evidence(image);
        return match may_be_unknown && last >= subject.known(image) {
            true => Verdict::Window,
            false => Verdict::Lost(lost),
        };
    }
    if !subject.digests.contains_key(&last) {
        return Verdict::Lost(format!("a sequence that never was: {last}"));
    }
    match keeps_log.then(|| check_log(subject, path, &notes)) {
        Some(Err(reason)) => Verdict::Lost(reason),
        _ => Verdict::Harmless,
    }
}

/// Whether nothing beside the segments and the snapshots says what was durable, or shows that it
/// once did: there is no witness, no outcome log, and no lock, or one that is empty or all zeros.
fn leaves_no_evidence(image: &Image) -> bool {
    let says_nothing = |name: &str| match image.entries.get(name) {
        None => true,
        Some(Entry::File(bytes)) => name == "lock" && bytes.iter().all(|&byte| byte == 0),
        Some(Entry::Directory | Entry::Pipe | Entry::Link) => false,
    };
    says_nothing(WITNESS_NAME) && says_nothing("lock") && image.names(".outcomes").is_empty()
}

/// Opens the node in `path` as a start does; `note` is told what it has to say.
pub(super) fn open_node(
    path: &Path,
    journal_key: Option<Key>,
    outcome_log: bool,
    mut note: impl FnMut(String) + Send + 'static,
) -> Result<Node, NodeError> {
    Node::open(Options {
        data_dir: Some(path.to_path_buf()),
        journal_key,
        journal_io: Some(Backend::Buffered),
        outcome_log,
        cores: Cores::List(vec![0]),
        report: Box::new(move |message| {
            if let Message::Note(text) = message {
                note(text);
            }
        }),
        ..Options::default()
    })
}

/// A start that was refused: it must have changed nothing, and `verify` must not have said ok.
fn refused(before: &Image, path: &Path, error: &str, verified: Result<(), String>) -> Verdict {
    let after = Image::read(path).expect("it can be read");
    for end in [".journal", ".snapshot", ".outcomes"] {
        let is_same = before.names(end) == after.names(end)
            && before.names(end).iter().all(|name| before.bytes(name) == after.bytes(name));
        if !is_same {
            return Verdict::Lost(format!("refused, and files were changed: {error}"));
        }
    }
    if verified.is_ok() && !before.names(".journal").is_empty() && is_of_the_contents(error) {
        return Verdict::Lost(format!("verify said ok of what a start refuses: {error}"));
    }
    Verdict::Caught(error.to_owned())
}

/// Whether a refusal is about what files hold, and not about what stands beside them.
fn is_of_the_contents(error: &str) -> bool {
    [".journal at byte", ".outcomes", ".snapshot at byte"].iter().any(|name| error.contains(name))
}

/// What `journal verify` says.
fn verify(subject: &Subject, path: &Path) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let dir = DataDir::open_to_read(path).map_err(|error| text(&error))?;
    let summary = inspect(&dir, subject.key, |_| ()).map_err(|error| text(&error))?;
    replay::check_snapshots(&dir, subject.key).map_err(|error| text(&error))?;
    Scan::read_end(path, summary.journal_id.to_be_bytes())
        .and_then(|scan| scan.check_journal(summary.last_sequence))
        .map_err(|error| text(&error))
}

/// Checks that the log has each outcome as it was, and none is missing without a word.
fn check_log(subject: &Subject, path: &Path, notes: &str) -> Result<(), String> {
    let failed = |error: ringfence::journal::JournalError| format!("the outcome log: {error}");
    let dir = DataDir::open_to_read(path).map_err(failed)?;
    let first = ringfence::journal::first_segment(dir.files()).map_err(failed)?;
    let mut reader = LogReader::open(path, first.journal_id).map_err(failed)?;
    let mut next = 1;
    let mut missing = 0;
    while let Some(entry) = reader.next_entry().map_err(failed)? {
        if let LogEntry::Origin(origin) = entry
            && origin.request != request_of(origin.first_sequence)
        {
            let first = origin.first_sequence;
            return Err(format!("the outcome log has another request at {first}: {notes}"));
        }
        let LogEntry::Outcome(sequence, outcome) = entry else { continue };
        if subject.outcomes.get(sequence as usize - 1) != Some(&outcome) {
            return Err(format!("the outcome log has another outcome {sequence}: {notes}"));
        }
        missing += sequence - next;
        next = sequence + 1;
    }
    missing += subject.acknowledged.saturating_sub(next - 1);
    if missing > 0 && !notes.contains("cannot be made again") {
        return Err(format!("{missing} outcomes are missing in the log: {notes}"));
    }
    Ok(())
}
