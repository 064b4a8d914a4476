//! Price, then time; times in force; budgets; who does not trade with whom.

use crate::scene::{ANN, BEN, CY, Scene};

#[test]
fn the_best_price_trades_first_then_the_oldest_at_the_resting_price() {
    Scene::new()
        .sell(1, ANN, 12, 2)
        .sell(2, BEN, 11, 2)
        .sell(3, ANN, 11, 2)
        .sell(4, ANN, 14, 2)
        .buy(5, CY, 13, 7)
        .says(&[
            "created open 0 2",
            "created open 0 2",
            "created open 0 2",
            "created open 0 2",
            "trade 5 2 11 2 6 2",
            "trade 5 3 11 2 6 2",
            "trade 5 1 12 2 6 2",
            "created open 6 1",
        ]);
    Scene::new().buy(1, ANN, 11, 1).buy(2, BEN, 12, 1).buy(3, BEN, 12, 1).sell(4, CY, 11, 4).says(
        &[
            "created open 0 1",
            "created open 0 1",
            "created open 0 1",
            "trade 4 2 12 1 3 1",
            "trade 4 3 12 1 3 1",
            "trade 4 1 11 1 3 1",
            "created open 3 1",
        ],
    );
}

#[test]
fn what_does_not_cross_rests_on_both_sides() {
    let scene =
        Scene::new().sell(1, ANN, 12, 2).buy(2, BEN, 11, 3).buy(3, CY, 11, 1).buy(4, CY, 9, 1);
    assert_eq!(scene.depth(), ["11:4/2 9:1/1", "12:2/1"]);
}

#[test]
fn an_ioc_drops_what_is_left_and_a_fok_trades_in_full_or_not_at_all() {
    let ioc = r#","time_in_force":"ioc""#;
    let fok = r#","time_in_force":"fok""#;
    let scene = Scene::new()
        .sell(1, ANN, 11, 2)
        .sell(2, ANN, 13, 2)
        .place(3, BEN, "buy", 12, 3, ioc)
        .place(4, BEN, "buy", 12, 1, ioc)
        .sell(5, ANN, 11, 2)
        .place(6, BEN, "buy", 12, 3, fok)
        .place(7, BEN, "buy", 13, 5, fok)
        .place(8, BEN, "buy", 13, 4, fok)
        .place(6, BEN, "buy", 12, 3, fok);
    scene.says(&[
        "created open 0 2",
        "created open 0 2",
        "trade 3 1 11 2 6 2",
        "created cancelled 2 1",
        "created cancelled 0 1",
        "created open 0 2",
        "would_not_fill",
        "would_not_fill",
        "trade 8 5 11 2 6 2",
        "trade 8 2 13 2 6 2",
        "created filled 4 0",
        "id_already_failed",
    ]);
    assert_eq!(scene.depth(), ["", ""]);
    // Ben: 6 lots for 2·22 + 2·22 + 2·26 and 6 fees of 3; nothing is held any more.
    assert_eq!(scene.balances(202), [0, 140 + 18, 0, 10_000]);
    assert_eq!(scene.balances(201), [0, 0, 0, 1_060]);
    assert_eq!(scene.balances(12), [0, 0, 0, 0]);
}

