//! Where a cursor's good frames end: gathers the evidence, and has it judged.

use super::{Cursor, End};
use crate::claims::{Claims, search_segments};
use crate::entry::Tail;
use crate::error::{Fault, JournalError};
use crate::files::Files;
use crate::flights::TAIL_BYTES_MAX;
use crate::format::{BLOCK_BYTES, FrameHeader, SEGMENT_HEADER_BYTES};
use crate::segments::damaged;
use crate::survey::Survey;
use crate::verdict::{Evidence, Found, Verdict, judge};

impl<F: Files> Cursor<F> {
    /// Decides what the fault at the present place means. A header: it was not yet written a moment
    /// ago, by an engine that runs beside us, and now is.
    pub(super) fn stop_at(&mut self, fault: Fault) -> Result<Option<FrameHeader>, JournalError> {
        let (rest, tail_bytes) = self.survey_rest()?;
        let is_clean = fault == Fault::Empty && rest.first_nonzero.is_none();
        let traces = if is_clean { 0 } else { self.search()? };
        let claims = Claims::read(&self.files, self.segment(), &self.chain)?;
        let evidence = Evidence {
            frames: self.chain.durable_sequence.max(traces),
            witness: claims.witness(self.segment(), &self.chain),
            snapshot: claims.snapshot,
            first_nonzero: rest.first_nonzero,
            tail_bytes,
            tail_bytes_max: self.tail_bytes_max(),
        };
        let place = Found { segment: self.segment().segment, offset: self.offset, fault };
        let verdict = judge(self.chain.next_sequence(), place, &evidence);
        if let Verdict::Damage(Found { segment, offset, fault }) = verdict {
            self.sliding.forget();
            if let Ok(header) = self.read_frame()? {
                return Ok(Some(header));
            }
            self.durable_in_damage = evidence.durable_sequence();
            return Err(damaged(&self.files, segment, offset, fault));
        }
        claims.check_identity(&self.files, self.segment())?;
        let tail = match verdict {
            Verdict::Tail(Found { segment, offset, fault }) => Some(Tail {
                segment,
                offset,
                bytes: rest.nonzero_bytes,
                commands: rest.commands,
                fault,
            }),
            Verdict::End | Verdict::Damage(_) => None,
        };
        self.end = Some(End { tail, witness: claims.witness });
        Ok(None)
    }

    /// Looks at all that stands behind the present place. And how long it is, in bytes, with the
    /// zeros in between where a segment is written without waiting for the disk.
    fn survey_rest(&mut self) -> Result<(Survey, u64), JournalError> {
        let mut rest = self.survey(self.index, self.offset)?;
        let mut span_bytes = rest.nonzero_bytes;
        let mut before_bytes = self.segment().segment_bytes - self.offset;
        for later in self.index + 1..self.segments.len() {
            let found = self.survey(later, SEGMENT_HEADER_BYTES as u64)?;
            if found.first_nonzero.is_some() {
                span_bytes = before_bytes + SEGMENT_HEADER_BYTES as u64 + found.nonzero_bytes;
            }
            before_bytes += self.segments[later].segment_bytes;
            rest = rest.and(found);
        }
        let tail_bytes = if self.chain.is_async { span_bytes } else { rest.nonzero_bytes };
        Ok((rest, tail_bytes))
    }

    /// The most that a writer can have had under way here, in bytes.
    fn tail_bytes_max(&self) -> u64 {
        if self.chain.is_at_the_beginning() {
            // Rules come first, and are waited for.
            return BLOCK_BYTES as u64;
        }
        if !self.chain.is_async {
            return TAIL_BYTES_MAX;
        }
        // What was not synced when a segment was left, and the next one.
        let segments = self.segments[self.index..].iter().take(2);
        segments.map(|header| header.segment_bytes).sum()
    }

    /// Searches what was not gone through for what it calls durable.
    fn search(&self) -> Result<u64, JournalError> {
        // Behind an anchor: what stands before it in its segment was passed over too.
        let begun_in = self.segments[0].segment - u32::from(!self.begins_behind_anchor);
        search_segments(&self.files, &self.chain, (self.segment(), self.offset), begun_in)
    }
}
