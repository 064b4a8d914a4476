//! Expiry, retention.

use crate::scene::{ANN, BEN, Scene};

#[test]
fn orders_and_transfers_expire_in_one_order_by_time_then_by_creation() {
    let timeout = |seconds: u32| format!(r#","timeout":{seconds}"#);
    let pending = |seconds: u32| format!(r#","flags":["pending"],"timeout":{seconds}"#);
    let scene = Scene::new()
        .transfer(50, 101, 1, 1, &pending(3))
        .place(1, ANN, "sell", 20, 5, &timeout(3))
        .place(2, ANN, "sell", 21, 5, &timeout(2))
        .transfer(51, 101, 1, 1, &pending(3))
        .place(3, BEN, "buy", 10, 5, &timeout(4))
        .advance(3)
        .advance(1)
        .cancel(3)
        .line(r#"{"op":"lookup_order","id":1}"#);
    let said = scene.after(&Scene::new());
    assert_eq!(
        said,
        [
            "created",
            "created open 0 5",
            "created open 0 5",
            "created",
            "created open 0 5",
            "ok",
            "ok",
            "order_cancelled 2 expired 5",
            "transfer_expired 50",
            "order_cancelled 1 expired 5",
            "transfer_expired 51",
            "order_cancelled 3 expired 5",
            "order_already_cancelled",
            "found",
        ]
    );
    for account in [101, 202] {
        assert_eq!(scene.balances(account)[0], 0, "account {account} has its hold back");
    }
}

#[test]
fn a_filled_or_cancelled_order_expires_no_more() {
    let timeout = r#","timeout":1"#;
    Scene::new()
        .place(1, ANN, "sell", 20, 5, timeout)
        .place(2, ANN, "sell", 20, 5, timeout)
        .place(3, BEN, "buy", 20, 7, timeout)
        .cancel(2)
        .advance(2)
        .line(r#"{"op":"lookup_order","id":1}"#)
        .says(&[
            "created open 0 5",
            "created open 0 5",
            "trade 3 1 20 5 15 5",
            "trade 3 2 20 2 6 2",
            "created filled 7 0",
            "ok 3",
            "ok",
            "found",
        ]);
}

#[test]
fn orders_are_remembered_for_the_retention_after_their_end_and_then_make_room() {
    let options = ["--markets", "1", "--orders", "2", "--retention", "10s"];
    let scene = Scene::new()
        .sell(1, ANN, 20, 5)
        .buy(2, BEN, 10_000, 9)
        .sell(3, ANN, 20, 5)
        .buy(3, BEN, 10_000, 9)
        .advance(11)
        .buy(2, BEN, 10, 1)
        .sell(1, ANN, 20, 5)
        .cancel(1)
        .advance(9)
        .sell(1, ANN, 20, 5)
        .advance(2)
        .sell(1, ANN, 20, 6);
    assert_eq!(
        scene.after_with(&Scene::new(), &options),
        [
            "created open 0 5",
            "exceeds_credits",
            "orders_full",
            "orders_full",
            "ok",
            "created open 0 1",
            "exists open 0 5",
            "ok 5",
            "ok",
            "exists cancelled 0 5",
            "ok",
            "created open 0 6",
        ]
    );
}
