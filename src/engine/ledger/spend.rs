//! Spend windows: how much, and how often, an account was debited in the window under way.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use ringfence_types::{AccountPolicy, NANOSECONDS_PER_SECOND, PolicyLimits, Status};

/// The spend window of one account. Windows are tumbling: number `timestamp / window_ns`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct SpendWindow {
    amount_max: u128,
    amount: u128,
    count_max: u64,
    count: u64,
    window_ns: u64,
    /// Number of the window that `amount` and `count` are of.
    window: u64,
    /// When the policy was set: only later transfers are counted.
    set_at: u64,
    limits: PolicyLimits,
    /// Zero.
    reserved: [u8; 7],
}

const _: () = assert!(size_of::<SpendWindow>() == 80);

impl SpendWindow {
    /// No window: no policy was set.
    pub(super) const NONE: SpendWindow = SpendWindow {
        amount_max: 0,
        amount: 0,
        count_max: 0,
        count: 0,
        window_ns: 0,
        window: 0,
        set_at: 0,
        limits: PolicyLimits(0),
        reserved: [0; 7],
    };

    /// The window that begins with this policy, set at the timestamp `set_at`.
    pub(super) fn new(policy: &AccountPolicy, set_at: u64) -> SpendWindow {
        SpendWindow {
            amount_max: policy.debit_spend_amount,
            count_max: policy.debit_spend_count,
            window_ns: u64::from(policy.debit_spend_window_seconds) * NANOSECONDS_PER_SECOND,
            set_at,
            limits: policy.limits,
            ..SpendWindow::NONE
        }
    }

    /// Checks the limits for moving `amount` at `timestamp`. Counts nothing.
    pub(super) fn check(&self, amount: u128, timestamp: u64) -> Option<Status> {
        let (spent, count) = match timestamp / self.window_ns == self.window {
            true => (self.amount, self.count),
            false => (0, 0),
        };
        let fits = spent.checked_add(amount).is_some_and(|sum| sum <= self.amount_max);
        if self.limits.has(PolicyLimits::DEBIT_SPEND_AMOUNT) && !fits {
            Some(Status::RiskSpendAmountExceeded)
        } else if self.limits.has(PolicyLimits::DEBIT_SPEND_COUNT) && count >= self.count_max {
            Some(Status::RiskSpendCountExceeded)
        } else {
            None
        }
    }

    /// Counts a transfer of `amount` at `timestamp`, which [`SpendWindow::check`] let pass.
    pub(super) fn count(&mut self, amount: u128, timestamp: u64) {
        let window = timestamp / self.window_ns;
        if window != self.window {
            (self.window, self.amount, self.count) = (window, 0, 0);
        }
        if self.limits.has(PolicyLimits::DEBIT_SPEND_AMOUNT) {
            self.amount += amount;
        }
        self.count += 1;
    }

    /// Gives back `amount` and `count` of a transfer that was counted at `counted_at`, if its
    /// window is still under way and the policy the same.
    pub(super) fn give_back(&mut self, amount: u128, count: u64, counted_at: u64) {
        if counted_at <= self.set_at || self.window_ns == 0 {
            return;
        }
        if counted_at / self.window_ns != self.window {
            return;
        }
        if self.limits.has(PolicyLimits::DEBIT_SPEND_AMOUNT) {
            self.amount -= amount;
        }
        self.count -= count;
    }
}
