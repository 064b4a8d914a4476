//! `cancel_order`, `lookup_order`, and repeats.

use crate::scene::{ANN, BEN, Scene, json};

#[test]
fn an_order_is_cancelled_once_and_only_while_it_is_open() {
    Scene::new()
        .sell(1, ANN, 10, 5)
        .buy(2, BEN, 10, 2)
        .cancel(1)
        .cancel(1)
        .cancel(2)
        .cancel(9)
        .sell(1, ANN, 10, 5)
        .buy(2, BEN, 10, 2)
        .buy(2, BEN, 10, 3)
        .says(&[
            "created open 0 5",
            "trade 2 1 10 2 6 2",
            "created filled 2 0",
            "ok 3",
            "order_already_cancelled",
            "order_already_filled",
            "order_not_found",
            "exists cancelled 2 3",
            "exists filled 2 0",
            "exists_with_different_fields",
        ]);
}

#[test]
fn a_spent_id_is_no_order() {
    let scene = Scene::new()
        .buy(1, ANN, 10_000, 1)
        .cancel(1)
        .amend(1, 0, 1)
        .line(r#"{"op":"lookup_order","id":1}"#)
        .buy(1, ANN, 1, 1);
    scene.says(&[
        "exceeds_credits",
        "order_not_found",
        "order_not_found",
        "order_not_found",
        "id_already_failed",
    ]);
}

#[test]
fn any_other_field_makes_a_repeat_another_order() {
    let more = r#","timeout":5,"user_data_128":7"#;
    let mut scene = Scene::new()
        .place(1, ANN, "sell", 10, 5, more)
        .place(1, ANN, "sell", 10, 5, more)
        .place(1, BEN, "sell", 10, 5, more)
        .place(1, ANN, "buy", 10, 5, more)
        .place(1, ANN, "sell", 11, 5, more)
        .place(1, ANN, "sell", 10, 4, more);
    for other in [
        r#","timeout":6,"user_data_128":7"#,
        r#","timeout":5,"user_data_128":8"#,
        r#","timeout":5,"user_data_128":7,"post_only":true"#,
        r#","timeout":5,"user_data_128":7,"time_in_force":"ioc""#,
        r#","timeout":5,"user_data_128":7,"budget":1"#,
    ] {
        scene = scene.place(1, ANN, "sell", 10, 5, other);
    }
    let mut expected = vec!["created open 0 5", "exists open 0 5"];
    expected.extend(["exists_with_different_fields"; 9]);
    scene.says(&expected);
    let said = scene.run_with(&[]);
    assert_eq!(said[18]["timestamp"], said[19]["timestamp"]);
}

#[test]
fn a_look_up_shows_the_order_as_it_is_now() {
    let scene = Scene::new()
        .place(1, ANN, "sell", 10, 5, r#","timeout":5,"user_data_128":7,"post_only":true"#)
        .buy(2, BEN, 10, 2)
        .amend(1, 12, 1)
        .line(r#"{"op":"lookup_order","id":1}"#);
    let said = scene.run_with(&[]);
    let timestamp = said[18]["timestamp"].as_str().unwrap();
    assert_eq!(
        said.last().unwrap()["order"],
        json(&format!(
            r#"{{"id":"1","market":1,"side":"sell","time_in_force":"gtc","post_only":true,"base_account_id":"101","quote_account_id":"102","price":"12","quantity":"3","budget":"0","timeout":5,"user_data_128":"7","timestamp":"{timestamp}","order_status":"open","filled":"2","remaining":"1"}}"#
        ))
    );
}
