//! Damage, then a repair in which the machine stops, sometimes more damage, and the repair again.
//!
//! ```text
//!   damaged image ──▶ repair to its end                                       what is to be said
//!                └──▶ repair, crash at a call ──▶ (damage) ──▶ repair again   what is said
//! ```

use std::fs;
use std::sync::Arc;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use ringfence::journal::faulty::{FaultyDisk, Plan, Restart};
use ringfence::journal::{JournalError, Repaired, WitnessFound, read_witness, repair_files};

use super::harm::{Bytes, Target, change, pick};
use super::image::{Image, temporary_folder};
use super::judge::{Verdict, open_node};
use super::memory::{disk_of, image_of};
use super::subject::{End, Subject};

/// What a second fault does while a repair is interrupted.
const MORE: [Bytes; 4] = [Bytes::BitFlipped, Bytes::Zeroed, Bytes::Noised, Bytes::Swapped];

/// Repairs `image`, which is damaged, with a crash at a call that `dice` choose; what was done, and
/// what came of it.
pub(super) fn judge(
    subject: &Arc<Subject>,
    mut image: Image,
    dice: &mut Pcg64Mcg,
) -> (String, Verdict) {
    // What they prove, and how they are given up, is said by those who open them.
    image.entries.retain(|name, _| !name.ends_with(".outcomes"));
    let known = subject.known(&image);
    let key = subject.key;
    let whole_disk = disk_of(&image, dice.random());
    let whole = match repair_files(&whole_disk.buffered(), key) {
        Ok(whole) => whole,
        Err(error) => {
            return ("nothing can be kept".to_owned(), Verdict::Caught(error.to_string()));
        }
    };
    let calls = whole_disk.calls();
    let call = dice.random_range(1..=calls.max(1));
    let disk = disk_of(&image, dice.random());
    disk.plan(Plan { crash_at: Some(call), ..Plan::default() });
    let first = repair_files(&disk.buffered(), key);
    let how = if dice.random_bool(0.3) { Restart::Killed } else { Restart::PowerCut };
    disk.restart(how, Plan::default());
    let mut done = format!("a repair stopped at call {call} of {calls}, {how:?}");
    // What is left then is what a repair leaves that came to say what it gave up.
    let is_done = matches!(
        read_witness(&disk.steady()),
        Ok(WitnessFound::Says(witness, _)) if witness.epoch > 0
    );
    let more =
        (first.is_err() && !is_done && dice.random_bool(0.3)).then(|| harm(&disk, dice)).flatten();
    if let Some(more) = &more {
        done.push_str(&format!(", then {more}"));
    }
    let verdict = match repair_files(&disk.buffered(), key) {
        Ok(again) => said_rightly(subject, known, &whole, &again, more.is_some())
            .unwrap_or_else(|| opened(subject, &image_of(&disk), &again)),
        // What was damaged again may be beyond repair; what was not is as it was before.
        Err(error @ JournalError::Damaged { .. }) if more.is_some() => {
            Verdict::Caught(error.to_string())
        }
        Err(error) => Verdict::Lost(format!("it cannot be begun again: {error}")),
    };
    (done, verdict)
}

/// Damages a part of any segment.
fn harm(disk: &FaultyDisk, dice: &mut Pcg64Mcg) -> Option<String> {
    let name = pick(dice, &image_of(disk).names(Target::Segment.end()))?;
    let mut bytes = disk.bytes(&name).filter(|bytes| !bytes.is_empty())?;
    let kind = MORE[dice.random_range(0..MORE.len())];
    let done = change(&mut bytes, dice, Target::Segment, kind)?;
    disk.replace(&name, &bytes);
    Some(format!("{name}: {done}"))
}

/// What is wrong with what the second repair said, if something is.
fn said_rightly(
    subject: &Subject,
    known: u64,
    whole: &Repaired,
    again: &Repaired,
    is_harmed_again: bool,
) -> Option<Verdict> {
    let says = |it: &Repaired| (it.last_sequence, it.acknowledged_sequence);
    let (last, said) = says(again);
    if !is_harmed_again && says(again) != says(whole) {
        let text =
            format!("it says {:?}, and {:?} where nothing stops it", says(again), says(whole));
        return Some(Verdict::Lost(text));
    }
    if last < subject.acknowledged && said <= last {
        let text =
            format!("{last} of {} are kept, and none is said to be gone", subject.acknowledged);
        return Some(match subject.end {
            End::Killed if last >= known => Verdict::Window,
            _ => Verdict::Lost(text),
        });
    }
    (said > subject.last_sequence()).then(|| {
        Verdict::Lost(format!("{said} is said to have been acknowledged, and never was there"))
    })
}

/// Starts on what was repaired: the state must be that of the last command that is kept.
fn opened(subject: &Subject, image: &Image, repaired: &Repaired) -> Verdict {
    let folder = temporary_folder();
    let dir = folder.path().join("data");
    fs::create_dir(&dir).expect("there is room");
    image.write(&dir).expect("there is room");
    let node = match open_node(&dir, subject.key, false, |_| ()) {
        Ok(node) => node,
        Err(error) => return Verdict::Lost(format!("no start after a repair: {error}")),
    };
    let (last, digest) = (node.last_sequence(), node.engine().digest());
    if last != repaired.last_sequence {
        let kept = repaired.last_sequence;
        return Verdict::Lost(format!("a repair kept {kept}, and a start finds {last}"));
    }
    match subject.digests.get(&last) {
        Some(expected) if *expected == digest => Verdict::Harmless,
        _ => Verdict::Lost(format!("another state at sequence {last} after a repair")),
    }
}
