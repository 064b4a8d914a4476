//! Three owners, a bank and a market; and a short notation for what the program says.
//!
//! ```text
//!   ledger 1 (base)    1 bank  11 market         101 Ann  201 Ben  301 Cy
//!   ledger 2 (quote)   2 bank  12 market 13 fee  102 Ann  202 Ben  302 Cy
//! ```
//!
//! A lot is 10 base units, a step of price 2 quote units a lot; a lot costs the maker 1 and the taker 3.

use crate::support::run_on;
use serde_json::Value;

pub const ANN: u32 = 1;
pub const BEN: u32 = 2;
pub const CY: u32 = 3;

/// Input lines.
#[derive(Clone, Default)]
pub struct Scene(pub String);

impl Scene {
    /// Accounts, a market, and money: each owner has 1,000 base and 10,000 quote units and may not
    /// spend more.
    pub fn new() -> Scene {
        Scene::without_money().line(
            r#"[{"op":"create_transfer","id":1,"debit_account_id":1,"credit_account_id":101,"amount":1000,"ledger":1,"code":1},{"op":"create_transfer","id":2,"debit_account_id":1,"credit_account_id":201,"amount":1000,"ledger":1,"code":1},{"op":"create_transfer","id":3,"debit_account_id":1,"credit_account_id":301,"amount":1000,"ledger":1,"code":1},{"op":"create_transfer","id":4,"debit_account_id":2,"credit_account_id":102,"amount":10000,"ledger":2,"code":1},{"op":"create_transfer","id":5,"debit_account_id":2,"credit_account_id":202,"amount":10000,"ledger":2,"code":1},{"op":"create_transfer","id":6,"debit_account_id":2,"credit_account_id":302,"amount":10000,"ledger":2,"code":1}]"#,
        )
    }

