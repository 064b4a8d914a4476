//! How full the tables are.

use super::reading::TableReading;
use crate::Gauge;
use ringfence_engine::{Risk, Sessions, Settle};
use ringfence_types::{Capacities, Rules};

/// Places that are taken, and how many there are.
#[derive(Debug, Default)]
struct Table {
    used: Gauge,
    capacity: Gauge,
}

/// All tables whose size is a capacity of the rules.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    accounts: Table,
    transfers: Table,
    policies: Table,
    markets: Table,
    orders: Table,
    sessions: Table,
}

impl Tables {
    /// Shows how much there can be of everything.
    pub(crate) fn show_capacities(&self, rules: &Rules) {
        let capacities = &rules.capacities;
        self.accounts.capacity.set(capacities.accounts);
        self.transfers.capacity.set(capacities.transfers);
        self.policies.capacity.set(capacities.policies);
        self.markets.capacity.set(capacities.markets);
        self.orders.capacity.set(capacities.orders);
        self.sessions.capacity.set(rules.sessions);
    }

    /// Shows what risk holds, which alone calls this.
    pub(crate) fn show_risk(&self, risk: &Risk) {
        let (policies, markets) = risk.used();
        self.accounts.used.set(risk.account_count());
        self.policies.used.set(policies);
        self.markets.used.set(markets);
    }

    /// Shows what settle holds, which alone calls this.
    pub(crate) fn show_settle(&self, settle: &Settle) {
        let (transfers, orders) = settle.used();
        self.transfers.used.set(transfers);
        self.orders.used.set(orders);
    }

    /// Shows what the gateway holds, which alone calls this.
    pub(crate) fn show_sessions(&self, sessions: &Sessions) {
        self.sessions.used.set(sessions.count());
    }

    /// Places that are taken.
    pub(crate) fn used(&self) -> Capacities {
        Capacities {
            accounts: self.accounts.used.get(),
            transfers: self.transfers.used.get(),
            policies: self.policies.used.get(),
            markets: self.markets.used.get(),
            orders: self.orders.used.get(),
        }
    }

    pub(super) fn reading(&self) -> Vec<TableReading> {
        let all = [
            ("accounts", &self.accounts),
            ("transfers", &self.transfers),
            ("policies", &self.policies),
            ("markets", &self.markets),
            ("orders", &self.orders),
            ("sessions", &self.sessions),
        ];
        let reading = |(name, table): (&str, &Table)| TableReading {
            name: name.to_owned(),
            used: table.used.get(),
            capacity: table.capacity.get(),
        };
        all.map(reading).to_vec()
    }
}
