//! What orders hold, and what trades move.

use crate::scene::{ANN, BEN, CY, Scene};

#[test]
fn a_buy_holds_price_and_taker_fee_a_sell_its_lots() {
    let scene = Scene::new().sell(1, ANN, 20, 3).buy(2, BEN, 10, 4);
    assert_eq!(scene.balances(101), [30, 0, 0, 1_000]);
    assert_eq!(scene.balances(11), [0, 0, 30, 0]);
    assert_eq!(scene.balances(202), [4 * (20 + 3), 0, 0, 10_000]);
    assert_eq!(scene.balances(12), [0, 0, 92, 0]);
    let cancelled = scene.cancel(1).cancel(2);
    for account in [101, 11, 202, 12] {
        assert_eq!(cancelled.balances(account)[0] + cancelled.balances(account)[2], 0);
    }
}

#[test]
fn both_legs_and_both_fees_move_and_a_better_price_gives_money_back() {
    let scene = Scene::new().sell(1, ANN, 10, 5).buy(2, BEN, 12, 3);
    // 3 lots at 10: 30 base units for 60, the taker pays 9 and the maker 3.
    assert_eq!(scene.balances(101), [20, 30, 0, 1_000]);
    assert_eq!(scene.balances(102), [0, 3, 0, 10_060]);
    assert_eq!(scene.balances(201), [0, 0, 0, 1_030]);
    assert_eq!(scene.balances(202), [0, 69, 0, 10_000]);
    assert_eq!(scene.balances(11), [0, 0, 20, 0]);
    assert_eq!(scene.balances(12), [0, 0, 0, 0]);
    assert_eq!(scene.balances(13), [0, 0, 0, 12]);
    // The maker who buys pays the lower fee, and gets the difference back.
    let scene = Scene::new().buy(1, ANN, 10, 5).sell(2, BEN, 9, 3);
    assert_eq!(scene.balances(102), [2 * 23, 63, 0, 10_000]);
    assert_eq!(scene.balances(202), [0, 9, 0, 10_060]);
    assert_eq!(scene.balances(12), [0, 0, 46, 0]);
}

#[test]
fn funds_are_required_before_matching_to_the_last_unit() {
    // 10,000 quote units are 400 lots at 11 (22 and 3 each).
    let ioc = r#","time_in_force":"ioc""#;
    let scene = Scene::new()
        .buy(1, ANN, 11, 401)
        .buy(2, ANN, 11, 400)
        .place(3, ANN, "buy", 1, 1, ioc)
        .sell(4, BEN, 11, 101)
        .sell(5, BEN, 12, 100)
        .sell(6, BEN, 12, 1)
        .buy(7, CY, 10, 1)
        .transfer(50, 102, 2, 1, "");
    scene.says(&[
        "exceeds_credits",
        "created open 0 400",
        "exceeds_credits",
        "exceeds_credits",
        "created open 0 100",
        "exceeds_credits",
        "created open 0 1",
        "exceeds_credits",
    ]);
}

#[test]
fn accounts_without_limits_hold_what_they_do_not_have() {
    let scene = Scene::new()
        .line(r#"{"op":"place_order","id":1,"market":1,"side":"sell","base_account_id":1,"quote_account_id":2,"price":9,"quantity":1000}"#)
        .buy(2, ANN, 9, 5);
    scene.says(&["created open 0 1000", "trade 2 1 9 5 15 5", "created filled 5 0"]);
    assert_eq!(scene.balances(1), [9_950, 3_050, 0, 0]);
}
