//! What a request is answered with.

use crate::house::House;
use crate::http::client::{Http, account, bridge, create_accounts, transfer};

#[test]
fn statuses_say_what_became_of_a_request() {
    let house = House::new();
    let _engine = house.engine();
    let (mut bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let nobody = transfer(11).replace("\"credit_account_id\":2", "\"credit_account_id\":77");
    let array = format!("[{},{}]", transfer(20), nobody.replace("11", "12"));
    let named = r#"{"op":"lookup_account","id":1}"#;
    //  what, address, body, status, what the body says
    let cases = [
        ("created", "/v1/transfers", transfer(10), 201, "\"status\":\"created\""),
        ("the same", "/v1/transfers", transfer(10), 200, "\"status\":\"exists\""),
        ("refused", "/v1/transfers", nobody, 422, "\"status\":\"credit_account_not_found\""),
        ("batch", "/v1/transfers", array, 200, "\"status\":\"credit_account_not_found\""),
        ("any operation", "/v1/commands", named.into(), 200, "\"status\":\"found\""),
        ("no operation", "/v1/commands", account(1), 400, "\"field\":\"op\""),
        ("another operation", "/v1/transfers", named.into(), 400, "other_op"),
        ("malformed", "/v1/transfers", "{\"id\":true}".into(), 400, "\"column\":7"),
        ("second line", "/v1/transfers", "{\"id\":1,\n\"x\":2}".into(), 400, "\"line\":2"),
        ("empty", "/v1/transfers", String::new(), 400, "empty"),
        ("empty batch", "/v1/transfers", "[]".into(), 400, "no commands"),
        ("two values", "/v1/transfers", format!("{} {}", transfer(1), transfer(2)), 400, "at"),
    ];
    for (name, path, body, status, says) in cases {
        let response = http.post(path, &body);
        assert_eq!(response.status, status, "{name}: {response:?}");
        assert!(response.body.contains(says), "{name}: {response:?}");
    }
    look_ups(&http);
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
}

fn look_ups(http: &Http) {
    let response = http.get("/v1/accounts/1");
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["account"]["debits_posted"], "10");
    //  address, status
    let cases = [
        ("/v1/transfers/10", 200),
        ("/v1/transfers/999", 404),
        ("/v1/accounts/999", 404),
        ("/v1/accounts/x", 400),
        ("/v1/accounts/1?x=1", 400),
        ("/v1/orders/1", 404),
        ("/v1/markets/1", 404),
        ("/v1/markets/4294967296", 400),
        ("/v1/queues/1", 200),
        ("/v1/nothing", 404),
        ("/v1/requests/unknown", 404),
        ("/v1/stats", 200),
        ("/livez", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/openapi.json", 200),
        ("/", 200),
    ];
    for (path, status) in cases {
        let response = http.get(path);
        assert_eq!(response.status, status, "{path}: {response:?}");
        let policy = response.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
    }
}

#[test]
fn a_key_gives_the_same_outcome_and_none_with_other_commands() {
    let house = House::new();
    let mut engine = house.engine();
    let (mut program, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let send = |key: &str, body: &str| {
        http.try_post("/v1/transfers", &[("Idempotency-Key", key)], body).unwrap()
    };
    let first = send("a", &transfer(10));
    let spaced = transfer(10).replace(',', " ,\n");
    for (name, body) in [("same text", transfer(10)), ("same commands", spaced)] {
        let again = send("a", &body);
        assert_eq!((again.status, &again.body), (201, &first.body), "{name}");
        assert_eq!(again.header("idempotent-replayed"), "true", "{name}");
    }
    assert_eq!(send("a", &transfer(11)).status, 409);
    assert_eq!(send("b", &transfer(10)).json()["status"], "exists");
    // What was sent before is known after both were killed.
    program.kill();
    engine.kill();
    let _engine = house.engine();
    let (_program, _) = bridge(&house, http.port, "");
    let again = send("a", &transfer(10));
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(send("a", &transfer(11)).status, 409);
    let known = http.get("/v1/requests/a");
    assert_eq!((known.status, &known.body), (200, &first.body));
}

#[test]
fn a_request_may_be_answered_later() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let later = [("Prefer", "respond-async"), ("Idempotency-Key", "a key/1")];
    assert_eq!(http.try_post("/v1/transfers", &later[..1], &transfer(10)).unwrap().status, 400);
    let response = http.try_post("/v1/transfers", &later, &transfer(10)).unwrap();
    assert_eq!(response.status, 202, "{response:?}");
    let place = response.header("location");
    assert_eq!(place, "/v1/requests/a%20key%2F1");
    crate::house::eventually("it is answered", || http.get(place).status == 200);
    assert_eq!(http.get(place).json()["status"], "created");
}

#[test]
fn what_the_engine_cannot_take_now_may_be_tried_later() {
    let house = House::new();
    let mut engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "request-timeout = \"1s\"");
    create_accounts(&http);
    engine.kill();
    crate::house::eventually("it is missed", || http.get("/readyz").status == 503);
    let response = http.post("/v1/transfers", &transfer(10));
    assert_eq!((response.status, response.header("retry-after")), (503, "1"), "{response:?}");
    let _engine = house.engine();
    crate::house::eventually("it is back", || http.get("/readyz").status == 200);
    assert_eq!(http.post("/v1/transfers", &transfer(10)).status, 201);
}
