//! Twin and subject, world after world, until they part.
//!
//! ```text
//!   seed, seed + 1, … ──▶ generator ──▶ groups of batches ──▶ twin and subject ──▶ compare
//!                                                              └─ they part: shrink, print, stop
//! ```

use std::fmt::Write as _;

use ringfence::types::Rules;

use crate::generator::Generator;
use crate::scenario::{
    Batch, Subject, compare_accounts, compare_batch, first_difference, lines_of, shrink,
};
use crate::twin::Twin;

/// How much is compared.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Seed of the first world; each further one has the next seed.
    pub seed: u64,
    /// Commands over all worlds, at least.
    pub commands: u64,
    /// Commands in one world, at least.
    pub world_commands: u64,
}

/// How often accounts are compared and sums are taken in full, in commands.
const FULL_CHECK_COMMANDS: u64 = 4_000;

/// Compares `plan.commands` commands and returns how many it were.
///
/// # Errors
///
/// A report for people: the seed, both answers, and the fewest commands found that show the
/// difference.
pub fn compare<S: Subject>(plan: &Plan, new_subject: &impl Fn(&Rules) -> S) -> Result<u64, String> {
    let mut done = 0;
    let mut seed = plan.seed;
    while done < plan.commands {
        done += compare_world(seed, plan.world_commands, new_subject)?;
        seed += 1;
    }
    Ok(done)
}

/// Compares one world and returns how many commands it took.
///
/// # Errors
///
/// As `compare`.
pub fn compare_world<S: Subject>(
    seed: u64,
    commands: u64,
    new_subject: &impl Fn(&Rules) -> S,
) -> Result<u64, String> {
    let mut generator = Generator::new(seed);
    let rules = *generator.rules();
    let mut twin = Twin::new(&rules);
    let mut subject = new_subject(&rules);
    let mut history: Vec<Batch> = Vec::new();
    let (mut done, mut checked) = (0, 0);
    while done < commands {
        let batch = generator.next_batch();
        done += batch.len() as u64;
        history.push(batch);
        let batch = &history[history.len() - 1];
        let is_full = done - checked >= FULL_CHECK_COMMANDS || done >= commands;
        let compared = compare_batch(&mut twin, &mut subject, batch).and_then(|answers| {
            if is_full {
                checked = done;
                twin.check_in_full();
                compare_accounts(&twin, &subject)?;
            }
            Ok(answers)
        });
        match compared {
            Ok(answers) => generator.heed(answers.iter().map(|answer| answer.outcome)),
            Err(explanation) => {
                return Err(report(seed, &rules, &history, &explanation, new_subject));
            }
        }
    }
    Ok(done)
}

fn report<S: Subject>(
    seed: u64,
    rules: &Rules,
    history: &[Batch],
    explanation: &str,
    new_subject: &impl Fn(&Rules) -> S,
) -> String {
    let mut text = format!("twin and subject part in the world of seed {seed}:\n{explanation}\n");
    let fails = |batches: &[Batch]| first_difference(rules, batches, new_subject).is_some();
    if !fails(history) {
        text.push_str("run again from the start, they do not: something else decides outcomes\n");
        return text;
    }
    let shortest = shrink(history, fails);
    let difference = first_difference(rules, &shortest, new_subject).expect("it still fails");
    let _ = write!(
        text,
        "\nfewest commands found that show it:\n{}\n{}",
        lines_of(rules, &shortest),
        difference
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::Answer;
    use ringfence::types::{Account, Command, Status};

    /// A twin that takes every tenth void that it executes for an expiry.
    struct Liar {
        twin: Twin,
        lies: u64,
    }

    impl Subject for Liar {
        fn apply(&mut self, commands: &[Command]) -> Vec<Answer> {
            let mut answers = Subject::apply(&mut self.twin, commands);
            for answer in &mut answers {
                if answer.outcome.status() == Status::PendingTransferAlreadyVoided {
                    self.lies += 1;
                    if self.lies.is_multiple_of(3) {
                        answer.outcome.status = Status::PendingTransferExpired as u16;
                    }
                }
            }
            answers
        }

        fn accounts(&self) -> Vec<Account> {
            self.twin.accounts()
        }
    }

    #[test]
    fn a_subject_that_answers_otherwise_is_caught_with_few_commands() {
        let liar = |rules: &Rules| Liar { twin: Twin::new(rules), lies: 0 };
        let plan = Plan { seed: 1, commands: 200_000, world_commands: 10_000 };
        let report = compare(&plan, &liar).expect_err("the liar is caught");
        assert!(report.contains("pending_transfer_expired"), "{report}");
        let (_, shortest) = report.split_once("fewest commands").expect("it was shrunk");
        // At least two accounts, a pending transfer, its void, and three that come too late.
        let count = shortest.matches("\"op\":\"create_").count();
        assert!((7..=25).contains(&count), "{count} commands:\n{report}");
    }

    #[test]
    fn the_twin_agrees_with_itself() {
        let plan = Plan { seed: 1, commands: 50_000, world_commands: 10_000 };
        let done = compare(&plan, &Twin::new).expect("one and the same");
        assert!(done >= plan.commands);
    }
}
