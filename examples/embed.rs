//! An engine inside a program: opened, fed, asked, closed.
//!
//! ```sh
//! cargo run --release --example embed
//! ```

use ringfence::node::gateway::{Clock, Intake, Progress, Source, SourceError};
use ringfence::node::publish::Sink;
use ringfence::node::{Node, Options};
use ringfence::types::{Account, Command, Event, Outcome, Status, Transfer};

/// Batches that lie ready, each of one operation.
struct Batches(std::vec::IntoIter<Vec<Command>>);

impl Source for Batches {
    type Notice = ();

    fn step(&mut self, intake: &mut Intake<()>) -> Result<Progress, SourceError> {
        let Some(batch) = self.0.as_slice().first() else { return Ok(Progress::Ended) };
        let now = Clock::System.read_ns();
        let taken = intake.submit(batch[0].op(), 0, now, batch.len(), |at| &batch[at].body)?;
        if taken.is_none() {
            return Ok(Progress::Idle); // The ring is full: later.
        }
        self.0.next();
        Ok(Progress::Worked)
    }

    fn stop(&mut self) {
        self.0 = Vec::new().into_iter();
    }
}

/// Prints outcomes as they leave: by then their commands are durable, if there is a journal.
struct Print;

impl Sink for Print {
    type Notice = ();

    fn notice(&mut self, (): ()) {}

    fn event(&mut self, _: &Event) {}

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        let status = Status::from_number(outcome.status).map_or("?", Status::name);
        println!("{sequence}: {status}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let account =
        |id| Command::create_account(Account { id, ledger: 1, code: 1, ..Account::default() });
    let pay = |id, amount| {
        let (debit_account_id, credit_account_id, ledger, code) = (1, 2, 1, 1);
        let open = Transfer::default();
        Command::create_transfer(Transfer {
            id,
            debit_account_id,
            credit_account_id,
            amount,
            ledger,
            code,
            ..open
        })
    };
    let batches = vec![
        vec![account(1), account(2)],
        // The third is the first once more: the same id is never paid twice.
        vec![pay(10, 250), pay(11, 4), pay(10, 250)],
    ];
    // With `data_dir: Some(…)` everything is journaled, and the next start goes on from there.
    let node = Node::open(Options::default())?;
    let ran = node.run(Batches(batches.into_iter()), Print)?;
    println!("{} commands, {} refused", ran.counts.total(), ran.counts.refused());
    let closed = ran.node.close()?;
    for account in closed.engine.accounts() {
        println!("{}: paid {}, got {}", account.id, account.debits_posted, account.credits_posted);
    }
    Ok(())
}
