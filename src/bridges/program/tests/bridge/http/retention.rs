//! An outcome log that no longer has what was at its beginning.

use ringfence_client::{Address, Client};
use ringfence_types::{Command, Transfer};

use crate::house::{House, eventually};
use crate::http::client::{bridge, create_accounts, transfer};

/// Payments of one batch, and batches: their outcomes take more than 16 MiB.
const BATCH: u128 = 8192;
const BATCHES: u128 = 60;

fn pay(house: &House, first: u128) {
    let mut client = Client::connect(&Address::Unix(house.socket())).unwrap();
    let payment = |id| {
        Command::create_transfer(Transfer {
            id,
            debit_account_id: 1,
            credit_account_id: 2,
            amount: 1,
            ledger: 978,
            code: 1,
            ..Transfer::default()
        })
    };
    let batch: Vec<Command> = (first..first + BATCH).map(payment).collect();
    client.execute(&batch).unwrap();
}

#[test]
fn what_the_log_has_lost_shows_in_the_stats_and_in_a_warning_about_keys() {
    let house = House::new();
    let _engine = house.engine_with(&["--outcome-log-keep", "16MiB", "--durability", "async"]);
    let (mut first_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let key = [("Idempotency-Key", "order-1")];
    assert_eq!(http.try_post("/v1/transfers", &key, &transfer(10)).unwrap().status, 201);
    let oldest = || http.get("/v1/stats").json()["engine"]["oldest_sequence"].clone();
    assert_eq!(oldest(), "1");
    (1..=BATCHES).for_each(|batch| pay(&house, batch * BATCH));
    eventually("the oldest sequence is that of now", || oldest() != "1");
    assert_eq!(http.get("/v1/outcomes?from=1").status, 410);
    assert!(!house.said("bridge.log").contains("fewer keys"));
    first_bridge.stop();
    let (_bridge, http) = bridge(&house, 0, "");
    // The key is not known any more; the id of the payment still protects it.
    let again = http.try_post("/v1/transfers", &key, &transfer(10)).unwrap();
    let status = again.header("ringfence-status");
    assert_eq!((again.status, status), (200, "exists"), "{again:?}");
    let said = house.said("bridge.log");
    assert!(said.contains("fewer keys are known than `remember` says"), "{said}");
}

#[test]
fn a_log_that_is_whole_warns_of_no_keys() {
    let house = House::new();
    let _engine = house.engine();
    let (mut first_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let key = [("Idempotency-Key", "order-1")];
    assert_eq!(http.try_post("/v1/transfers", &key, &transfer(10)).unwrap().status, 201);
    first_bridge.stop();
    let (_bridge, http) = bridge(&house, 0, "");
    let again = http.try_post("/v1/transfers", &key, &transfer(10)).unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert!(!house.said("bridge.log").contains("fewer keys"));
}
