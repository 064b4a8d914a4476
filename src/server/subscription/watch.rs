//! The thread that looks how far the log is, and keeps the places of names.

use std::time::{Duration, Instant};

use super::Shared;
use ringfence_journal::outcomes::{LogTrail, first_logged_sequence};
use ringfence_journal::{DataDir, JournalError};

/// How often the log is looked at while somebody follows it.
const LOOK: Duration = Duration::from_micros(250);
/// How often places are written down where they have moved.
const SAVE: Duration = Duration::from_millis(100);
/// How often it is looked where the log begins.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Looks until subscriptions are stopped.
pub(super) fn watch(shared: &Shared, dir: &DataDir) {
    let (mut trail, mut next_save, mut next_housekeeping) = (None, Instant::now(), Instant::now());
    let mut has_failed = false;
    while !shared.log_end.is_stopped() {
        match look(shared, dir, &mut trail) {
            Ok(()) => has_failed = false,
            Err(error) => {
                // A follower that meets it says so to its subscriber.
                trail = None;
                if !std::mem::replace(&mut has_failed, true) {
                    tracing::warn!("following the outcome log: {error}");
                }
            }
        }
        let now = Instant::now();
        if now >= next_save {
            next_save = now + SAVE;
            save(shared, dir);
        }
        if now >= next_housekeeping {
            next_housekeeping = now + HOUSEKEEPING;
            drop_names(shared, dir);
            trail = trail.filter(|trail: &LogTrail| trail.is_in_place().unwrap_or(false));
        }
        if has_failed || shared.log_end.followers() == 0 {
            shared.log_end.wait_for_followers(SAVE);
        }
        std::thread::sleep(LOOK);
    }
    save(shared, dir);
}

/// Goes to the end of the log, and wakes those who wait for more.
fn look(shared: &Shared, dir: &DataDir, trail: &mut Option<LogTrail>) -> Result<(), JournalError> {
    let last = match trail {
        Some(trail) => trail.go_on_to_end()?,
        None => {
            let mut opened = LogTrail::open(dir.path(), shared.journal_id, 0)?;
            let last = opened.go_to_end()?;
            *trail = Some(opened);
            last
        }
    };
    shared.log_end.set(last);
    Ok(())
}

/// Writes down the places that have moved.
fn save(shared: &Shared, dir: &DataDir) {
    let mut names = shared.names();
    if let Err(error) = names.positions.save(dir.path()) {
        tracing::warn!("the places of subscriptions cannot be written down: {error}");
    }
    shared.publish_keep_from(&names);
}

/// Drops the names that the log no longer reaches back to.
fn drop_names(shared: &Shared, dir: &DataDir) {
    let Ok(Some(oldest)) = first_logged_sequence(dir.path()) else { return };
    let mut names = shared.names();
    for (name, place) in names.positions.drop_behind(oldest) {
        tracing::warn!(
            "the subscription {name} is dropped: it had acknowledged {}, and the oldest outcome is {oldest}",
            place.sequence
        );
    }
    shared.publish_keep_from(&names);
}