    /// Accounts and a market alone.
    pub fn without_money() -> Scene {
        let account = |id: u32, flags: &str| {
            let ledger = if [1, 11].contains(&id) || id % 100 == 1 { 1 } else { 2 };
            format!(
                r#"{{"op":"create_account","id":{id},"ledger":{ledger},"code":1,"flags":[{flags}]}}"#
            )
        };
        let limited = r#""debits_must_not_exceed_credits""#;
        let open = [1, 2, 11, 12, 13].map(|id| account(id, ""));
        let owned = [101, 102, 201, 202, 301, 302].map(|id| account(id, limited));
        Scene::default()
            .line(&format!("[{},{}]", open.join(","), owned.join(",")))
            .line(r#"{"op":"create_market","id":1,"base_ledger":1,"quote_ledger":2,"lot":10,"tick":2,"base_account_id":11,"quote_account_id":12,"fee_account_id":13,"maker_fee":1,"taker_fee":3}"#)
    }

    pub fn line(mut self, line: &str) -> Scene {
        self.0.push_str(line);
        self.0.push('\n');
        self
    }

    /// An order; `more` is appended to its fields.
    pub fn place(
        self,
        id: u32,
        owner: u32,
        side: &str,
        price: u64,
        quantity: u64,
        more: &str,
    ) -> Scene {
        let (base, quote) = (owner * 100 + 1, owner * 100 + 2);
        self.line(&format!(
            r#"{{"op":"place_order","id":{id},"market":1,"side":"{side}","base_account_id":{base},"quote_account_id":{quote},"price":{price},"quantity":{quantity}{more}}}"#
        ))
    }

    pub fn buy(self, id: u32, owner: u32, price: u64, quantity: u64) -> Scene {
        self.place(id, owner, "buy", price, quantity, "")
    }

    pub fn sell(self, id: u32, owner: u32, price: u64, quantity: u64) -> Scene {
        self.place(id, owner, "sell", price, quantity, "")
    }

    pub fn cancel(self, id: u32) -> Scene {
        self.line(&format!(r#"{{"op":"cancel_order","id":{id}}}"#))
    }

    pub fn amend(self, id: u32, price: u64, quantity: u64) -> Scene {
        self.line(&format!(
            r#"{{"op":"amend_order","id":{id},"price":{price},"quantity":{quantity}}}"#
        ))
    }

    pub fn transfer(self, id: u32, debit: u32, credit: u32, amount: u128, more: &str) -> Scene {
        let ledger = if [1, 11].contains(&debit) || debit % 100 == 1 { 1 } else { 2 };
        self.line(&format!(
            r#"{{"op":"create_transfer","id":{id},"debit_account_id":{debit},"credit_account_id":{credit},"amount":"{amount}","ledger":{ledger},"code":1{more}}}"#
        ))
    }

    /// Closes an account, as pending transfer `id` of nothing.
    pub fn close(self, id: u32, account: u32) -> Scene {
        let bank = if account == 11 || account % 100 == 1 { 1 } else { 2 };
        self.transfer(id, account, bank, 0, r#","flags":["pending","closing_debit"]"#)
    }

    pub fn advance(self, seconds: u64) -> Scene {
        self.line(&format!(r#"{{"op":"advance_clock","nanoseconds":{}}}"#, seconds * 1_000_000_000))
    }

    /// What the program says to this, in full.
    pub fn run_with(&self, options: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["apply", "--clock", "manual", "--events"];
        arguments.extend(["--accounts", "64", "--transfers", "1024", "--policies", "64"]);
        arguments.extend(options);
        arguments.push("-");
        let ran = run_on(&arguments, &self.0);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What the program says to the lines after those of `before`, in short.
    pub fn after(&self, before: &Scene) -> Vec<String> {
        self.after_with(before, &["--markets", "4", "--orders", "1024"])
    }

    pub fn after_with(&self, before: &Scene, options: &[&str]) -> Vec<String> {
        let skipped = before.run_with(options).len();
        self.run_with(options)[skipped..].iter().map(short).collect()
    }

    /// Checks what is said to the lines after those of a fresh scene.
    #[track_caller]
    pub fn says(&self, expected: &[&str]) {
        assert_eq!(self.after(&Scene::new()), expected);
    }

    /// Debits pending, debits posted, credits pending and credits posted of an account, at the end.
    pub fn balances(&self, account: u32) -> [u128; 4] {
        let asked = self.clone().line(&format!(r#"{{"op":"lookup_account","id":{account}}}"#));
        let said = asked.run_with(&["--markets", "4", "--orders", "1024"]);
        let account = &said.last().unwrap()["account"];
        ["debits_pending", "debits_posted", "credits_pending", "credits_posted"]
            .map(|name| account[name].as_str().unwrap().parse().unwrap())
    }

    /// Bids and asks, the best first: price, lots, orders.
    pub fn depth(&self) -> [String; 2] {
        let asked = self.clone().line(r#"{"op":"lookup_market","id":1}"#);
        let said = asked.run_with(&["--markets", "4", "--orders", "1024"]);
        let market = &said.last().unwrap()["market"];
        ["bids", "asks"].map(|side| {
            let levels = market[side].as_array().unwrap().iter();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let level = |level: &Value| {
                format!(
                    "{}:{}/{}",
                    text(&level["price"]),
                    text(&level["quantity"]),
                    level["orders"]
                )
            };
            levels.map(level).collect::<Vec<_>>().join(" ")
        })
    }
}

/// A line in short: what tells it from others like it, in the order of its keys.
pub fn short(line: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut words = Vec::new();
    let keys: &[&str] = match line["type"].as_str() {
        Some("trade") => &[
            "type",
            "taker_order_id",
            "maker_order_id",
            "price",
            "quantity",
            "taker_fee",
            "maker_fee",
        ],
        Some(_) => &["type", "id", "reason", "remaining"],
        None => &["status", "order_status", "filled", "remaining"],
    };
    for key in keys {
        if !line[*key].is_null() {
            words.push(text(&line[*key]));
        }
    }
    words.join(" ")
}

/// A line as a value.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
