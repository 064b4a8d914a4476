//! A start on a disk without room, before the one that is judged.

use std::sync::Arc;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use ringfence::journal::faulty::{Failure, Plan};

use super::image::Image;
use super::judge::{self, Verdict};
use super::memory::{image_of, start_on};
use super::subject::Subject;

/// What the system says of a disk without room.
const ENOSPC: i32 = 28;

/// Starts on `image` with no room for one call, or for any from one call on; then judges a start on
/// what that leaves. What was done, and what came of it.
pub(super) fn judge(
    subject: &Arc<Subject>,
    mut image: Image,
    dice: &mut Pcg64Mcg,
) -> (String, Verdict) {
    if dice.random_bool(0.3) {
        // So that a start has one to make.
        image.entries.remove("witness");
    }
    let (steady, _) = start_on(&image, subject, 0, Plan::default());
    let calls = steady.calls().max(1);
    // Most calls only read; the last ones change something.
    let from = if dice.random_bool(0.7) { calls.saturating_sub(60).max(1) } else { 1 };
    let (at, lasts) = (dice.random_range(from..=calls), dice.random_bool(0.5));
    let failure = Some(Failure { at, lasts, errno: ENOSPC });
    let plan = Plan { failure, ..Plan::default() };
    let (disk, started) = start_on(&image, subject, dice.random(), plan);
    let left = image_of(&disk);
    let more = if lasts { " and any after it" } else { "" };
    let done = format!("no room at call {at} of {calls}{more}: {started:?}");
    // Where nothing can be removed either, the next start removes it.
    let is_new = |name: &&String| name.ends_with(".new") && !image.entries.contains_key(*name);
    if let (false, Some(name)) = (lasts, left.entries.keys().find(is_new)) {
        return (done, Verdict::Lost(format!("{name} is left behind")));
    }
    let verdict = judge::judge(subject, &left, false);
    (done, verdict)
}
