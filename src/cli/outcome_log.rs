//! Options of the outcome log.

use std::time::Duration;

use clap::Args;

use ringfence_journal::outcomes::{KEEP_AGE_MIN, KEEP_BYTES_MIN, Keep};

/// How much of the outcome log is kept.
#[derive(Debug, Args)]
pub(super) struct KeepOption {
    /// How much of the outcome log is kept: a size such as 16GiB, an age such as 7days, or all. Old files
    /// are removed; what a named subscription still needs is kept up to twice as long
    #[arg(long, env = "RINGFENCE_OUTCOME_LOG_KEEP", value_name = "SIZE|DURATION", default_value = "16GiB", value_parser = bound)]
    pub outcome_log_keep: Bound,
}

/// `--outcome-log-keep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound(pub Option<Keep>);

/// Values of `--outcome-log`. As the option was a switch once, variables may say true or false.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}

fn bound(text: &str) -> Result<Bound, String> {
    if text == "all" {
        return Ok(Bound(None));
    }
    let keep = match size(text) {
        Some(bytes) => Keep::Bytes(bytes),
        None => Keep::Age(age(text)?),
    };
    match keep {
        Keep::Bytes(..KEEP_BYTES_MIN) => Err(format!("must be {KEEP_BYTES_MIN} bytes or more")),
        Keep::Age(age) if age < KEEP_AGE_MIN => {
            Err(format!("must be {} or more", humantime::format_duration(KEEP_AGE_MIN)))
        }
        keep => Ok(Bound(Some(keep))),
    }
}

/// Bytes, if the text is a size.
fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u32); 5] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("", 0)];
    let of_unit = |(unit, shift)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(1_u64 << shift)
    };
    UNITS.into_iter().find_map(of_unit)
}

fn age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| {
        "must be a size in bytes or such as 16GiB, a duration such as 36h, or all".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_size_an_age_or_all() {
        let bytes = |bytes| Ok(Bound(Some(Keep::Bytes(bytes))));
        let seconds = |seconds| Ok(Bound(Some(Keep::Age(Duration::from_secs(seconds)))));
        let cases = [
            ("16777216", bytes(1 << 24)),
            ("16MiB", bytes(1 << 24)),
            ("2 GiB", bytes(1 << 31)),
            ("1TiB", bytes(1 << 40)),
            ("36h", seconds(36 * 3_600)),
            ("1day 1h", seconds(25 * 3_600)),
            ("all", Ok(Bound(None))),
        ];
        for (text, expected) in cases {
            assert_eq!(bound(text), expected, "{text}");
        }
        for text in ["", "some", "16MiBs", "-1", "0", "15MiB", "59s", "99999999TiB"] {
            assert!(bound(text).is_err(), "{text}");
        }
    }
}
