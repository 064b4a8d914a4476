//! Room for the next frame: in the present segment, or in the one that is made ahead.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use super::Writer;
use crate::error::JournalError;
use crate::format::SegmentHeader;
use crate::group::Room;
use crate::next_segment::Made;
use crate::options::Durability;
use crate::place::Position;
use crate::shortage::{RoomNews, Shortage};
use crate::storage::{Operation, Storage};

/// News that may lie unread; the oldest gives way to one more.
pub(super) const NEWS_MAX: usize = 16;

impl<S: Storage> Writer<S> {
    /// What is missing, if the next segment cannot be made at present. It is tried again every
    /// second.
    #[must_use]
    pub fn shortage(&self) -> Option<Shortage> {
        self.next_segment.shortage()
    }

    /// What is to be told of room for segments, for another thread to take out and say.
    #[must_use]
    pub fn room_news(&self) -> Arc<ArrayQueue<RoomNews>> {
        Arc::clone(&self.room_news)
    }

    /// Makes sure that a frame of `bytes` and one that ends the segment fit behind what was
    /// gathered. False: not now.
    pub(super) fn make_room(&mut self, bytes: usize) -> bool {
        loop {
            match self.builder.room_for(bytes) {
                Room::Here => return true,
                Room::InNewGroup => return self.begin_group(),
                Room::BehindGroup => self.close_group(),
                Room::InNextSegment => {
                    if !self.end_segment() {
                        return false;
                    }
                }
            }
        }
    }

    fn begin_group(&mut self) -> bool {
        let Some(buffer) = self.free.pop() else {
            return false;
        };
        self.builder.begin(buffer);
        true
    }

    /// Goes over to the next segment, if it is there.
    fn end_segment(&mut self) -> bool {
        let Some(next_bytes) = self.next_segment.bytes() else {
            self.next_segment.need();
            self.storage.hurry();
            return false;
        };
        // Without waiting for the disk, no more than two segments are at risk.
        let leaves_another = self.flights.end_a_segment() || !self.syncs.is_empty();
        if self.options.durability == Durability::Async && leaves_another {
            return false;
        }
        if self.builder.is_empty() && !self.begin_group() {
            return false;
        }
        self.builder.put_end(self.reach.durable_sequence());
        self.close_group();
        self.builder.enter_next_segment(next_bytes);
        self.next_segment.enter();
        true
    }

    /// Has the next segment made, where it is time for that.
    pub(super) fn prepare_next(&mut self) {
        if !self.next_segment.is_wanted() {
            return;
        }
        let bytes = self.options.segment_bytes;
        let &Position { journal_id, segment, .. } = self.builder.position();
        let header = SegmentHeader::new(journal_id, segment + 1, bytes, self.options.key.as_ref());
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Prepare(header));
        self.next_segment.ask(ticket);
    }

    /// The next segment was made, or could not be.
    pub(super) fn next_is_made(
        &mut self,
        result: Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let news = match self.next_segment.made(result, self.options.segment_bytes)? {
            Made::Ready | Made::FailedAgain => return Ok(()),
            Made::ReadyAtLast => RoomNews::Found,
            Made::Failed(error) => RoomNews::Short { error, left_bytes: self.builder.left_bytes() },
        };
        self.has_told_full = false;
        drop(self.room_news.force_push(news));
        Ok(())
    }

    /// A batch did not find room: tells it, the first time that no segment has any.
    pub(super) fn tell_if_full(&mut self) {
        if self.shortage() == Some(Shortage::Now) && !self.has_told_full {
            self.has_told_full = true;
            drop(self.room_news.force_push(RoomNews::Full));
        }
    }

    /// Why the next segment could not be made, if it could not and that was not taken out before.
    pub(super) fn take_shortage(&mut self) -> Option<JournalError> {
        self.shortage()?;
        std::iter::from_fn(|| self.room_news.pop()).find_map(|news| match news {
            RoomNews::Short { error, .. } => Some(error),
            RoomNews::Full | RoomNews::Found => None,
        })
    }
}
