//! All kinds of faults, by name.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use ringfence::journal::format::SEGMENT_HEADER_BYTES;

use super::harm::{Bytes, Target, Whole, damage_bytes, damage_whole};
use super::image::{Entry, Image};
use super::subject::{Shape, Subject};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A part of a file.
    Bytes(Target, Bytes),
    /// Whole files.
    Whole(Target, Whole),
    /// All segments are gone.
    NoSegments,
    /// Something that an engine may have left, or that somebody put there, under a name that it uses.
    Leftover,
    /// A symbolic link under a name that the engine writes to.
    Link,
    /// The lock is gone, or other than it was.
    Lock,
    /// The lock is a pipe.
    LockIsPipe,
    /// The directory, or files in it, have other modes: nobody may read or write them, or everybody
    /// may.
    Modes,
    /// Segments are damaged, and the repair is interrupted and begun again.
    RepairCutShort,
    /// A start finds no room on the disk, and another one does.
    NoRoom,
    /// Two to four of the others at once.
    Several,
    /// The same, and none of them of segments.
    SeveralBeside,
}

const BYTES: [Bytes; 11] = [
    Bytes::BitFlipped,
    Bytes::Removed,
    Bytes::Inserted,
    Bytes::Zeroed,
    Bytes::Noised,
    Bytes::Swapped,
    Bytes::Copied,
    Bytes::ZeroedToTheEnd,
    Bytes::NoisedToTheEnd,
    Bytes::PayloadBits,
    Bytes::LastTwoFrames,
];

const WHOLE: [Whole; 9] = [
    Whole::Removed,
    Whole::Emptied,
    Whole::Truncated,
    Whole::Extended,
    Whole::Exchanged,
    Whole::BodiesExchanged,
    Whole::OfAnother,
    Whole::BodyOfAnother,
    Whole::Earlier,
];

impl Kind {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Kind> {
        let mut kinds = Vec::new();
        for target in Target::ALL {
            let only_of_segments = [Bytes::PayloadBits, Bytes::LastTwoFrames];
            let has = |it: &&Bytes| target == Target::Segment || !only_of_segments.contains(it);
            kinds.extend(BYTES.iter().filter(has).map(|&harm| Kind::Bytes(target, harm)));
            let only_of_many = [Whole::Exchanged, Whole::BodiesExchanged];
            let is_one = matches!(target, Target::Witness | Target::Lock);
            let has = |it: &&Whole| !is_one || !only_of_many.contains(it);
            kinds.extend(WHOLE.iter().filter(has).map(|&harm| Kind::Whole(target, harm)));
        }
        kinds.extend([
            Kind::NoSegments,
            Kind::Leftover,
            Kind::Link,
            Kind::Lock,
            Kind::LockIsPipe,
            Kind::Modes,
            Kind::RepairCutShort,
            Kind::NoRoom,
            Kind::Several,
        ]);
        kinds
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> String {
        let spelled = match self {
            Kind::Bytes(target, harm) => format!("{target:?}Bytes{harm:?}"),
            Kind::Whole(target, harm) => format!("{target:?}File{harm:?}"),
            other => format!("{other:?}"),
        };
        let mut name = String::new();
        for letter in spelled.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }

    /// Whether it damages bytes of segments, and nothing else.
    fn is_repairable(&self) -> bool {
        matches!(self, Kind::Bytes(Target::Segment, _) | Kind::Whole(Target::Segment, _))
    }

    fn is_of_segments(self) -> bool {
        matches!(
            self,
            Kind::Bytes(Target::Segment, _)
                | Kind::Whole(Target::Segment, _)
                | Kind::NoSegments
                | Kind::Link
        )
    }

    /// Whether this journal has what the kind damages.
    #[must_use]
    pub fn fits(self, subject: &Subject) -> bool {
        let has_more = matches!(subject.shape, Shape::Full | Shape::Shortened);
        match self {
            Kind::Bytes(Target::Snapshot | Target::Log, _)
            | Kind::Whole(Target::Snapshot | Target::Log, _) => has_more,
            _ => true,
        }
    }

