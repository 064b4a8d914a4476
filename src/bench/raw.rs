//! What the disk alone does: the same bytes, durably, and nothing else.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::latency_histogram;
use ringfence_journal::format::BLOCK_BYTES;
use ringfence_journal::{Access, Buffer, DataDir, DiskFile, Files, JournalError, OpenFile};

/// The file that is written; a start removes it like a segment that was never finished.
const NAME: &str = "0000000000.raw.new";
/// Bytes that are zeroed at once.
const ZERO_BYTES: usize = 2 * 1024 * 1024;

/// A file of zeros to write to, durably, beside a journal.
pub struct Raw<'a> {
    dir: &'a DataDir,
    bytes: u64,
}

impl<'a> Raw<'a> {
    /// Makes a file of `bytes` bytes, in whole blocks, allocated and written once.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn new(dir: &'a DataDir, bytes: u64) -> Result<Raw<'a>, JournalError> {
        let file = dir.files().create(NAME)?;
        file.reserve(bytes)?;
        let zeros = Buffer::new(ZERO_BYTES);
        for offset in (0..bytes).step_by(ZERO_BYTES) {
            let length = (bytes - offset).min(ZERO_BYTES as u64) as usize;
            file.write_at(offset, &zeros.bytes()[..length], false)?;
        }
        file.sync()?;
        Ok(Raw { dir, bytes })
    }

    /// Writes `count` times `bytes` bytes, rounded up to whole blocks, one after the other through
    /// the file, `depth` at a time. Returns seconds, and how long each write took.
    ///
    /// Each thread waits for one write: the plainest way there is. Direct and durable, or with a sync
    /// for each, as the journal's own writes are.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    ///
    /// # Panics
    ///
    /// If the file is shorter than one write.
    pub fn write(
        &self,
        bytes: usize,
        depth: usize,
        count: u64,
    ) -> Result<(f64, Histogram<u64>), JournalError> {
        let bytes = bytes.next_multiple_of(BLOCK_BYTES);
        let places = self.bytes / bytes as u64;
        assert!(places > 0, "the file holds at least one write");
        let next = AtomicU64::new(0);
        let files: Vec<DiskFile> = (0..depth)
            .map(|_| self.dir.files().open(NAME, Access::Write))
            .collect::<Result<_, _>>()?;
        let work = |file: DiskFile| -> Result<Histogram<u64>, JournalError> {
            let mut buffer = Buffer::new(bytes);
            buffer.bytes_mut().fill(0x5a);
            let mut latency_ns = latency_histogram();
            loop {
                // Relaxed: who gets which place makes no difference.
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok(latency_ns);
                }
                let start = Instant::now();
                file.write_at(index % places * bytes as u64, buffer.bytes(), true)?;
                latency_ns.saturating_record(start.elapsed().as_nanos() as u64);
            }
        };
        let start = Instant::now();
        let mut files = files.into_iter();
        let own = files.next().expect("at least one write at a time");
        let results: Vec<Result<Histogram<u64>, JournalError>> = thread::scope(|scope| {
            let others: Vec<_> = files.map(|file| scope.spawn(|| work(file))).collect();
            let mut results = vec![work(own)];
            results.extend(others.into_iter().map(|thread| thread.join().expect("no panics here")));
            results
        });
        let seconds = start.elapsed().as_secs_f64();
        let mut all = latency_histogram();
        for result in results {
            all += result?;
        }
        Ok((seconds, all))
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        let path = self.dir.files().path(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                eprintln!("ringfence: removing {}: {error}", path.display());
            }
            _ => {}
        }
    }
}
