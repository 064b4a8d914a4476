//! `create_market`, `lookup_market`.

use crate::scene::{Scene, json};

/// A market like the scene's, with another id and some fields changed.
fn market(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("op", "\"create_market\""),
        ("id", "2"),
        ("base_ledger", "1"),
        ("quote_ledger", "2"),
        ("lot", "10"),
        ("tick", "2"),
        ("base_account_id", "11"),
        ("quote_account_id", "12"),
        ("fee_account_id", "13"),
        ("maker_fee", "1"),
        ("taker_fee", "3"),
    ];
    for (name, value) in changes {
        fields.iter_mut().find(|field| field.0 == *name).unwrap().1 = value;
    }
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

#[test]
fn a_market_is_refused_for_the_first_status_that_applies() {
    let all_wrong = [
        ("id", "0"),
        ("base_ledger", "0"),
        ("quote_ledger", "0"),
        ("lot", "0"),
        ("tick", "0"),
        ("base_account_id", "99"),
        ("maker_fee", "4"),
    ];
    // Each line mends what the one before was refused for.
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("id_must_not_be_zero", &[]),
        ("ledger_must_not_be_zero", &[("id", "2")]),
        ("ledger_must_not_be_zero", &[("base_ledger", "1")]),
        ("ledgers_must_be_different", &[("quote_ledger", "1")]),
        ("lot_must_not_be_zero", &[("quote_ledger", "2")]),
        ("tick_must_not_be_zero", &[("lot", "10")]),
        ("maker_fee_must_not_exceed_taker_fee", &[("tick", "2")]),
        ("account_not_found", &[("maker_fee", "3")]),
        ("account_has_different_ledger", &[("base_account_id", "102")]),
        ("account_must_not_have_limits", &[("base_account_id", "101")]),
        ("created", &[("base_account_id", "1")]),
    ];
    let (mut scene, mut expected) = (Scene::new(), Vec::new());
    let mut changes = all_wrong.to_vec();
    for (status, mended) in cases {
        for (name, value) in *mended {
            changes.retain(|change| change.0 != *name);
            changes.push((name, value));
        }
        scene = scene.line(&market(&changes));
        expected.push(*status);
    }
    scene.says(&expected);
}

#[test]
fn a_market_exists_only_with_all_fields_the_same() {
    let original = [("id", "1")];
    let mut scene = Scene::new().line(&market(&original));
    let mut expected = vec!["exists"];
    let others = [
        ("base_ledger", "2"),
        ("quote_ledger", "7"),
        ("lot", "0"),
        ("tick", "3"),
        ("base_account_id", "1"),
        ("quote_account_id", "2"),
        ("fee_account_id", "99"),
        ("maker_fee", "0"),
        ("taker_fee", "4"),
    ];
    for other in others {
        scene = scene.line(&market(&[original[0], other]));
        expected.push("exists_with_different_fields");
    }
    scene.says(&expected);
    let said = scene.run_with(&[]);
    let stamps: Vec<&str> = said.iter().map(|line| line["timestamp"].as_str().unwrap()).collect();
    assert_eq!(stamps[11], stamps[18], "a repeat tells when the original was created");
    assert_ne!(stamps[11], stamps[19]);
}

#[test]
fn as_many_markets_are_held_as_there_is_room_for() {
    let mut scene = Scene::new();
    for id in 2..=5 {
        scene = scene.line(&market(&[("id", &id.to_string())]));
    }
    scene = scene.line(&market(&[("id", "4")]));
    scene.says(&["created", "created", "created", "markets_full", "exists"]);
}

#[test]
fn a_look_up_shows_all_fields_and_the_five_best_prices_of_each_side() {
    let mut scene = Scene::new();
    for (id, price) in (1..).zip([40, 41, 40, 42, 43, 44, 45]) {
        scene = scene.sell(id, 1, price, 2);
    }
    for (id, price) in (11..).zip([30, 31, 32, 33, 34, 35, 35]) {
        scene = scene.buy(id, 2, price, 1);
    }
    let said = scene.clone().line(r#"{"op":"lookup_market","id":1}"#).run_with(&[]);
    let timestamp = said[11]["timestamp"].as_str().unwrap();
    assert_eq!(
        said.last().unwrap()["market"],
        json(&format!(
            r#"{{"id":1,"base_ledger":1,"quote_ledger":2,"lot":"10","tick":"2","base_account_id":"11","quote_account_id":"12","fee_account_id":"13","maker_fee":"1","taker_fee":"3","timestamp":"{timestamp}","bids":[{{"price":"35","quantity":"2","orders":2}},{{"price":"34","quantity":"1","orders":1}},{{"price":"33","quantity":"1","orders":1}},{{"price":"32","quantity":"1","orders":1}},{{"price":"31","quantity":"1","orders":1}}],"asks":[{{"price":"40","quantity":"4","orders":2}},{{"price":"41","quantity":"2","orders":1}},{{"price":"42","quantity":"2","orders":1}},{{"price":"43","quantity":"2","orders":1}},{{"price":"44","quantity":"2","orders":1}}]}}"#
        ))
    );
    let unknown = Scene::new()
        .line(r#"{"op":"lookup_market","id":9}"#)
        .line(r#"{"op":"lookup_order","id":9}"#);
    unknown.says(&["market_not_found", "order_not_found"]);
}
