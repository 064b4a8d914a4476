//! A million transfers that expire in the same nanosecond.

use ringfence::types::{
    Capacities, Command, EventKind, Lookup, NANOSECONDS_PER_SECOND, Rules, Status, Transfer,
    TransferFlags, stamp_batch,
};
use tools::scenario::Subject;
use tools::script::{Say, account, transfer};
use tools::subjects::EngineSubject;
use tools::twin::Answer;

const COUNT: u32 = 1_000_000;

struct World {
    engine: EngineSubject,
    previous: u64,
}

impl World {
    fn say(&mut self, clock_ns: u64, what: impl Say) -> Answer {
        let mut batch = [what.command()];
        self.previous = stamp_batch(&mut batch, self.previous, clock_ns);
        self.engine.apply(&batch).pop().expect("one answer")
    }

    /// The four balances of account 1.
    fn balances(&mut self, clock_ns: u64) -> [u128; 4] {
        let lookup = Lookup { id: 1, ..Lookup::default() };
        let answer = self.say(clock_ns, Command::lookup_account(lookup));
        let body = answer.events.iter().find(|event| event.kind() == EventKind::AccountBody);
        let it = body.expect("the account is there").body.account();
        [it.debits_pending, it.debits_posted, it.credits_pending, it.credits_posted]
    }
}

#[test]
fn a_million_expire_at_once_after_what_came_before_and_before_what_comes_after() {
    let capacities = Capacities { transfers: u64::from(COUNT) + 10, ..Capacities::default() };
    let engine = EngineSubject::new(&Rules::new(capacities, [1, 2]));
    let mut world = World { engine, previous: 0 };
    world.say(0, account(1));
    world.say(0, account(2));
    let moment = u64::from(COUNT + 1) * NANOSECONDS_PER_SECOND;
    for index in 0..COUNT {
        // Each a second later than the one before, and waiting a second less.
        let pending = Transfer {
            timeout: COUNT - index,
            flags: TransferFlags::PENDING,
            amount: 1,
            ..transfer(1_000 + u128::from(index))
        };
        let answer = world.say(u64::from(index + 1) * NANOSECONDS_PER_SECOND, pending);
        assert_eq!(answer.outcome.status(), Status::Created);
    }
    let count = u128::from(COUNT);
    assert_eq!(world.balances(moment - 1), [count, 0, 0, 0]);
    let answer = world.say(moment, transfer(9));
    assert_eq!((answer.outcome.status(), answer.outcome.timestamp), (Status::Created, moment));
    assert_eq!(world.balances(0), [0, 10, 0, 0]);
    // Their ids are remembered, and none can be posted any more.
    for index in [0, COUNT / 2, COUNT - 1] {
        let post = Transfer {
            id: (1 << 40) + u128::from(index),
            pending_id: 1_000 + u128::from(index),
            flags: TransferFlags::POST_PENDING_TRANSFER,
            amount: u128::MAX,
            ..Transfer::default()
        };
        let answer = world.say(0, post);
        assert_eq!(answer.outcome.status(), Status::PendingTransferExpired);
    }
    // It adds up all records anew, in builds with assertions.
    let _ = world.engine.engine().digest();
}
