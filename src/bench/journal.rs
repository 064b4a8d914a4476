//! The journal alone, against the disk alone.
//!
//! ```text
//!   batches ──▶ Writer ──▶ segments     in turns with     Raw ──▶ the same bytes, durable, no frames
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::latency_histogram;
use super::report::{LatencyNs, Series};
use super::{Load, Mix, Raw};
use ringfence_journal::format::{BODY_BYTES, FRAME_HEADER_BYTES};
use ringfence_journal::{Backend, DataDir, Disk, JournalError, Options, Waker, Wanted, Writer};
use ringfence_types::{Command, stamp_batch};

/// Different batches that a turn goes round and round.
const BATCHES: usize = 8;
/// Length of the file that the raw writer goes round and round, in bytes.
const RAW_BYTES: u64 = 256 * 1024 * 1024;

/// Batches of one length, so many unanswered at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLoad {
    /// Commands in a batch.
    pub batch: usize,
    /// Batches that are not durable yet, at most.
    pub depth: usize,
    /// Batches in a turn.
    pub count: u64,
}

impl JournalLoad {
    /// One batch in its frame, in bytes.
    fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.batch * BODY_BYTES
    }
}

/// What was found for one load.
#[derive(Debug, Clone, Serialize)]
pub struct JournalPoint {
    /// Commands in a batch.
    pub batch: usize,
    /// Batches that were not durable yet, at most.
    pub depth: usize,
    /// Batches in a turn.
    pub count: u64,
    /// Bytes of frames that became durable in a second: the median turn.
    pub bytes_per_second: f64,
    /// The same bytes through the raw writer: the median turn.
    pub raw_bytes_per_second: f64,
    /// From when a batch was taken in to when it was known durable.
    pub latency_ns: LatencyNs,
    /// One durable write of as many bytes.
    pub raw_latency_ns: LatencyNs,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct JournalReport {
    /// `journal`.
    pub bench: &'static str,
    /// What wrote the journal.
    pub io: String,
    /// Turns of journal and raw writer each.
    pub turns: usize,
    /// Of the load with the most bytes in flight.
    pub bytes_per_second: f64,
    /// Of the same load.
    pub raw_bytes_per_second: f64,
    /// Of the load with the fewest bytes in flight.
    pub latency_ns: LatencyNs,
    /// Of the same load.
    pub raw_latency_ns: LatencyNs,
    /// Every load.
    pub points: Vec<JournalPoint>,
    /// The latencies of every load as they were recorded, that with the fewest bytes in flight
    /// first.
    #[serde(skip)]
    pub series: Vec<Series>,
}

/// A new journal in the directory `path`, to be measured; `None` if it holds commands already.
///
/// # Errors
///
/// [`JournalError`].
pub fn new_journal(
    path: &Path,
    segment_bytes: u64,
    journal_io: Option<Backend>,
) -> Result<Option<(DataDir, Writer<Disk>)>, JournalError> {
    let options = Options { segment_bytes, ..Options::default() };
    let dir = DataDir::open_with(path, journal_io)?;
    let recovered = ringfence_journal::recover(&dir, &Wanted::default(), &options, |_| {})?;
    if recovered.last_sequence > 0 {
        return Ok(None);
    }
    // The bench polls: nobody has to be woken.
    let waker: Waker = Arc::new(|| {});
    let writer = Writer::open(&dir, &recovered, options, &waker)?;
    Ok(Some((dir, writer)))
}

/// Writes each of `loads` to `writer`, a new journal in `dir`, in `turns` turns with a raw writer.
///
/// # Errors
///
/// [`JournalError`].
///
/// # Panics
///
/// If there are no loads or no turns.
pub fn journal(
    dir: &DataDir,
    writer: &mut Writer<Disk>,
    loads: &[JournalLoad],
    turns: usize,
) -> Result<JournalReport, JournalError> {
    assert!(!loads.is_empty() && turns > 0);
    let raw = Raw::new(dir, RAW_BYTES)?;
    let mut last_timestamp = 0;
    let (mut points, mut series) = (Vec::new(), Vec::new());
    for load in loads {
        let mut batches = batches(load.batch);
        let (mut seconds, mut raw_seconds) = (Vec::new(), Vec::new());
        let (mut latency_ns, mut raw_latency_ns) = (latency_histogram(), latency_histogram());
        for _ in 0..turns {
            let (took, latencies) = raw.write(load.frame_bytes(), load.depth, load.count)?;
            raw_seconds.push(took);
            raw_latency_ns += latencies;
            let took = turn(writer, load, &mut batches, &mut last_timestamp, &mut latency_ns)?;
            seconds.push(took);
        }
        let bytes = load.frame_bytes() as f64 * load.count as f64;
        let name = format!("batches of {}, {} at a time", load.batch, load.depth);
        series.push((load.batch * load.depth, Series::new(&name, &latency_ns)));
        points.push(JournalPoint {
            batch: load.batch,
            depth: load.depth,
            count: load.count,
            bytes_per_second: bytes / median(&mut seconds),
            raw_bytes_per_second: bytes / median(&mut raw_seconds),
            latency_ns: (&latency_ns).into(),
            raw_latency_ns: (&raw_latency_ns).into(),
        });
    }
    series.sort_by_key(|&(in_flight, _)| in_flight);
    let in_flight = |point: &&JournalPoint| point.batch * point.depth;
    let most = points.iter().max_by_key(in_flight).expect("there is a load").clone();
    let fewest = points.iter().min_by_key(in_flight).expect("there is a load").clone();
    Ok(JournalReport {
        bench: "journal",
        io: writer.describe(),
        turns,
        bytes_per_second: most.bytes_per_second,
        raw_bytes_per_second: most.raw_bytes_per_second,
        latency_ns: fewest.latency_ns,
        raw_latency_ns: fewest.raw_latency_ns,
        points,
        series: series.into_iter().map(|(_, series)| series).collect(),
    })
}

fn batches(length: usize) -> Vec<Vec<Command>> {
    let load = Load::generate(1000, (length * BATCHES) as u64, length, Mix::Single, 1);
    load.batches().map(<[Command]>::to_vec).collect()
}

/// One turn of the journal; how many seconds it took.
fn turn(
    writer: &mut Writer<Disk>,
    load: &JournalLoad,
    batches: &mut [Vec<Command>],
    last_timestamp: &mut u64,
    latency_ns: &mut Histogram<u64>,
) -> Result<f64, JournalError> {
    let mut unanswered: VecDeque<(u64, Instant)> = VecDeque::with_capacity(load.depth);
    let (mut taken, mut answered) = (0, 0);
    let start = Instant::now();
    while answered < load.count {
        while taken < load.count && unanswered.len() < load.depth {
            let now = Instant::now();
            let batch = &mut batches[(taken % BATCHES as u64) as usize];
            let stamped = stamp_batch(batch, *last_timestamp, 0);
            if !writer.append(writer.last_sequence() + 1, batch.as_slice())? {
                break;
            }
            *last_timestamp = stamped;
            unanswered.push_back((writer.last_sequence(), now));
            taken += 1;
            // The disk begins with it at once, if it has nothing else to do.
            writer.poll()?;
        }
        let durable = writer.poll()?;
        let now = Instant::now();
        let answered_before = answered;
        while let Some(&(last, taken_in)) = unanswered.front()
            && last <= durable
        {
            unanswered.pop_front();
            latency_ns.saturating_record((now - taken_in).as_nanos() as u64);
            answered += 1;
        }
        if answered == answered_before {
            writer.wait();
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl fmt::Display for JournalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "journal: {}, {} turns each", self.io, self.turns)?;
        writeln!(f, "  batch  depth     MB/s  raw MB/s  ratio   p50 ns  raw p50 ns  ratio")?;
        for (index, point) in self.points.iter().enumerate() {
            let (bytes, raw_bytes) = (point.bytes_per_second, point.raw_bytes_per_second);
            let (p50, raw_p50) = (point.latency_ns.p50(), point.raw_latency_ns.p50());
            write!(
                f,
                "  {:>5}  {:>5}  {:>7.1}  {:>8.1}  {:>5.2}  {p50:>7}  {raw_p50:>10}  {:>5.2}",
                point.batch,
                point.depth,
                bytes / 1e6,
                raw_bytes / 1e6,
                bytes / raw_bytes,
                p50 as f64 / raw_p50 as f64,
            )?;
            if index + 1 < self.points.len() {
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_journal::{Options, Reader, Waker, Wanted, recover};

    #[test]
    fn what_was_measured_is_in_the_journal_and_both_figures_in_the_report() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&folder.path().join("data")).unwrap();
        let options = Options { segment_bytes: 2 * 1024 * 1024, ..Options::default() };
        let recovered = recover(&dir, &Wanted::default(), &options, |_| {}).unwrap();
        let waker: Waker = std::sync::Arc::new(|| {});
        let mut writer = Writer::open(&dir, &recovered, options, &waker).unwrap();
        let loads = [(1, 1, 20), (100, 4, 30), (8192, 2, 3)]
            .map(|(batch, depth, count)| JournalLoad { batch, depth, count });
        let report = journal(&dir, &mut writer, &loads, 2).unwrap();
        writer.close().unwrap();

        let report = serde_json::to_value(&report).unwrap();
        let points = report["points"].as_array().unwrap();
        assert_eq!(points.len(), loads.len());
        for figures in points.iter().chain([&report]) {
            for name in ["bytes_per_second", "raw_bytes_per_second"] {
                assert!(figures[name].as_f64().unwrap() > 0.0, "{name} in {figures}");
            }
            for name in ["latency_ns", "raw_latency_ns"] {
                assert!(figures[name]["p50"].as_u64().unwrap() > 0, "{name} in {figures}");
            }
        }
        assert_eq!(report["latency_ns"], points[0]["latency_ns"]);
        assert_eq!(report["bytes_per_second"], points[2]["bytes_per_second"]);

        let mut reader = Reader::open(&dir, None).unwrap();
        while reader.next_entry().unwrap().is_some() {}
        assert_eq!(reader.batches(), 2 * (20 + 30 + 3));
        let names: Vec<String> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("raw"))
            .collect();
        assert!(names.is_empty(), "{names:?}");
    }
}
