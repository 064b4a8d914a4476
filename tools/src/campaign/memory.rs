//! Images on a disk in memory, which stops or has no room where it is told to.

use std::sync::Arc;

use ringfence::journal::faulty::{FaultyDisk, Plan};
use ringfence::journal::{Files, Options, Wanted, recover_files};

use super::image::{Entry, Image};
use super::subject::Subject;

/// The files of `image` on a disk whose accidents follow from `seed`.
pub(super) fn disk_of(image: &Image, seed: u64) -> FaultyDisk {
    let disk = FaultyDisk::new(seed);
    for (name, entry) in &image.entries {
        if let Entry::File(bytes) = entry {
            disk.replace(name, bytes);
        }
    }
    disk
}

/// What is on a disk.
pub(super) fn image_of(disk: &FaultyDisk) -> Image {
    let mut image = Image::default();
    for name in disk.steady().names().expect("nothing goes wrong") {
        let bytes = disk.bytes(&name).expect("it was listed");
        image.entries.insert(name, Entry::File(Arc::new(bytes)));
    }
    image
}

/// A start on `image` that goes wrong as `plan` says, if anything does; what it leaves, and how the
/// start ended.
pub(super) fn start_on(
    image: &Image,
    subject: &Subject,
    seed: u64,
    plan: Plan,
) -> (FaultyDisk, Result<(), String>) {
    let disk = disk_of(image, seed);
    disk.plan(plan);
    let options = Options { key: subject.key, ..Options::default() };
    let started = recover_files(&disk.buffered(), &Wanted::default(), &options, |_| ());
    (disk, started.map(|_| ()).map_err(|error| error.to_string()))
}
