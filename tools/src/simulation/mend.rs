//! Repairs that are cut short, and begun again until they are done.

use rand::RngExt;
use ringfence::journal::faulty::{Plan, Restart};
use ringfence::journal::{Durability, JournalError, Repaired, first_segment, repair_files};

use super::sabotage::Disk;
use super::world::{Cut, World, ensure};

impl World {
    /// Repairs a damaged journal. What is given up is said, however often the repair was cut short;
    /// what is kept is what the next start finds.
    pub(super) fn mend(&mut self, damage: &JournalError) -> Result<(), Cut> {
        let repaired = self.repair_to_the_end()?.ok_or(Cut::BeyondRepair)?;
        let steady = self.disk.disk.steady();
        if first_segment(&steady)?.segment > 1 && self.newest_good(&steady)?.is_none() {
            // What came before is retired, and no snapshot of it is left.
            return Err(Cut::BeyondRepair);
        }
        self.report.repaired += 1;
        self.history.push(format!("{damage}: {repaired:?}"));
        let (kept, said) = (repaired.last_sequence, repaired.acknowledged_sequence);
        let (all, released) = (self.answers.len() as u64, self.released);
        ensure(kept >= released || said >= released, || {
            format!("{damage}: a repair kept {kept} of {released}, and says {said}")
        })?;
        // One that finds nothing to cut says once more what the last has given up: one that was cut
        // short may have cut everything, and said nothing.
        ensure(said <= all.max(self.given_up) && kept <= all, || {
            format!("{repaired:?}, but only {all} commands, and {} given up", self.given_up)
        })?;
        self.given_up = self.given_up.max(said);
        if self.options.durability == Durability::Sync {
            self.released = kept;
        }
        self.is_wounded = false;
        Ok(())
    }

    /// Begins the repair again until nothing stops it; `None` if nothing can be kept.
    fn repair_to_the_end(&mut self) -> Result<Option<Repaired>, Cut> {
        let Disk { disk, sabotage } = self.disk.clone();
        // What is cut need not be whole blocks.
        let files = Disk { disk: disk.buffered(), sabotage };
        for accidents in (0..self.random.random_range(0..4)).rev() {
            disk.plan(self.plan([5, 20, 60]));
            match repair_files(&files, self.options.key) {
                Ok(repaired) => {
                    disk.plan(Plan::default());
                    return Ok(Some(repaired));
                }
                Err(error @ JournalError::Io { .. }) if disk.has_failed() => {
                    self.report.repairs_cut_short += 1;
                    self.history.push(format!("a repair was cut short: {error}"));
                    let how = match self.options.durability {
                        Durability::Sync if accidents % 2 == 0 => Restart::PowerCut,
                        _ => Restart::Killed,
                    };
                    disk.restart(how, Plan::default());
                }
                Err(JournalError::Damaged { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        disk.plan(Plan::default());
        match repair_files(&files, self.options.key) {
            Ok(repaired) => Ok(Some(repaired)),
            Err(JournalError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
