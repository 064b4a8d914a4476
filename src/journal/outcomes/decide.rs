//! What a start does with the outcome log that it finds. Pure.

/// What a log holds, as far as a start has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// The last outcome before the first fault, or of all where there is none, behind which no
    /// event waits for its outcome; 0 if there is none.
    pub whole_sequence: u64,
    /// Whether something is not as it was written: damaged, missing, of another journal, or cut
    /// short as a crash leaves it.
    pub has_fault: bool,
    /// The last outcome of all, wherever it stands.
    pub last_sequence: u64,
    /// The last outcome that was final when it was written: its command was on stable storage.
    pub final_sequence: u64,
}

/// What the journal beside it can give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayable {
    /// The first outcome that a replay can make again; `u64::MAX` if it can make none.
    pub first_sequence: u64,
    /// The journal's last command.
    pub last_sequence: u64,
}

/// What is to be done with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is wrong: go on behind this outcome.
    GoOn {
        /// The outcome.
        behind: u64,
    },
    /// Cut it behind this outcome: a replay makes again all that followed.
    MakeAgain {
        /// The outcome.
        behind: u64,
    },
    /// Keep what is good up to this outcome, and set aside the files of which not all is kept: what
    /// is cut off cannot be made again.
    SetAside {
        /// The outcome; `u64::MAX` where all that is good is kept.
        up_to: u64,
    },
    /// Change nothing: the log proves that the journal has lost commands.
    Refuse,
}

/// Decides what is to be done with a log that holds `held`, beside a journal that gives back
/// `journal`.
#[must_use]
pub fn decide(held: &Held, journal: &Replayable) -> Decision {
    if held.final_sequence > journal.last_sequence {
        return Decision::Refuse;
    }
    if held.last_sequence > journal.last_sequence {
        // Without `--durability sync` outcomes leave whose commands a power cut takes.
        return Decision::SetAside { up_to: journal.last_sequence };
    }
    let behind = held.whole_sequence;
    let can_be_made_again = behind + 1 >= journal.first_sequence;
    match (held.has_fault, can_be_made_again) {
        (false, true) => Decision::GoOn { behind },
        // Events at its end that wait for an outcome cannot be made again: they stay.
        (false, false) => Decision::GoOn { behind: held.last_sequence },
        (true, true) => Decision::MakeAgain { behind },
        (true, false) => Decision::SetAside { up_to: u64::MAX },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_made_again_is_never_cut_and_a_loss_is_refused() {
        use Decision::*;
        const ALL: u64 = u64::MAX;
        let cut = |behind| MakeAgain { behind };
        let go_on = |behind| GoOn { behind };
        let set_aside = |up_to| SetAside { up_to };
        // The log: whole up to, has a fault, last, final. The journal: first, last.
        let cases = [
            ("no log, no journal", (0, false, 0, 0), (1, 0), go_on(0)),
            ("no log yet", (0, false, 0, 0), (1, 90), go_on(0)),
            ("all is there", (90, false, 90, 90), (1, 90), go_on(90)),
            ("the log lags", (50, false, 50, 50), (1, 90), go_on(50)),
            ("events wait at its end", (48, false, 50, 50), (1, 90), go_on(48)),
            ("and cannot be made again", (48, false, 50, 50), (60, 90), go_on(50)),
            ("it ends before the journal begins", (50, false, 50, 50), (70, 90), go_on(50)),
            ("cut short by a crash", (50, true, 50, 50), (1, 90), cut(50)),
            ("damage in the middle", (20, true, 90, 90), (1, 90), cut(20)),
            ("made again from just behind it", (20, true, 90, 90), (21, 90), cut(20)),
            ("one too many to be made again", (20, true, 90, 90), (22, 90), set_aside(ALL)),
            ("damage before all that is replayed", (20, true, 90, 90), (60, 90), set_aside(ALL)),
            ("nothing can be made again", (0, true, 90, 0), (ALL, 90), set_aside(ALL)),
            ("ahead, and nothing was final", (95, false, 95, 0), (1, 90), set_aside(90)),
            ("ahead, final up to its end", (95, false, 95, 90), (1, 90), set_aside(90)),
            ("ahead and damaged", (20, true, 95, 90), (1, 90), set_aside(90)),
            ("one final outcome too many", (91, false, 91, 91), (1, 90), Refuse),
            ("final ones behind damage", (20, true, 95, 91), (1, 90), Refuse),
            ("a journal that is gone", (90, false, 90, 90), (1, 0), Refuse),
        ];
        for (name, log, (first_sequence, last_sequence), decision) in cases {
            let held = Held {
                whole_sequence: log.0,
                has_fault: log.1,
                last_sequence: log.2,
                final_sequence: log.3,
            };
            let journal = Replayable { first_sequence, last_sequence };
            assert_eq!(decide(&held, &journal), decision, "{name}");
        }
    }
}
