//! Balances near 2^128: what a trade would overflow.

use crate::scene::{ANN, BEN, CY, Scene};

/// Credits `account` until `room` units are left below 2^128, without a limit that would refuse it.
fn fill(scene: Scene, id: u32, account: u32, room: u128) -> Scene {
    let bank = if account % 100 == 1 { 1 } else { 2 };
    scene.transfer(id, bank, account, u128::MAX - room, "")
}

/// Accounts, and money for Ben and Cy alone: the bank can pay out 2^128 - 1 only once.
fn scene() -> Scene {
    Scene::without_money()
        .line(r#"[{"op":"create_account","id":3,"ledger":1,"code":1},{"op":"create_account","id":4,"ledger":2,"code":1}]"#)
        .line(r#"[{"op":"create_transfer","id":1,"debit_account_id":3,"credit_account_id":201,"amount":1000,"ledger":1,"code":1},{"op":"create_transfer","id":2,"debit_account_id":3,"credit_account_id":301,"amount":1000,"ledger":1,"code":1},{"op":"create_transfer","id":3,"debit_account_id":4,"credit_account_id":202,"amount":10000,"ledger":2,"code":1},{"op":"create_transfer","id":4,"debit_account_id":4,"credit_account_id":302,"amount":10000,"ledger":2,"code":1},{"op":"create_transfer","id":5,"debit_account_id":3,"credit_account_id":101,"amount":1000,"ledger":1,"code":1}]"#)
}

#[test]
fn a_resting_order_whose_owner_would_overflow_is_cancelled_when_met() {
    let before = fill(scene(), 50, 102, 30);
    let sells = before.clone().sell(1, ANN, 10, 1).sell(2, ANN, 10, 2).sell(3, CY, 10, 1);
    let taken = sells.clone().buy(4, BEN, 10, 5);
    assert_eq!(
        taken.after(&before),
        [
            "created open 0 1",
            "created open 0 2",
            "created open 0 1",
            "trade 4 1 10 1 3 1",
            "order_cancelled 2 overflow 2",
            "trade 4 3 10 1 3 1",
            "created open 2 3",
        ]
    );
    // A look-ahead counts what the trades before it bring.
    let fok = r#","time_in_force":"fok""#;
    let filled = sells.clone().place(4, BEN, "buy", 10, 3, fok).place(5, BEN, "buy", 10, 2, fok);
    assert_eq!(
        filled.after(&sells),
        [
            "would_not_fill",
            "trade 5 1 10 1 3 1",
            "order_cancelled 2 overflow 2",
            "trade 5 3 10 1 3 1",
            "created filled 2 0",
        ]
    );
    assert_eq!(filled.balances(102), [0, 1, 0, u128::MAX - 10]);
    let whole = sells.clone().place(4, BEN, "buy", 10, 4, fok);
    assert_eq!(whole.after(&sells), ["would_not_fill"]);
    assert_eq!(whole.balances(102), [0, 0, 0, u128::MAX - 30], "nothing of a look-ahead stays");
}

#[test]
fn an_incoming_order_whose_owner_would_overflow_drops_what_is_left() {
    let before = fill(scene(), 50, 102, 30);
    let buys = before.clone().buy(1, BEN, 10, 1).buy(2, CY, 10, 1).buy(3, CY, 5, 1);
    let sold = buys.clone().sell(4, ANN, 5, 9);
    assert_eq!(
        sold.after(&buys),
        ["trade 4 1 10 1 3 1", "created cancelled 1 8"],
        "it neither trades on nor rests"
    );
    assert_eq!(sold.balances(101), [0, 10, 0, 1_000]);
    assert_eq!(sold.depth(), ["10:1/1 5:1/1", ""]);
    let fok = r#","time_in_force":"fok""#;
    let post = r#","post_only":true"#;
    let more = buys
        .clone()
        .place(4, ANN, "sell", 10, 2, fok)
        .place(5, ANN, "sell", 10, 1, post)
        .transfer(51, 2, 102, 15, "")
        .place(6, ANN, "sell", 10, 1, post);
    assert_eq!(
        more.after(&buys),
        ["would_not_fill", "would_take", "created", "created cancelled 0 1"],
        "what can no longer trade takes nothing, and rests neither"
    );
}

#[test]
fn a_full_fee_account_stops_matching_too() {
    let before = fill(scene(), 50, 13, 5);
    let scene = before.clone().sell(1, CY, 10, 1).sell(2, CY, 10, 1).buy(3, BEN, 10, 2);
    assert_eq!(
        scene.after(&before),
        ["created open 0 1", "created open 0 1", "trade 3 1 10 1 3 1", "created cancelled 1 1",]
    );
    assert_eq!(scene.balances(202), [0, 23, 0, 10_000]);
}

#[test]
fn a_hold_is_refused_where_an_amount_or_a_balance_cannot_be_so_large() {
    let max = u64::MAX;
    let huge = |id: u32, side: &str, price: u64, quantity: u64| {
        format!(
            r#"{{"op":"place_order","id":{id},"market":1,"side":"{side}","base_account_id":1,"quote_account_id":2,"price":{price},"quantity":{quantity}}}"#
        )
    };
    let before = Scene::new()
        .line(r#"{"op":"create_account","id":3,"ledger":1,"code":1}"#)
        .line(&format!(
            r#"{{"op":"create_transfer","id":49,"debit_account_id":3,"credit_account_id":11,"amount":"{}","ledger":1,"code":1}}"#,
            u128::MAX - 500
        ))
        .transfer(50, 1, 101, u128::MAX - 3_400, "")
        .transfer(51, 101, 1, u128::MAX - 3_400, "");
    let scene = before
        .clone()
        .line(&huge(1, "buy", max, max))
        .line(&huge(2, "sell", max, 41))
        .line(&huge(3, "sell", max, 40))
        .place(4, ANN, "sell", 9, 11, "")
        .place(5, ANN, "sell", 9, 10, &format!(r#","timeout":{}"#, u32::MAX));
    assert_eq!(
        scene.after(&before),
        [
            "overflows_amount",
            "overflows_debits",
            "created open 0 40",
            "overflows_credits",
            // 136 years fit.
            "created open 0 10",
        ]
    );
}