#[test]
fn a_budget_buys_in_full_if_price_and_fees_keep_it() {
    let budget = |budget: u64| format!(r#","time_in_force":"fok_budget","budget":{budget}"#);
    // 2 lots at 11 and 1 at 13: 2·22 + 26 = 70, and 9 of fees.
    let scene = Scene::new()
        .sell(1, ANN, 11, 2)
        .sell(2, ANN, 13, 2)
        .place(3, BEN, "buy", 0, 3, &budget(78))
        .place(4, BEN, "buy", 0, 5, &budget(9_999))
        .place(5, BEN, "buy", 0, 3, &budget(10_001))
        .place(6, BEN, "buy", 0, 3, &budget(79));
    scene.says(&[
        "created open 0 2",
        "created open 0 2",
        "would_not_fill",
        "would_not_fill",
        "exceeds_credits",
        "trade 6 1 11 2 6 2",
        "trade 6 2 13 1 3 1",
        "created filled 3 0",
    ]);
    assert_eq!(scene.balances(202), [0, 79, 0, 10_000]);
    let generous = Scene::new().sell(1, ANN, 11, 3).place(2, BEN, "buy", 0, 2, &budget(10_000));
    assert_eq!(generous.balances(202), [0, 50, 0, 10_000], "the rest of the hold is released");
    assert_eq!(generous.balances(12), [0, 0, 0, 0]);
}

#[test]
fn a_budget_sells_in_full_if_what_is_left_after_fees_reaches_it() {
    let budget = |budget: u64| format!(r#","time_in_force":"fok_budget","budget":{budget}"#);
    // 2 lots at 13 and 1 at 11: 2·26 + 22 = 74, less 9 of fees: 65.
    let scene = Scene::new()
        .buy(1, ANN, 11, 2)
        .buy(2, ANN, 13, 2)
        .place(3, BEN, "sell", 0, 3, &budget(66))
        .place(4, BEN, "sell", 0, 5, &budget(1))
        .place(5, BEN, "sell", 0, 101, &budget(1))
        .place(6, BEN, "sell", 0, 3, &budget(65));
    scene.says(&[
        "created open 0 2",
        "created open 0 2",
        "would_not_fill",
        "would_not_fill",
        "exceeds_credits",
        "trade 6 2 13 2 6 2",
        "trade 6 1 11 1 3 1",
        "created filled 3 0",
    ]);
    assert_eq!(scene.balances(202), [0, 9, 0, 10_074]);
    assert_eq!(scene.balances(201), [0, 30, 0, 1_000]);
}

#[test]
fn post_only_is_refused_where_it_would_trade_and_rests_where_it_only_cancels() {
    let post = r#","post_only":true"#;
    let scene = Scene::new()
        .sell(1, ANN, 11, 2)
        .place(2, BEN, "buy", 11, 1, post)
        .place(3, BEN, "buy", 10, 1, post)
        .place(4, ANN, "buy", 11, 1, post)
        .sell(5, ANN, 12, 1)
        .sell(6, CY, 12, 1)
        .place(7, ANN, "buy", 12, 1, post);
    scene.says(&[
        "created open 0 2",
        "would_take",
        "created open 0 1",
        "order_cancelled 1 self_trade 2",
        "created open 0 1",
        "created open 0 1",
        "created open 0 1",
        "would_take",
    ]);
    assert_eq!(scene.depth(), ["11:1/1 10:1/1", "12:2/2"], "a refusal cancels nothing");
}

#[test]
fn nobody_trades_with_oneself_nor_with_a_closed_account() {
    let scene = Scene::new()
        .sell(1, ANN, 11, 1)
        .sell(2, CY, 11, 2)
        .sell(3, BEN, 11, 3)
        .sell(4, ANN, 12, 1)
        .close(50, 302)
        .place(5, BEN, "buy", 12, 9, r#","time_in_force":"ioc""#);
    scene.says(&[
        "created open 0 1",
        "created open 0 2",
        "created open 0 3",
        "created open 0 1",
        "created",
        "trade 5 1 11 1 3 1",
        "order_cancelled 2 account_closed 2",
        "order_cancelled 3 self_trade 3",
        "trade 5 4 12 1 3 1",
        "created cancelled 2 7",
    ]);
    for account in [101, 201, 301] {
        assert_eq!(scene.balances(account)[0], 0, "the hold of {account} is released");
    }
    assert_eq!(scene.balances(11), [0, 0, 0, 0]);
}

#[test]
fn one_shared_account_is_enough_to_be_oneself() {
    let scene = Scene::new()
        .sell(1, ANN, 11, 1)
        .line(r#"{"op":"place_order","id":2,"market":1,"side":"buy","base_account_id":201,"quote_account_id":102,"price":11,"quantity":1}"#)
        .sell(3, ANN, 15, 1)
        .line(r#"{"op":"place_order","id":4,"market":1,"side":"buy","base_account_id":101,"quote_account_id":202,"price":15,"quantity":1}"#);
    scene.says(&[
        "created open 0 1",
        "order_cancelled 1 self_trade 1",
        "created open 0 1",
        "created open 0 1",
        "order_cancelled 3 self_trade 1",
        "created open 0 1",
    ]);
}

#[test]
fn a_fok_passes_over_what_it_would_cancel_and_cancels_only_if_it_fills() {
    let fok = r#","time_in_force":"fok""#;
    let scene = Scene::new()
        .sell(1, BEN, 11, 5)
        .sell(2, ANN, 11, 2)
        .place(3, BEN, "buy", 11, 3, fok)
        .place(4, BEN, "buy", 11, 2, fok);
    scene.says(&[
        "created open 0 5",
        "created open 0 2",
        "would_not_fill",
        "order_cancelled 1 self_trade 5",
        "trade 4 2 11 2 6 2",
        "created filled 2 0",
    ]);
}
