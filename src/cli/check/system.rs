//! Cores, memory, clock and limits.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::Finding;

/// Cores with which each stage of the pipeline has one of its own.
const CORES_WANTED: usize = 6;
/// File descriptors that 1,024 connections over TLS need, and the engine itself.
const DESCRIPTORS_WANTED: u64 = 4_096;
/// Memory that the buffers of the journal need, in bytes.
const LOCKED_BYTES_WANTED: u64 = 16 * 1024 * 1024;

/// Looks at all of it.
pub(super) fn look() -> Vec<Finding> {
    let usable = core_affinity::get_core_ids().map_or(1, |cores| cores.len());
    vec![
        cores(usable),
        isolation(&read("/sys/devices/system/cpu/isolated")),
        governor(&read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        huge_pages(&read("/sys/kernel/mm/transparent_hugepage/enabled")),
        swap(&read("/proc/swaps")),
        locked_memory(getrlimit(Resource::Memlock).current),
        descriptors(getrlimit(Resource::Nofile).current),
        clock_source(&read("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        clock_is_set(),
    ]
}

/// What the system says there; empty where it says nothing.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn cores(usable: usize) -> Finding {
    let found = format!("{usable} can be used");
    match usable {
        CORES_WANTED.. => Finding::good("cores", found),
        2.. => Finding::improve("cores", found, "six cores give each stage one of its own"),
        _ => Finding::improve("cores", found, "two cores are the least for steady latency"),
    }
}

fn isolation(isolated: &str) -> Finding {
    if isolated.is_empty() {
        let advice = "isolcpus= and nohz_full= keep other work off the cores that --cores names";
        return Finding::improve("isolation", "no core is isolated", advice);
    }
    Finding::good("isolation", format!("cores {isolated} are isolated"))
}

fn governor(governor: &str) -> Finding {
    match governor {
        "" => Finding::good("frequency", "the system does not change it, or does not tell"),
        "performance" => Finding::good("frequency", "the governor is performance"),
        other => {
            let advice =
                "cpupower frequency-set -g performance: a core that wakes is slow at first";
            Finding::improve("frequency", format!("the governor is {other}"), advice)
        }
    }
}

fn huge_pages(enabled: &str) -> Finding {
    let chosen = enabled.split(['[', ']']).nth(1).unwrap_or("unknown").to_owned();
    let found = format!("transparent huge pages: {chosen}");
    match chosen.as_str() {
        // Large tables and rings ask for them.
        "always" | "madvise" => Finding::good("huge pages", found),
        _ => {
            let advice = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled: fewer misses in large tables";
            Finding::improve("huge pages", found, advice)
        }
    }
}

/// The first line names the columns.
fn swap(swaps: &str) -> Finding {
    match swaps.lines().count().saturating_sub(1) {
        0 => Finding::good("swap", "none"),
        _ => {
            let advice =
                "swapoff -a, or MemorySwapMax=0: a table that is swapped out stops the pipeline";
            Finding::improve("swap", "there is swap", advice)
        }
    }
}

fn locked_memory(limit: Option<u64>) -> Finding {
    match limit {
        None => Finding::good("locked memory", "no limit"),
        Some(bytes) if bytes >= LOCKED_BYTES_WANTED => {
            Finding::good("locked memory", format!("{} KiB", bytes / 1024))
        }
        Some(bytes) => {
            let advice = "LimitMEMLOCK=infinity, or ulimit -l: io_uring registers buffers";
            Finding::improve("locked memory", format!("{} KiB at most", bytes / 1024), advice)
        }
    }
}

fn descriptors(limit: Option<u64>) -> Finding {
    match limit {
        None => Finding::good("descriptors", "no limit"),
        Some(count) if count >= DESCRIPTORS_WANTED => {
            Finding::good("descriptors", format!("{count} at most"))
        }
        Some(count) => {
            let advice =
                "LimitNOFILE=65536, or ulimit -n: connections take one each, over TLS three";
            Finding::improve("descriptors", format!("{count} at most"), advice)
        }
    }
}

fn clock_source(source: &str) -> Finding {
    match source {
        "" => Finding::good("clock source", "the system does not tell"),
        "tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page" => {
            Finding::good("clock source", source)
        }
        other => {
            let advice =
                "each reading of this clock is a system call; tsc is not, where the machine has it";
            Finding::improve("clock source", other, advice)
        }
    }
}

/// A service that has set the clock leaves a sign.
fn clock_is_set() -> Finding {
    let signs = ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/ntpd.pid"];
    match signs.into_iter().find(|sign| Path::new(sign).exists()) {
        Some(sign) => Finding::good("clock", format!("a service sets it ({sign})")),
        None => {
            let advice =
                "run chrony or systemd-timesyncd: holds expire and windows turn by this clock";
            Finding::improve("clock", "no service is known to set it", advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn each_finding_depends_on_what_the_system_says() {
        let (good, improve) = (Verdict::Good, Verdict::Improve);
        let swaps = "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2";
        //  finding, verdict
        let cases = [
            (cores(6), good),
            (cores(5), improve),
            (cores(1), improve),
            (isolation("2-5"), good),
            (isolation(""), improve),
            (governor("performance"), good),
            (governor("powersave"), improve),
            (huge_pages("[always] madvise never"), good),
            (huge_pages("always [madvise] never"), good),
            (huge_pages("always madvise [never]"), improve),
            (huge_pages(""), improve),
            (swap("Filename Type Size Used Priority"), good),
            (swap(swaps), improve),
            (locked_memory(None), good),
            (locked_memory(Some(LOCKED_BYTES_WANTED)), good),
            (locked_memory(Some(65_536)), improve),
            (descriptors(Some(1_024)), improve),
            (descriptors(Some(65_536)), good),
            (clock_source("tsc"), good),
            (clock_source("hpet"), improve),
        ];
        for (finding, verdict) in cases {
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert_eq!(finding.advice.is_empty(), verdict == good, "{finding:?}");
        }
    }
}
