//! What writes to the disk, how long that takes, and whether the disk can be believed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::Failure;
use super::Finding;
use ringfence_journal::{Backend, DataDir};

/// A write that flash or a disk makes durable takes longer; only memory is faster.
const NO_DISK_NS: u64 = 8_000;
/// A durable write that takes longer than this is felt in every payment.
const SLOW_NS: u64 = 2_000_000;
/// What `statfs` says of file systems that are in memory.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// A directory that is removed with all that is in it.
struct Tried(PathBuf);

impl Drop for Tried {
    fn drop(&mut self) {
        // What cannot be removed is left, and has a name that says what it is.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Writes a few blocks below `dir`, and asks the system about the disk.
pub(super) fn look(dir: &Path) -> Result<Vec<Finding>, Failure> {
    let failed = |error| Failure::Operating(format!("looking at {}: {error}", dir.display()));
    let metadata = fs::metadata(dir).map_err(failed)?;
    let tried = Tried(dir.join(format!("ringfence-check-{}", std::process::id())));
    let opened = DataDir::open(&tried.0).map_err(Failure::operating)?;
    let taken_ns = opened.durable_write_ns().map_err(Failure::operating)?;
    let kind = rustix::fs::statfs(dir).map_err(|error| failed(error.into()))?.f_type;
    let is_in_memory = IN_MEMORY.contains(&kind);
    Ok(vec![
        backend(opened.backend(), opened.shortcoming()),
        durable_write(taken_ns),
        belief(taken_ns, is_in_memory, write_cache(metadata.dev()).as_deref()),
    ])
}

fn backend(backend: Backend, shortcoming: Option<&str>) -> Finding {
    let (name, found) = ("journal", format!("is written by {}", backend.name()));
    let Some(shortcoming) = shortcoming else { return Finding::good(name, found) };
    let found = format!("{found}: {shortcoming}");
    let advice = match backend {
        Backend::Uring => "let nobody but the engine's user write there",
        Backend::Threads => {
            "kernel.io_uring_disabled=0, and io_uring in the container's seccomp profile"
        }
        Backend::Buffered => "ext4 or xfs on a disk of its own take direct writes",
    };
    Finding::improve(name, found, advice)
}

fn durable_write(taken_ns: u64) -> Finding {
    let found = format!("{} µs for 4 KiB", taken_ns / 1_000);
    if taken_ns <= SLOW_NS {
        return Finding::good("durable write", found);
    }
    let advice =
        "every group of payments waits so long: NVMe with power-loss protection takes 10 to 50 µs";
    Finding::improve("durable write", found, advice)
}

/// Whether what is called durable is. `cache` is what the kernel takes the disk's cache for.
fn belief(taken_ns: u64, is_in_memory: bool, cache: Option<&str>) -> Finding {
    let name = "belief";
    if is_in_memory {
        let advice = "put the journal on a disk: this is lost with the power";
        return Finding::bad(name, "the file system is in memory", advice);
    }
    match cache {
        _ if taken_ns < NO_DISK_NS => {
            let advice = "no disk is so fast: a controller with a battery may be; else cut the power and look";
            Finding::improve(name, "durable writes are faster than a disk can be", advice)
        }
        Some("write through") => Finding::good(
            name,
            "the kernel sends no flushes: the disk says that what it has taken is durable",
        ),
        Some("write back") => Finding::good(
            name,
            "the disk has a cache, which the kernel flushes for each durable write",
        ),
        _ => {
            let advice =
                "nothing here can tell: ask who runs the storage, or cut the power and look";
            Finding::improve(name, "the kernel does not say what the disk's cache does", advice)
        }
    }
}

/// What the kernel says of the cache of the device `dev`; of a partition, that of its disk.
fn write_cache(dev: u64) -> Option<String> {
    let (major, minor) = (rustix::fs::major(dev), rustix::fs::minor(dev));
    let device = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
    let device = fs::canonicalize(device).ok()?;
    let of = |dir: &Path| fs::read_to_string(dir.join("queue/write_cache")).ok();
    let text = of(&device).or_else(|| of(device.parent()?))?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_disk_is_believed_as_far_as_can_be_told() {
        let (back, through) = (Some("write back"), Some("write through"));
        //  nanoseconds, in memory, cache, verdict
        let cases = [
            (50_000, false, back, Verdict::Good),
            (50_000, false, through, Verdict::Good),
            (50_000, false, None, Verdict::Improve),
            (NO_DISK_NS - 1, false, back, Verdict::Improve),
            (50_000, true, back, Verdict::Bad),
            (1, true, None, Verdict::Bad),
        ];
        for (taken_ns, is_in_memory, cache, verdict) in cases {
            let finding = belief(taken_ns, is_in_memory, cache);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
        }
        assert_eq!(durable_write(SLOW_NS).verdict, Verdict::Good);
        assert_eq!(durable_write(SLOW_NS + 1).verdict, Verdict::Improve);
    }

    #[test]
    fn a_look_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path()).unwrap().len(), 3);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(look(&folder.path().join("nowhere")).is_err());
    }
}
