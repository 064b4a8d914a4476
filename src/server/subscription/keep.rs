//! The thread that keeps the places of names: writes them down, and drops those too far behind.

use std::time::{Duration, Instant};

use super::Shared;
use super::positions::PositionsFile;
use ringfence_journal::DataDir;
use ringfence_journal::outcomes::first_logged_sequence;

/// How often places are written down where they have moved.
const SAVE: Duration = Duration::from_millis(100);
/// How often it is looked where the log begins.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Keeps them until subscriptions are stopped.
pub(super) fn keep(shared: &Shared, dir: &DataDir) {
    let mut file = PositionsFile::default();
    let mut next_housekeeping = Instant::now();
    while !shared.log_end.is_stopped() {
        save(shared, dir, &mut file);
        let now = Instant::now();
        if now >= next_housekeeping {
            next_housekeeping = now + HOUSEKEEPING;
            drop_names(shared, dir);
        }
        std::thread::park_timeout(SAVE);
    }
    save(shared, dir, &mut file);
}

/// Writes down the places that have moved. The disk may be slow: nobody waits for it.
fn save(shared: &Shared, dir: &DataDir, file: &mut PositionsFile) {
    let Some(changed) = shared.names().positions.changed() else { return };
    let written = file.write(dir.path(), &changed);
    let mut names = shared.names();
    match written {
        Ok(()) => names.positions.is_saved(&changed),
        Err(error) => {
            names.positions.is_not_saved();
            tracing::warn!("the places of subscriptions cannot be written down: {error}");
        }
    }
    shared.say_what_is_needed(&names);
}

/// Drops the names that the log no longer reaches back to.
fn drop_names(shared: &Shared, dir: &DataDir) {
    let Ok(Some(oldest)) = first_logged_sequence(dir.path()) else { return };
    let mut names = shared.names();
    for (name, place) in names.positions.drop_behind(oldest) {
        let after = place.sequence;
        tracing::warn!(
            "the subscription {name} is dropped: it needs outcomes after {after}, and the oldest is {oldest}"
        );
    }
    shared.say_what_is_needed(&names);
}
