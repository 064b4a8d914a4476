//! An engine inside a program: opened, fed, asked, closed.
//!
//! ```sh
//! cargo run --release --example embed
//! ```

use ringfence::node::gateway::Batches;
use ringfence::node::publish::Each;
use ringfence::node::{Node, Options};
use ringfence::types::{Account, Command, Outcome, Transfer};

const EUR: u32 = 978;

fn account(id: u128) -> Command {
    Command::create_account(Account { id, ledger: EUR, code: 1, ..Account::default() })
}

/// Pays `amount` cents from account 1 to account 2.
fn pay(id: u128, amount: u128) -> Command {
    Command::create_transfer(Transfer {
        id,
        debit_account_id: 1,
        credit_account_id: 2,
        amount,
        ledger: EUR,
        code: 1,
        ..Transfer::default()
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let batches = vec![
        vec![account(1), account(2)],
        // The third is the first once more: the same id is never paid twice.
        vec![pay(10, 250), pay(11, 4), pay(10, 250)],
    ];
    let print = |sequence: u64, outcome: &Outcome| {
        println!("{sequence}: {}", outcome.status().name());
    };

    // With `data_dir: Some(…)` every command is journaled before its outcome is given out, and the
    // next start goes on from there.
    let node = Node::open(Options::default())?;
    let ran = node.run(Batches::new(batches), Each(print))?;
    println!("{} commands, {} refused", ran.counts.total(), ran.counts.refused());

    let closed = ran.node.close()?;
    for account in closed.engine.accounts() {
        println!("{}: paid {}, got {}", account.id, account.debits_posted, account.credits_posted);
    }
    Ok(())
}
