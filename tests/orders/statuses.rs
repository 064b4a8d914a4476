//! Every status of `place_order`, each before the next.

use crate::scene::{ANN, Scene};

/// An order of Ann with some fields changed.
fn order(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("op", "\"place_order\""),
        ("id", "1"),
        ("market", "1"),
        ("side", "\"sell\""),
        ("time_in_force", "\"gtc\""),
        ("post_only", "false"),
        ("base_account_id", "101"),
        ("quote_account_id", "102"),
        ("price", "10"),
        ("quantity", "1"),
        ("budget", "0"),
        ("timeout", "0"),
    ];
    for (name, value) in changes {
        fields.iter_mut().find(|field| field.0 == *name).unwrap().1 = value;
    }
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

const MAX: &str = "\"340282366920938463463374607431768211455\"";

#[test]
fn a_placement_is_refused_for_the_first_status_that_applies() {
    let wrong = [
        ("id", "0"),
        ("market", "9"),
        ("quantity", "0"),
        ("price", "0"),
        ("budget", "5"),
        ("post_only", "true"),
        ("time_in_force", "\"ioc\""),
        ("timeout", "7"),
        ("base_account_id", "98"),
        ("quote_account_id", "99"),
    ];
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("id_must_not_be_zero", &[]),
        ("id_must_not_be_int_max", &[("id", MAX)]),
        ("market_not_found", &[("id", "1")]),
        ("quantity_must_not_be_zero", &[("market", "1")]),
        ("price_must_not_be_zero", &[("quantity", "1")]),
        ("budget_must_be_zero", &[("price", "1")]),
        ("flags_are_mutually_exclusive", &[("budget", "0")]),
        ("timeout_reserved_for_gtc", &[("post_only", "false")]),
        ("price_must_cover_fee", &[("timeout", "0")]),
        ("base_account_not_found", &[("price", "2")]),
        ("quote_account_not_found", &[("id", "2"), ("base_account_id", "12")]),
        ("base_account_has_different_ledger", &[("id", "3"), ("quote_account_id", "11")]),
        ("quote_account_has_different_ledger", &[("base_account_id", "11")]),
        ("account_belongs_to_market", &[("quote_account_id", "21")]),
        ("account_belongs_to_market", &[("base_account_id", "1"), ("quote_account_id", "12")]),
        ("account_belongs_to_market", &[("quote_account_id", "13")]),
        ("account_must_not_limit_credits", &[("quote_account_id", "21")]),
        ("created", &[("quote_account_id", "102"), ("time_in_force", "\"gtc\"")]),
        ("exists", &[]),
        ("id_already_failed", &[("id", "1")]),
        ("id_already_failed", &[("id", "2")]),
    ];
    let before = Scene::new().line(
        r#"{"op":"create_account","id":21,"ledger":2,"code":1,"flags":["credits_must_not_exceed_debits"]}"#,
    );
    let (mut scene, mut expected) = (before.clone(), Vec::new());
    let mut changes = wrong.to_vec();
    for (status, mended) in cases {
        for (name, value) in *mended {
            changes.retain(|change| change.0 != *name);
            changes.push((name, value));
        }
        scene = scene.line(&order(&changes));
        expected.push(*status);
    }
    let said = scene.after(&before);
    let said: Vec<&str> = said.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(said, expected);
}

#[test]
fn a_budget_takes_the_place_of_a_price() {
    let budget = |changes: &[(&'static str, &'static str)]| {
        order(&[&[("time_in_force", "\"fok_budget\"")], changes].concat())
    };
    Scene::new()
        .line(&budget(&[]))
        .line(&budget(&[("price", "0")]))
        .line(&budget(&[("price", "0"), ("budget", "1"), ("post_only", "true")]))
        .line(&budget(&[("price", "0"), ("budget", "1"), ("timeout", "1")]))
        .line(&budget(&[("price", "0"), ("budget", "1")]))
        .says(&[
            "price_must_be_zero",
            "budget_must_not_be_zero",
            "flags_are_mutually_exclusive",
            "timeout_reserved_for_gtc",
            "would_not_fill",
        ]);
}

#[test]
fn halts_hours_and_freezes_are_heeded_when_an_order_is_placed_and_only_then() {
    let ledger = |ledger: u32, what: &str| {
        format!(r#"{{"op":"set_ledger_policy","ledger":{ledger}{what}}}"#)
    };
    let freeze = |account: u32, what: &str| {
        format!(r#"{{"op":"set_account_policy","account_id":{account},"frozen":"{what}"}}"#)
    };
    let (halted, closed) = (r#","halted":true"#, r#","open_second":5,"close_second":6"#);
    let sell = |id: &'static str| order(&[("id", id)]);
    let buy = |id: &'static str| order(&[("id", id), ("side", "\"buy\"")]);
    Scene::new()
        .line(&sell("1"))
        .line(&ledger(1, closed))
        .line(&ledger(2, halted))
        .line(&sell("2"))
        .line(&ledger(1, halted))
        .line(&sell("3"))
        .line(&ledger(1, ""))
        .line(&sell("4"))
        .line(&ledger(2, closed))
        .line(&freeze(101, "all"))
        .line(&sell("5"))
        .line(&sell("1"))
        .line(&sell("2"))
        .amend(1, 11, 0)
        .line(&ledger(2, ""))
        .line(&sell("6"))
        .line(&freeze(101, "credits"))
        .line(&freeze(102, "credits"))
        .line(&sell("7"))
        .line(&buy("8"))
        .line(&freeze(101, "debits"))
        .line(&freeze(102, "debits"))
        .line(&sell("9"))
        .line(&buy("10"))
        .line(&freeze(102, "credits"))
        .line(&buy("11"))
        .says(&[
            "created open 0 1",
            "ok",
            "ok",
            "risk_ledger_closed",
            "ok",
            "risk_ledger_halted",
            "ok",
            "risk_ledger_halted",
            "ok",
            "ok",
            "risk_ledger_closed",
            "exists open 0 1",
            "id_already_failed",
            "ok open 0 1",
            "ok",
            "risk_debit_account_frozen",
            "ok",
            "ok",
            "risk_credit_account_frozen",
            "risk_credit_account_frozen",
            "ok",
            "ok",
            "risk_debit_account_frozen",
            "risk_debit_account_frozen",
            "ok",
            "created open 0 1",
        ]);
}

#[test]
fn closed_accounts_place_no_orders_and_closed_markets_take_none() {
    let scene = Scene::new()
        .close(50, 101)
        .close(51, 102)
        .close(52, 13)
        .sell(1, ANN, 10, 1)
        .line(
            r#"{"op":"create_transfer","id":60,"pending_id":50,"flags":["void_pending_transfer"]}"#,
        )
        .sell(2, ANN, 10, 1)
        .line(
            r#"{"op":"create_transfer","id":61,"pending_id":51,"flags":["void_pending_transfer"]}"#,
        )
        .sell(3, ANN, 10, 101)
        .line(
            r#"{"op":"create_transfer","id":62,"pending_id":52,"flags":["void_pending_transfer"]}"#,
        )
        .sell(4, ANN, 10, 1)
        .sell(1, ANN, 10, 1);
    scene.says(&[
        "created",
        "created",
        "created",
        "base_account_already_closed",
        "created",
        "quote_account_already_closed",
        "created",
        "market_closed",
        "created",
        "created open 0 1",
        "id_already_failed",
    ]);
}
