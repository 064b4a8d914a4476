//! One order that meets ten thousand, however few events there is room for, at every placement.

use crate::scene::{ANN, BEN, Scene};
use serde_json::Value;

/// Ten thousand sells of one lot, and a buy that takes them all.
fn sweep(makers: u32) -> Scene {
    let mut scene = Scene::without_money()
        .transfer(1, 1, 101, 1_000_000, "")
        .transfer(2, 2, 202, 10_000_000, "");
    for id in 1..=makers {
        scene = scene.sell(id, ANN, u64::from(10 + id % 7), 1);
    }
    scene
        .buy(makers + 1, BEN, 20, u64::from(makers) + 1)
        .line(r#"{"op":"lookup_market","id":1}"#)
        .line(r#"{"op":"lookup_order","id":1}"#)
}

fn check(makers: u32, said: &[Value]) {
    let trades: Vec<&Value> = said.iter().filter(|line| line["type"] == "trade").collect();
    assert_eq!(trades.len(), makers as usize);
    for (number, trade) in (1..).zip(&trades) {
        assert_eq!(trade["event"], number.to_string());
    }
    assert!(trades.windows(2).all(|pair| {
        let key = |trade: &Value| {
            let field = |name: &str| trade[name].as_str().unwrap().parse::<u64>().unwrap();
            (field("price"), field("maker_order_id"))
        };
        key(pair[0]) < key(pair[1])
    }));
    let taken = &said[said.len() - 3];
    assert_eq!(taken["filled"], makers.to_string());
    assert_eq!(said[said.len() - 4]["type"], "trade", "an outcome follows its last event");
    assert_eq!(said[said.len() - 2]["market"]["bids"][0]["quantity"], "1");
}

#[test]
fn ten_thousand_trades_pass_through_a_lane_of_one_event() {
    const MAKERS: u32 = 10_000;
    let scene = sweep(MAKERS);
    let options = ["--markets", "1", "--orders", "16384", "--ring-slots", "16384"];
    let mut first: Option<Vec<Value>> = None;
    for more in [["--event-slots", "1"], ["--event-slots", "16384"]] {
        let said = scene.run_with(&[&options[..], &more[..]].concat());
        check(MAKERS, &said);
        match &first {
            None => first = Some(said),
            Some(first) => assert!(*first == said, "{more:?} shows in what is said"),
        }
    }
}

#[test]
fn one_thread_for_all_stages_drains_the_lane_that_it_fills() {
    const MAKERS: u32 = 1_000;
    let scene = sweep(MAKERS);
    let options = ["--markets", "1", "--orders", "2048", "--event-slots", "2", "--cores", "0"];
    check(MAKERS, &scene.run_with(&options));
}
