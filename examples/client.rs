//! Sends a batch to a running engine and prints its outcomes.
//!
//! ```sh
//! ringfence run --data-dir /tmp/ringfence-demo &
//! cargo run --example client -- unix:/tmp/ringfence-demo/ringfence.sock
//! ```

use std::error::Error;

use ringfence::client::{Address, Client};
use ringfence::types::{Account, AccountFlags, Command, Lookup, Transfer};

const EUR: u32 = 978;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: client unix:PATH|HOST:PORT")?;
    let mut client = Client::connect(&address.parse::<Address>()?)?;

    // The bank's own account may owe; the customer's may not.
    let bank = Account { id: 1, ledger: EUR, code: 1, ..Account::default() };
    let flags = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    let customer = Account { id: 2, ledger: EUR, code: 2, flags, ..Account::default() };
    run(&mut client, &[bank, customer].map(Command::create_account))?;

    // 25.00 EUR in, 10.00 out, and 100.00 that are not there.
    let pay = |id, debit_account_id, credit_account_id, amount| {
        let (ledger, code) = (EUR, 7);
        let transfer = Transfer {
            id,
            debit_account_id,
            credit_account_id,
            amount,
            ledger,
            code,
            ..Transfer::default()
        };
        Command::create_transfer(transfer)
    };
    run(&mut client, &[pay(101, 1, 2, 2500), pay(102, 2, 1, 1000), pay(103, 2, 1, 10_000)])?;

    let lookup = Command::lookup_account(Lookup { id: 2, ..Lookup::default() });
    for answer in client.execute(&[lookup])? {
        if let [found] = &answer.bodies[..] {
            let account = found.body.account();
            let (credits, debits) = (account.credits_posted, account.debits_posted);
            println!("account 2 has got {credits} and paid {debits}");
        }
    }
    Ok(())
}

/// Executes a batch and prints an outcome for each command.
fn run(client: &mut Client, batch: &[Command]) -> Result<(), Box<dyn Error>> {
    for answer in client.execute(batch)? {
        let outcome = &answer.outcome;
        println!("{}: {} {}", answer.sequence, outcome.op().name(), outcome.status().name());
    }
    Ok(())
}
