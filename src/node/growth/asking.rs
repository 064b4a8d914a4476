//! How an engine is asked to grow: files in its data directory.
//!
//! ```text
//!   grow.request.NAME ──link──▶ grow.request ──fetched──▶ engine ──▶ grow.answer.NAME
//! ```
//!
//! # Invariants
//!
//! * Each request has a name and an answer of its own. One waits at a time; the next takes its
//!   place once the engine has fetched it.
//! * A request that an engine finds when it starts is refused: it may be of somebody who is gone.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use ringfence_types::Capacities;

const REQUEST_NAME: &str = "grow.request";
const ANSWER_PREFIX: &str = "grow.answer";
/// No request is longer.
const REQUEST_BYTES_MAX: u64 = 4096;
/// How long a request waits for an engine to fetch it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for an answer.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The capacities that can grow while an engine runs; `None`: stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// Most accounts.
    pub accounts: Option<u64>,
    /// Most transfers and spent ids.
    pub transfers: Option<u64>,
    /// Most markets.
    pub markets: Option<u64>,
    /// Most orders.
    pub orders: Option<u64>,
}

impl Wish {
    /// True if nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Wish::default()
    }

    fn parts(&mut self) -> [(&'static str, &mut Option<u64>); 4] {
        [
            ("accounts", &mut self.accounts),
            ("transfers", &mut self.transfers),
            ("markets", &mut self.markets),
            ("orders", &mut self.orders),
        ]
    }

    /// The capacities as they are asked for, or which one would shrink.
    pub(super) fn apply(mut self, before: &Capacities) -> Result<Capacities, String> {
        let mut after = *before;
        let now =
            [&mut after.accounts, &mut after.transfers, &mut after.markets, &mut after.orders];
        for ((name, wanted), capacity) in self.parts().into_iter().zip(now) {
            let Some(wanted) = *wanted else { continue };
            if wanted < *capacity {
                return Err(format!(
                    "there is room for {capacity} {name}, and tables never shrink"
                ));
            }
            *capacity = wanted;
        }
        Ok(after)
    }

    fn to_text(mut self, name: &str) -> String {
        let mut text = format!("{name}\n");
        for (name, wanted) in self.parts() {
            if let Some(wanted) = wanted {
                let _ = writeln!(text, "{name} {wanted}");
            }
        }
        text
    }

    /// The request's own name and what it asks for.
    fn of_text(text: &str) -> Option<(String, Wish)> {
        let mut lines = text.lines();
        let name = lines.next()?.to_owned();
        // It becomes part of a file's name.
        if name.is_empty() || !name.chars().all(|it| it.is_ascii_digit() || it == '-') {
            return None;
        }
        let mut wish = Wish::default();
        for line in lines {
            let (asked, number) = line.split_once(' ')?;
            let (_, wanted) = wish.parts().into_iter().find(|(name, _)| *name == asked)?;
            *wanted = Some(number.parse().ok()?);
        }
        Some((name, wish))
    }
}

/// Why tables did not grow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrowError {
    /// Request or answer cannot be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No engine fetched the request in time.
    #[error(
        "no engine fetched the request within {} s: one that is starting, or whose tables are \
         growing already, does not",
        PATIENCE.as_secs()
    )]
    NotFetched,
    /// The engine ended before it answered, or another one runs by now.
    #[error("the engine ended before it answered; `ringfence journal stat` shows its capacities")]
    Ended,
    /// The engine refused.
    #[error("{0}")]
    Refused(String),
}

/// Asks the engine on `dir` to grow, and waits for it. Returns the sequence of the first command
/// for which there is more room. `runs` says whether the engine that is asked still holds the
/// directory.
///
/// # Errors
///
/// [`GrowError`].
pub fn grow(dir: &Path, wish: Wish, runs: impl Fn() -> bool) -> Result<u64, GrowError> {
    let name = format!("{}-{}", process::id(), crate::Clock::System.read_ns());
    let own = dir.join(format!("{REQUEST_NAME}.{name}"));
    fs::write(&own, wish.to_text(&name)).map_err(failed(&own))?;
    let answered = wait(dir, &name, &own, runs);
    drop(fs::remove_file(&own));
    drop(fs::remove_file(answer_path(dir, &name)));
    answered
}

