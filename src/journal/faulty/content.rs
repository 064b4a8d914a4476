//! What a faulty disk knows of one file: what a read shows, and what a power cut would leave.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::{Rng, RngExt};

use super::SECTOR_BYTES;
use crate::format::BLOCK_BYTES;
use crate::survey::is_zero;

const SECTORS: usize = BLOCK_BYTES / SECTOR_BYTES;

/// A file. Blocks that were never other than zero take no memory.
#[derive(Default, Clone)]
pub(super) struct Content {
    blocks: BTreeMap<u64, Block>,
    length: u64,
    durable_length: u64,
}

type Page = [u8; BLOCK_BYTES];

/// A block. Its pages are shared with copies of the file, and with each other, until one changes.
#[derive(Clone)]
struct Block {
    view: Arc<Page>,
    durable: Arc<Page>,
    /// Sectors that the next sync makes durable.
    dirty: [bool; SECTORS],
}

impl Block {
    fn zero(page: &Arc<Page>) -> Block {
        Block { view: Arc::clone(page), durable: Arc::clone(page), dirty: [false; SECTORS] }
    }

    fn write(&mut self, within: usize, bytes: &[u8]) {
        match Page::try_from(bytes) {
            Ok(page) => self.view = Arc::new(page),
            Err(_) => {
                let view = Arc::make_mut(&mut self.view);
                view[within..within + bytes.len()].copy_from_slice(bytes);
            }
        }
        let (first, end) = (within / SECTOR_BYTES, (within + bytes.len()).div_ceil(SECTOR_BYTES));
        self.dirty[first..end].fill(true);
    }

    fn save(&mut self, sector: usize) {
        let range = sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES;
        Arc::make_mut(&mut self.durable)[range.clone()].copy_from_slice(&self.view[range]);
        self.dirty[sector] = false;
    }

    /// Saves the dirty ones of these sectors.
    fn save_all(&mut self, sectors: std::ops::Range<usize>) {
        if sectors.len() == SECTORS && self.dirty == [true; SECTORS] {
            self.durable = Arc::clone(&self.view);
            self.dirty = [false; SECTORS];
        }
        for sector in sectors {
            if self.dirty[sector] {
                self.save(sector);
            }
        }
    }
}

impl Content {
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads what there is; how much.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> usize {
        let count = self.length.saturating_sub(offset).min(bytes.len() as u64) as usize;
        let bytes = &mut bytes[..count];
        bytes.fill(0);
        let end = offset + count as u64;
        let first = offset / BLOCK_BYTES as u64;
        for (&number, block) in self.blocks.range(first..end.div_ceil(BLOCK_BYTES as u64)) {
            let start = number * BLOCK_BYTES as u64;
            let (from, to) = (start.max(offset), (start + BLOCK_BYTES as u64).min(end));
            bytes[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&block.view[(from - start) as usize..(to - start) as usize]);
        }
        count
    }

    pub fn extend_to(&mut self, bytes: u64) {
        self.length = self.length.max(bytes);
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.extend_to(offset + bytes.len() as u64);
        let zero = Arc::new([0; BLOCK_BYTES]);
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let (number, within) = (at / BLOCK_BYTES as u64, (at % BLOCK_BYTES as u64) as usize);
            let count = (BLOCK_BYTES - within).min(bytes.len() - done);
            let part = &bytes[done..done + count];
            done += count;
            if !self.blocks.contains_key(&number) && is_zero(part) {
                continue;
            }
            let block = self.blocks.entry(number).or_insert_with(|| Block::zero(&zero));
            block.write(within, part);
        }
    }

    pub fn sync(&mut self) {
        self.sync_range(0, self.length.max(self.durable_length));
    }

    /// Makes the sectors from `from` to `to` durable, and the length.
    pub fn sync_range(&mut self, from: u64, to: u64) {
        self.durable_length = self.length;
        let blocks = from / BLOCK_BYTES as u64..to.div_ceil(BLOCK_BYTES as u64);
        for (&number, block) in self.blocks.range_mut(blocks) {
            let start = number * BLOCK_BYTES as u64;
            let sector_at = |offset: u64| {
                let within = offset.saturating_sub(start).min(BLOCK_BYTES as u64) as usize;
                within.div_ceil(SECTOR_BYTES)
            };
            block.save_all(sector_at(from)..sector_at(to));
        }
    }

    /// Some sectors are saved; some are lost, and nobody will be told again.
    pub fn fail_to_sync(&mut self, random: &mut impl Rng) {
        for block in self.blocks.values_mut() {
            for sector in (0..SECTORS).filter(|&sector| block.dirty[sector]).collect::<Vec<_>>() {
                match random.random_range(0..3) {
                    0 => block.save(sector),
                    1 => block.dirty[sector] = false,
                    _ => {}
                }
            }
        }
    }

    /// What a power cut leaves.
    pub fn fall_back(&mut self, random: &mut impl Rng, kept_percent: u32) {
        if random.random_range(0..100) < kept_percent {
            self.durable_length = self.length;
        }
        self.length = self.durable_length;
        for block in self.blocks.values_mut() {
            for sector in 0..SECTORS {
                if block.dirty[sector] && random.random_range(0..100) < kept_percent {
                    block.save(sector);
                }
            }
            block.view.clone_from(&block.durable);
            block.dirty = [false; SECTORS];
        }
        // What lies behind the end is no more.
        self.blocks.retain(|&number, _| number * (BLOCK_BYTES as u64) < self.length);
    }

    /// What is shown is durable from now on.
    pub fn settle(&mut self) {
        self.durable_length = self.length;
        for block in self.blocks.values_mut() {
            block.durable = Arc::clone(&block.view);
            block.dirty = [false; SECTORS];
        }
    }

    /// All its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length as usize];
        self.read(0, &mut bytes);
        bytes
    }
}
