//! How much memory this machine, or the group of processes that this one is in, has left.

use std::fs;
use std::path::{Path, PathBuf};

/// Where groups are shown (cgroup, version 2).
const GROUPS: &str = "/sys/fs/cgroup";

/// Memory that can be had without another process losing what it holds, in bytes; `None` where
/// the system does not tell.
pub(super) fn free_memory_bytes() -> Option<u64> {
    let machine = available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(groups_above(&groups).filter_map(|group| left_in(&group)).fold(machine, u64::min))
}

/// What `/proc/meminfo` says, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The group that `/proc/self/cgroup` names, and those that it is in.
fn groups_above(groups: &str) -> impl Iterator<Item = PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = Path::new(GROUPS).join(own.unwrap_or_default());
    let all: Vec<PathBuf> = own.ancestors().map(Path::to_owned).collect();
    all.into_iter().take_while(|group| group.starts_with(GROUPS))
}

/// What is left to a group, in bytes; `None` if it has no limit.
fn left_in(group: &Path) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let used = number("memory.current")?;
    let statistics = read("memory.stat").unwrap_or_default();
    // Pages of files that the system gives up first.
    let cached = statistics.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let cached = cached.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    // `max` is no number: there is no limit.
    Some(number("memory.max")?.saturating_sub(used.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_shows_is_read() {
        let meminfo = "MemTotal:       24000000 kB\nMemAvailable:   18000000 kB\n";
        assert_eq!(available(meminfo), Some(18_000_000 * 1024));
        assert_eq!(available("MemTotal: 5 kB\n"), None);
        assert!(free_memory_bytes().is_some_and(|bytes| bytes > 0));
    }

    #[test]
    fn a_group_and_all_that_it_is_in_count() {
        let groups: Vec<PathBuf> = groups_above("0::/system.slice/ringfence.service\n").collect();
        let expected = ["/system.slice/ringfence.service", "/system.slice", ""];
        assert_eq!(groups, expected.map(|group| PathBuf::from(format!("{GROUPS}{group}"))));
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(left_in(folder.path()), None);
        put("memory.current", "700\n");
        put("memory.max", "max\n");
        assert_eq!(left_in(folder.path()), None);
        put("memory.max", "1000\n");
        assert_eq!(left_in(folder.path()), Some(300));
        put("memory.stat", "anon 500\ninactive_file 100\n");
        assert_eq!(left_in(folder.path()), Some(400));
    }
}
