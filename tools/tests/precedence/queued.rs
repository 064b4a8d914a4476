//! `create_transfer` with the flag `queue` or `urgent`.

use ringfence::types::precedence::Precedence;
use ringfence::types::{Status, TransferFlags};

use super::payments::{
    PaymentScene, conditions_of_all, conditions_of_balances, conditions_of_fields,
    conditions_of_ids, conditions_of_policies,
};
use super::{Condition, check, condition, impossible};

/// A payment that finds the money at once.
fn base() -> PaymentScene {
    let mut scene = PaymentScene::default();
    scene.event.flags = TransferFlags::QUEUE;
    scene.original.flags = TransferFlags::QUEUE;
    scene
}

fn conditions_of_flags() -> Vec<Condition<PaymentScene>> {
    const STATUS: Status = Status::FlagsAreMutuallyExclusive;
    const FLAGS: &[Status] = &[Status::ExistsWithDifferentFlags];
    vec![
        condition(STATUS, &[("event's kind", "urgent alone")], FLAGS, |scene| {
            let flags = scene.event.flags.without(TransferFlags::QUEUE);
            scene.event.flags = flags.with(TransferFlags::URGENT);
        }),
        condition(STATUS, &[("event's kind", "pending")], FLAGS, |scene| {
            scene.event.flags = scene.event.flags.with(TransferFlags::PENDING);
        }),
        condition(STATUS, &[("event's kind", "balancing")], FLAGS, |scene| {
            scene.event.flags = scene.event.flags.with(TransferFlags::BALANCING_CREDIT);
        }),
        condition(STATUS, &[("batch", "not imported")], &[], |scene| scene.is_in_chain = true),
    ]
}

/// A queued payment may have a timeout.
fn overflows_timeout() -> Condition<PaymentScene> {
    condition(
        Status::OverflowsTimeout,
        &[("event", "not imported")],
        &[Status::ExistsWithDifferentTimeout],
        |scene| {
            scene.event.timeout = 2;
            scene.is_end_of_time = true;
        },
    )
}

pub(crate) fn check_all(precedence: &Precedence) {
    let mut conditions = conditions_of_all();
    conditions.extend(conditions_of_ids());
    conditions.extend(conditions_of_flags());
    conditions.extend(conditions_of_fields());
    conditions.extend(conditions_of_policies());
    conditions.extend(conditions_of_balances());
    // What it is not checked for, or in another way.
    conditions.retain(|it| {
        precedence.checks().any(|check| check.status == it.status)
            && it.status != Status::OverflowsTimeout
    });
    conditions.push(overflows_timeout());
    check(precedence, base, &conditions, impossible::OF_PAYMENTS);
}
