//! What a figure depends on besides the program: the machine, as far as it tells.

use std::fs;
use std::thread;
use std::time::SystemTime;

/// Names and what was found.
pub(super) struct Machine(pub(super) Vec<(&'static str, String)>);

impl Machine {
    /// Asks the system, and the program for what it was built from.
    pub(super) fn look() -> Machine {
        let cores = thread::available_parallelism().map_or(0, usize::from);
        let memory = value_in(&read("/proc/meminfo"), "MemTotal");
        let kibibytes: Option<u64> =
            memory.and_then(|text| text.trim_end_matches(" kB").parse().ok());
        let memory =
            kibibytes.map_or_else(unknown, |kibibytes| format!("{} MiB", kibibytes / 1024));
        Machine(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("commit", commit(env!("RINGFENCE_COMMIT"), env!("CARGO_PKG_VERSION"))),
            ("processor", value_in(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown)),
            ("cores", cores.to_string()),
            ("memory", memory),
            ("kernel", or_unknown(read("/proc/sys/kernel/osrelease"))),
            ("load of the machine before", or_unknown(read("/proc/loadavg"))),
            ("date", humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        ])
    }
}

/// The commit that the program was built from; of an archive of the sources the version stands for
/// it.
fn commit(commit: &str, version: &str) -> String {
    match commit {
        "unknown" => format!("version {version}, not built in a repository"),
        commit => commit.to_owned(),
    }
}

/// What stands behind the first `name` in lines of names and values.
fn value_in(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// A file of the system; empty where there is none.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn or_unknown(text: String) -> String {
    if text.is_empty() { unknown() } else { text }
}

fn unknown() -> String {
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_a_name_is_found() {
        let text = "processor\t: 0\nmodel name\t: A processor\nmodel name\t: Another\n";
        assert_eq!(value_in(text, "model name").as_deref(), Some("A processor"));
        assert_eq!(value_in(text, "bogomips"), None);
    }

    #[test]
    fn sources_without_a_repository_have_a_version_in_place_of_a_commit() {
        assert_eq!(commit("0123456789ab", "1.2.3"), "0123456789ab");
        assert!(commit("unknown", "1.2.3").contains("1.2.3"));
    }
}
