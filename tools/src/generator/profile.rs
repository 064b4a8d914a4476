//! What kind of world a seed makes.

use ringfence::types::{
    Capacities, ID_TIME_RETENTION_NS_ABOVE, IdTime, NANOSECONDS_PER_SECOND, Rules, TIMESTAMP_MAX,
};

use super::Dice;

/// How big, how fast and how broken a world is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    /// Accounts have ids from 1 to this.
    pub account_ids: u64,
    pub ledgers: u64,
    /// Most amounts have at most so many bits.
    pub amount_bits: u32,
    /// How many of the odd amounts are at the edge of 128 bits.
    pub edge_percent: u64,
    /// Batches are at most `2^batch_bits` long.
    pub batch_bits: u32,
    pub clock_start_ns: u64,
    /// Most steps of the clock have at most so many bits.
    pub step_bits: u32,
    /// Rare jumps of the clock are shorter than this.
    pub jump_seconds: u64,
    /// How many batches have broken events in them, and how many of those are broken.
    pub broken_percent: u64,
    pub linked_percent: u64,
    pub imported_percent: u64,
    /// How many pending transfers close accounts.
    pub closing_percent: u64,
    /// How many accounts must not exceed their credits, besides those that chance makes so.
    pub limited_percent: u64,
    /// How many single-phase transfers wait where funds lack.
    pub queue_percent: u64,
    /// Most orders are for at most so many bits of lots.
    pub quantity_bits: u32,
    /// How many prices there are.
    pub prices: u64,
    /// Of each kind of batch: transfers, accounts, look-ups of accounts, of transfers, policies of
    /// accounts, of ledgers, of pairs, pulses; markets, orders, amendments, cancellations and
    /// look-ups of orders, look-ups of markets, and what is done about queues.
    pub weights: [u64; 14],
}

/// A weight for policies, or for anything else that some worlds should be without.
fn some_or_none(dice: &mut Dice, most: u64) -> u64 {
    if dice.chance(40) { 0 } else { 1 + dice.below(most) }
}

impl Profile {
    pub fn draw(dice: &mut Dice) -> Profile {
        let last_second_ns = TIMESTAMP_MAX - 20 * 365 * 86_400 * NANOSECONDS_PER_SECOND;
        let account_ids = dice.pick(&[3, 4, 6, 10, 20, 60, 300, 3_000]);
        let trades = dice.chance(60);
        let queues = dice.chance(60);
        let of_trades = |weight: u64| if trades { weight } else { 0 };
        Profile {
            account_ids,
            ledgers: if trades { dice.pick(&[2, 2, 3]) } else { dice.pick(&[1, 1, 2, 3]) },
            amount_bits: dice.pick(&[1, 3, 6, 10, 20, 40]),
            edge_percent: dice.pick(&[0, 0, 0, 2, 10, 50]),
            batch_bits: dice.pick(&[0, 2, 4, 6, 8]),
            clock_start_ns: dice.pick(&[
                0,
                0,
                86_399 * NANOSECONDS_PER_SECOND,
                1_700_000_000 * NANOSECONDS_PER_SECOND,
                last_second_ns,
            ]),
            step_bits: dice.pick(&[4, 10, 20, 27, 30, 33, 36]),
            jump_seconds: dice.pick(&[1, 2, 5, 100, 100_000]),
            broken_percent: dice.pick(&[0, 5, 10, 30]),
            linked_percent: dice.pick(&[0, 10, 30, 60]),
            imported_percent: dice.pick(&[0, 0, 5, 30]),
            // Few accounts would soon be closed for good.
            closing_percent: if account_ids < 6 { 1 } else { dice.pick(&[0, 0, 1, 3]) },
            weights: [
                200,
                1 + dice.below(15),
                2 + dice.below(20),
                2 + dice.below(30),
                some_or_none(dice, 20),
                some_or_none(dice, 4),
                some_or_none(dice, 10),
                some_or_none(dice, 10),
                of_trades(3),
                of_trades(1 + dice.below(200)),
                of_trades(dice.below(60)),
                of_trades(dice.below(60)),
                of_trades(1 + dice.below(6)),
                if queues { 1 + dice.below(40) } else { 0 },
            ],
            limited_percent: dice.pick(&[0, 0, 50, 80, 95]),
            queue_percent: if queues { dice.pick(&[5, 20, 60, 90]) } else { 0 },
            quantity_bits: dice.pick(&[1, 3, 6, 20]),
            prices: dice.pick(&[1, 2, 4, 12, 100]),
        }
    }

    pub fn rules(&self, dice: &mut Dice) -> Rules {
        let forgets = dice.chance(50);
        // What never forgets fills a small table at once and then only says so.
        let transfers = match (forgets, dice.chance(15)) {
            (true, true) => dice.pick(&[1, 7, 40]),
            (true, false) => dice.pick(&[300, 2_000, 1 << 16, 1 << 16]),
            (false, true) => dice.pick(&[1, 300, 2_000, 2_000]),
            (false, false) => 1 << 16,
        };
        let capacities = Capacities {
            accounts: if dice.chance(85) {
                2 * self.account_ids
            } else {
                1 + self.account_ids * 3 / 4
            },
            transfers,
            policies: dice.pick(&[1, 3, 10, 1_000]),
            markets: dice.pick(&[1, 2, 3]),
            orders: match (forgets, dice.chance(15)) {
                (_, true) => dice.pick(&[1, 7, 40]),
                (true, false) => dice.pick(&[300, 2_000, 1 << 15]),
                (false, false) => 1 << 15,
            },
        };
        let mut rules = Rules::new(capacities, [dice.up_to_bits(64), dice.up_to_bits(64)]);
        if forgets {
            // Long enough to matter, short enough that time reaches it.
            rules.retention_ns = 1 + dice.up_to_bits(self.step_bits + 6);
            if rules.hash_key[0].is_multiple_of(4) {
                // Time moves fast enough there that ids are forgotten all the same.
                rules.retention_ns += ID_TIME_RETENTION_NS_ABOVE;
                rules = rules.with_id_time(IdTime::Ulid);
            }
        }
        rules
    }
}
