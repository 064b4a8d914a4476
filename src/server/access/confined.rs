//! What a principal may do who is confined to ledgers.
//!
//! The door knows no accounts: it sees what a command says, and nothing of the engine's state. So a
//! command passes that names its ledgers, all of which have to be in the list; one that names none
//! is refused, because nobody could say here what it would touch. The engine itself refuses a
//! transfer whose accounts are on another ledger than the one that it names.

use super::Refusal;
use ringfence_types::{Body, Op};

/// The ledgers that a command names, or that it names none.
enum Named {
    None,
    One(u32),
    Two(u32, u32),
}

fn named(op: Op, body: &Body) -> Named {
    match op {
        Op::CreateAccount => Named::One(body.account().ledger),
        Op::CreateTransfer => Named::One(body.transfer().ledger),
        Op::SetLedgerPolicy => Named::One(body.ledger_policy().ledger),
        Op::ResolveQueues => Named::One(body.resolve_queues().ledger),
        Op::CreateMarket => {
            let market = body.market();
            Named::Two(market.base_ledger, market.quote_ledger)
        }
        Op::LookupAccount
        | Op::LookupTransfer
        | Op::SetAccountPolicy
        | Op::SetPairPolicy
        | Op::PlaceOrder
        | Op::AmendOrder
        | Op::CancelOrder
        | Op::LookupOrder
        | Op::LookupMarket
        | Op::CancelQueuedTransfer
        | Op::RequeueTransfer
        | Op::LookupQueue
        | Op::Pulse => Named::None,
    }
}

/// Checks a batch of somebody who is confined to `ledgers`, which are sorted.
///
/// # Errors
///
/// The first command that names no ledger, or another one.
pub(super) fn check(ledgers: &[u32], op: Op, bodies: &[Body]) -> Result<(), Refusal> {
    let is_allowed = |ledger: u32| ledgers.binary_search(&ledger).is_ok();
    for (index, body) in bodies.iter().enumerate() {
        let foreign = match named(op, body) {
            Named::None => {
                let text = "names no ledger, and this principal is confined to ledgers";
                return Err(Refusal(format!("{} {text}", op.name())));
            }
            Named::One(ledger) => Some(ledger).filter(|&ledger| !is_allowed(ledger)),
            Named::Two(first, second) => [first, second].into_iter().find(|it| !is_allowed(*it)),
        };
        if let Some(ledger) = foreign {
            return Err(Refusal(match (op, ledger) {
                (Op::CreateTransfer, 0) => format!(
                    "transfer {index} of the batch has no ledger: whoever is confined to ledgers \
                     names them in posts and voids too"
                ),
                _ => format!(
                    "command {index} of the batch is about ledger {ledger}, which is \
                              not among those to which this principal is confined"
                ),
            }));
        }
    }
    Ok(())
}
