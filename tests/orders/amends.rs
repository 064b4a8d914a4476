//! `amend_order`.

use crate::scene::{ANN, BEN, CY, Scene};

#[test]
fn a_lower_quantity_keeps_its_place_and_gives_back_its_hold() {
    let scene = Scene::new()
        .buy(1, ANN, 10, 5)
        .buy(2, BEN, 10, 5)
        .amend(1, 0, 2)
        .amend(1, 10, 1)
        .sell(3, CY, 10, 2);
    scene.says(&[
        "created open 0 5",
        "created open 0 5",
        "ok open 0 2",
        "ok open 0 1",
        "trade 3 1 10 1 3 1",
        "trade 3 2 10 1 3 1",
        "created filled 2 0",
    ]);
    assert_eq!(scene.balances(102), [0, 21, 0, 10_000]);
    assert_eq!(scene.balances(12), [0, 0, 4 * 23, 0]);
}

#[test]
fn another_price_gives_up_the_place_and_may_trade_at_once() {
    let scene = Scene::new()
        .sell(1, ANN, 20, 5)
        .sell(2, BEN, 21, 1)
        .sell(3, BEN, 20, 1)
        .buy(4, CY, 15, 3)
        .amend(1, 21, 0)
        .amend(1, 20, 4)
        .amend(1, 15, 0);
    scene.says(&[
        "created open 0 5",
        "created open 0 1",
        "created open 0 1",
        "created open 0 3",
        "ok open 0 5",
        "ok open 0 4",
        "trade 1 4 15 3 9 3",
        "ok open 3 1",
    ]);
    assert_eq!(scene.depth(), ["", "15:1/1 20:1/1 21:1/1"]);
    assert_eq!(scene.balances(101), [10, 30, 0, 1_000]);
}

#[test]
fn an_amendment_is_refused_for_the_first_status_that_applies_and_changes_nothing() {
    let scene = Scene::new()
        .sell(1, ANN, 20, 5)
        .place(2, BEN, "buy", 10, 100, r#","post_only":true"#)
        .sell(3, CY, 11, 1)
        .buy(4, CY, 2, 1)
        .cancel(4)
        .amend(9, 1, 1)
        .amend(4, 3, 0)
        .amend(1, 0, 0)
        .amend(1, 20, 0)
        .amend(1, 0, 5)
        .amend(1, 21, 5)
        .amend(1, 1, 6)
        .amend(1, 1, 0)
        .amend(2, 60, 0)
        .amend(2, u64::MAX, 0)
        .amend(2, 11, 0)
        .close(50, 202)
        .amend(2, 11, 0)
        .amend(2, 0, 99)
        .cancel(2);
    scene.says(&[
        "created open 0 5",
        "created open 0 100",
        "created open 0 1",
        "created open 0 1",
        "ok 1",
        "order_not_found",
        "order_already_cancelled",
        "nothing_to_amend",
        "nothing_to_amend",
        "quantity_must_be_lower",
        "quantity_must_be_lower",
        "quantity_must_be_lower",
        "price_must_cover_fee",
        "exceeds_credits",
        "exceeds_credits",
        "would_take",
        "created",
        "quote_account_already_closed",
        "ok open 0 99",
        "ok 99",
    ]);
}

#[test]
fn the_old_hold_is_released_before_the_new_one_is_taken() {
    // All of Ann's money is held: 400 lots at 11 hold 25 each. Fewer lots afford a higher price.
    let scene =
        Scene::new().buy(1, ANN, 11, 400).amend(1, 12, 0).amend(1, 12, 370).amend(1, 12, 369);
    scene.says(&["created open 0 400", "exceeds_credits", "ok open 0 370", "ok open 0 369"]);
    assert_eq!(scene.balances(102), [369 * 27, 0, 0, 10_000]);
}

#[test]
fn an_amended_order_keeps_its_expiry_and_its_fields_as_first_placed() {
    let scene = Scene::new()
        .place(1, ANN, "sell", 20, 5, r#","timeout":10"#)
        .advance(9)
        .amend(1, 21, 3)
        .place(1, ANN, "sell", 20, 5, r#","timeout":10"#)
        .place(1, ANN, "sell", 21, 3, r#","timeout":10"#)
        .advance(1)
        .cancel(1);
    scene.says(&[
        "created open 0 5",
        "ok",
        "ok open 0 3",
        "exists open 0 3",
        "exists_with_different_fields",
        "ok",
        "order_cancelled 1 expired 3",
        "order_already_cancelled",
    ]);
}