/// Puts the request `own` where the engine looks, once no other waits there, and waits for the
/// answer.
fn wait(dir: &Path, name: &str, own: &Path, runs: impl Fn() -> bool) -> Result<u64, GrowError> {
    let (request, answer) = (dir.join(REQUEST_NAME), answer_path(dir, name));
    let mut since = Instant::now();
    let mut is_asked = false;
    loop {
        if let Some(said) = read(&answer) {
            let said = said.trim_end();
            let sequence = said.strip_prefix("from ").and_then(|it| it.parse().ok());
            return sequence.ok_or_else(|| GrowError::Refused(said.to_owned()));
        }
        if !is_asked {
            match fs::hard_link(own, &request) {
                Ok(()) => (is_asked, since) = (true, Instant::now()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&request)(error)),
            }
        }
        let (is_late, runs) = (since.elapsed() >= PATIENCE && request.exists(), runs());
        if is_late || !runs {
            if is_asked {
                drop(fs::remove_file(&request));
            }
            return Err(if runs { GrowError::NotFetched } else { GrowError::Ended });
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// What an engine is asked for.
pub(super) struct Inbox {
    dir: PathBuf,
}

impl Inbox {
    /// Of an engine on `dir` that starts.
    pub(super) fn open(dir: &Path) -> Inbox {
        let inbox = Inbox { dir: dir.to_owned() };
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(ANSWER_PREFIX) {
                drop(fs::remove_file(entry.path()));
            }
        }
        if let Some((name, _)) = inbox.fetch() {
            // Whoever asked before it is ready may ask again, if he is still there.
            inbox.answer(&name, "the engine was starting: ask it again now");
        }
        inbox
    }

    /// What is asked for, and the name of the request.
    pub(super) fn fetch(&self) -> Option<(String, Wish)> {
        let request = self.dir.join(REQUEST_NAME);
        let text = read(&request)?;
        drop(fs::remove_file(&request));
        Wish::of_text(&text)
    }

    /// Writes the answer to the request of this name. Returns why that failed.
    pub(super) fn answer(&self, name: &str, said: &str) -> Option<String> {
        let path = answer_path(&self.dir, name);
        let new = self.dir.join(format!("{ANSWER_PREFIX}.new"));
        let written = fs::write(&new, format!("{said}\n")).and_then(|()| fs::rename(&new, path));
        written.err().map(|error| format!("{said}; the answer cannot be written: {error}"))
    }
}

fn answer_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{ANSWER_PREFIX}.{name}"))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> GrowError {
    let path = path.to_owned();
    move |source| GrowError::Io { path: path.clone(), source }
}

/// A small file, if there is such a one.
fn read(path: &Path) -> Option<String> {
    let is_small =
        fs::symlink_metadata(path).is_ok_and(|it| it.is_file() && it.len() <= REQUEST_BYTES_MAX);
    if is_small { fs::read_to_string(path).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_request_reads_back_and_anything_else_is_none() {
        let wish = Wish { transfers: Some(5), orders: Some(7), ..Wish::default() };
        let text = wish.to_text("1-2");
        assert_eq!(Wish::of_text(&text), Some(("1-2".to_owned(), wish)));
        for text in [
            "",
            "\ntransfers 5",
            "../1\ntransfers 5",
            "1-2\ntransfers",
            "1-2\ntransfers x",
            "1-2\nsessions 5",
        ] {
            assert_eq!(Wish::of_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn nothing_shrinks() {
        let before = Capacities::default();
        let wish = Wish { transfers: Some(before.transfers * 2), ..Wish::default() };
        let after = wish.apply(&before).unwrap();
        assert_eq!(after, Capacities { transfers: before.transfers * 2, ..before });
        let wish = Wish { accounts: Some(1), ..wish };
        assert!(wish.apply(&before).unwrap_err().contains("accounts"));
    }

    #[test]
    fn requests_wait_for_each_other_and_each_has_its_own_answer() {
        let folder = tempdir().unwrap();
        let dir = folder.path();
        let inbox = Inbox::open(dir);
        let ask = |transfers| {
            let dir = dir.to_owned();
            let wish = Wish { transfers: Some(transfers), ..Wish::default() };
            thread::spawn(move || grow(&dir, wish, || true))
        };
        let asking: Vec<_> = (1..=5_u64).map(|transfers| (transfers, ask(transfers))).collect();
        let mut fetched = 0;
        while fetched < 5 {
            let Some((name, wish)) = inbox.fetch() else { continue };
            let wanted = wish.transfers.unwrap();
            let said = if wanted == 3 { "not three".to_owned() } else { format!("from {wanted}0") };
            assert_eq!(inbox.answer(&name, &said), None);
            fetched += 1;
        }
        for (transfers, asking) in asking {
            match asking.join().unwrap() {
                Ok(since) => assert_eq!(since, 10 * transfers),
                Err(error) => {
                    assert_eq!((transfers, error.to_string()), (3, "not three".to_owned()));
                }
            }
        }
        assert_eq!(fs::read_dir(dir).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn who_asks_too_early_is_told_and_who_asks_nobody_learns_it() {
        let folder = tempdir().unwrap();
        let dir = folder.path().to_owned();
        let wish = Wish { transfers: Some(1), ..Wish::default() };
        let early = thread::spawn(move || grow(&dir, wish, || true));
        let dir = folder.path();
        while !dir.join(REQUEST_NAME).exists() {
            thread::yield_now();
        }
        drop(Inbox::open(dir));
        let error = early.join().unwrap().unwrap_err();
        assert!(error.to_string().contains("ask it again"), "{error}");
        assert!(matches!(grow(dir, wish, || false), Err(GrowError::Ended)));
        assert_eq!(fs::read_dir(dir).unwrap().count(), 0, "nothing is left behind");
    }
}