    /// Does it to `image`; what was done, if there was anything to do it to. `other` is another
    /// journal of the same shape.
    pub fn apply(
        self,
        image: &mut Image,
        dice: &mut Pcg64Mcg,
        subject: &Subject,
        other: &Subject,
    ) -> Option<String> {
        match self {
            Kind::Bytes(target, harm) => damage_bytes(image, dice, target, harm),
            Kind::Whole(target, harm) => damage_whole(image, dice, target, harm, subject, other),
            Kind::NoSegments => {
                image.entries.retain(|name, _| !name.ends_with(".journal"));
                Some("all segments are gone".to_owned())
            }
            Kind::Leftover => Some(leave(image, dice, subject)),
            Kind::Link => {
                // The one that was made ahead, so that it is made again.
                let last = image.names(".journal").pop()?;
                let frames = image.bytes(&last).get(SEGMENT_HEADER_BYTES..).unwrap_or_default();
                if frames.iter().all(|&byte| byte == 0) {
                    image.entries.remove(&last);
                }
                let last = image.names(".journal").pop()?;
                let number: u32 = last.strip_suffix(".journal")?.parse().ok()?;
                let next = format!("{:010}.journal.new", number + 1);
                let names = [next.as_str(), "0000000001.journal.new", "probe.new"];
                let name = names[dice.random_range(0..3)].to_owned();
                image.entries.insert(name.clone(), Entry::Link);
                Some(format!("{name} is a link"))
            }
            Kind::Lock => {
                let what = match dice.random_range(0..3) {
                    0 => {
                        image.entries.remove("lock");
                        "is gone"
                    }
                    1 => {
                        image.put("lock", vec![7; 100]);
                        "holds bytes"
                    }
                    _ => {
                        image.entries.insert("lock".to_owned(), Entry::Directory);
                        "is a directory"
                    }
                };
                Some(format!("the lock {what}"))
            }
            Kind::LockIsPipe => {
                image.entries.insert("lock".to_owned(), Entry::Pipe);
                Some("the lock is a pipe".to_owned())
            }
            Kind::Modes => Some(change_modes(image, dice)),
            Kind::RepairCutShort => damage_segment(image, dice, subject, other),
            // What is damaged besides: mostly nothing.
            Kind::NoRoom if dice.random_bool(0.7) => Some("nothing damaged".to_owned()),
            Kind::NoRoom => damage_segment(image, dice, subject, other),
            Kind::Several | Kind::SeveralBeside => self.apply_several(image, dice, subject, other),
        }
    }

    /// Does two to four of the others that may stand beside each other.
    fn apply_several(
        self,
        image: &mut Image,
        dice: &mut Pcg64Mcg,
        subject: &Subject,
        other: &Subject,
    ) -> Option<String> {
        let is_one = |kind: &Kind| {
            let is_allowed = self == Kind::Several || !kind.is_of_segments();
            let is_single = !matches!(
                kind,
                Kind::Several
                    | Kind::SeveralBeside
                    | Kind::LockIsPipe
                    | Kind::RepairCutShort
                    | Kind::NoRoom
            );
            kind.fits(subject) && is_allowed && is_single
        };
        let kinds: Vec<Kind> = Kind::all().into_iter().filter(is_one).collect();
        let mut done = Vec::new();
        for _ in 0..dice.random_range(2..=4) {
            let kind = kinds[dice.random_range(0..kinds.len())];
            done.extend(kind.apply(image, dice, subject, other));
        }
        (!done.is_empty()).then(|| done.join("; "))
    }
}

/// Damages a segment in any way that damages nothing else.
fn damage_segment(
    image: &mut Image,
    dice: &mut Pcg64Mcg,
    subject: &Subject,
    other: &Subject,
) -> Option<String> {
    let kinds: Vec<Kind> = Kind::all().into_iter().filter(Kind::is_repairable).collect();
    kinds[dice.random_range(0..kinds.len())].apply(image, dice, subject, other)
}

/// Gives the directory or some files another mode.
fn change_modes(image: &mut Image, dice: &mut Pcg64Mcg) -> String {
    const OF_DIRECTORY: [u32; 7] = [0o500, 0o300, 0o711, 0o755, 0o770, 0o777, 0o702];
    const OF_FILE: [u32; 6] = [0o000, 0o200, 0o400, 0o644, 0o660, 0o666];
    let mut done = Vec::new();
    if dice.random_bool(0.5) {
        let mode = OF_DIRECTORY[dice.random_range(0..OF_DIRECTORY.len())];
        image.modes.insert(String::new(), mode);
        done.push(format!("the directory has the mode {mode:04o}"));
    }
    let names: Vec<String> = image.names("");
    for _ in 0..dice.random_range(usize::from(done.is_empty())..3) {
        let name = names[dice.random_range(0..names.len())].clone();
        let mode = OF_FILE[dice.random_range(0..OF_FILE.len())];
        done.push(format!("{name} has the mode {mode:04o}"));
        image.modes.insert(name, mode);
    }
    done.join("; ")
}

/// Puts a file there that an engine could have left.
fn leave(image: &mut Image, dice: &mut Pcg64Mcg, subject: &Subject) -> String {
    let segments = subject.image.names(".journal").len();
    let names = [
        format!("{:010}.journal.new", segments + 1),
        format!("{:010}.journal.new", dice.random_range(1..=segments + 1)),
        format!("{:010}.journal.cut", dice.random_range(1..=segments)),
        format!("{:020}.snapshot.new", subject.acknowledged),
        format!("{:020}.outcomes.new", 1),
        format!("{:020}.outcomes.aside", 1),
        "probe.new".to_owned(),
        "lock.new".to_owned(),
    ];
    let name = names[dice.random_range(0..names.len())].clone();
    let bytes = (0..dice.random_range(0..10_000)).map(|_| dice.random()).collect();
    image.put(&name, bytes);
    format!("{name} is there")
}
