//! What happens, as it is told to listeners.

use std::io::Write;
use std::time::Duration;

use crate::house::{House, eventually};
use crate::http::client::{bridge, create_accounts, transfer};

/// An account for whose transfers there is a limit of time.
fn pending(id: u64) -> String {
    transfer(id).replace('}', r#","timeout":1,"flags":["pending"]}"#)
}

#[test]
fn one_who_comes_again_misses_nothing_and_gets_nothing_twice() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    // Pending transfers expire: events, before the outcomes of other commands.
    for id in 10..15 {
        assert_eq!(http.post("/v1/transfers", &pending(id)).status, 201);
    }
    std::thread::sleep(Duration::from_millis(1500));
    for id in 20..25 {
        assert_eq!(http.post("/v1/transfers", &transfer(id)).status, 201);
    }
    let mut all = Vec::new();
    let mut events = http.events("/v1/events?from=1", None).unwrap();
    while all.last().is_none_or(|(_, data): &(String, serde_json::Value)| data["id"] != "24") {
        all.push(events.next_data().unwrap());
    }
    let expired = all.iter().filter(|(_, data)| data["type"] == "transfer_expired").count();
    assert_eq!(expired, 5, "{all:?}");
    assert!(all.iter().all(|(_, data)| data.get("event").is_some() || data["status"] != ""));
    // From each place on, the rest comes.
    for (at, (id, _)) in all.iter().enumerate() {
        let mut events = http.events("/v1/events", Some(id)).unwrap();
        for expected in &all[at + 1..] {
            assert_eq!(&events.next_data().unwrap(), expected, "after {id}");
        }
    }
}

#[test]
fn a_filter_lets_pass_what_it_names() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    for id in 10..20 {
        http.post("/v1/transfers", &transfer(id));
    }
    let path = "/v1/events?from=1&op=create_transfer&commands=true&account=2";
    let mut events = http.events(path, None).unwrap();
    let (id, first) = events.next_data().unwrap();
    assert_eq!((id.as_str(), &first["id"]), ("3", &"10".into()));
    assert_eq!(first["command"]["credit_account_id"], "2");
    let page = http.get("/v1/outcomes?from=1&op=create_transfer&limit=4").json();
    assert_eq!(page["items"].as_array().unwrap().len(), 4);
    let mut next = page["next"].as_str().unwrap().to_owned();
    let mut ids = 4;
    while ids < 10 {
        let address = format!("/v1/outcomes?after={next}&op=create_transfer&limit=4");
        let page = http.get(&address).json();
        ids += page["items"].as_array().unwrap().len();
        next = page["next"].as_str().unwrap().to_owned();
    }
    assert_eq!(ids, 10);
    let now = http.get("/v1/outcomes?from=now").json();
    assert_eq!(now["items"].as_array().unwrap().len(), 0, "from now on nothing is there: {now}");
    assert_eq!(now["next"], now["last_sequence"]);
    let oldest = http.get("/v1/outcomes?limit=1").json();
    assert_eq!(oldest["items"][0]["sequence"], "1", "{oldest}");
    //  address, status
    let cases = [
        ("/v1/events?ledger=x", "400"),
        ("/v1/events?from=99999", "400"),
        ("/v1/events?unknown=1", "400"),
        ("/v1/events?op=nothing", "400"),
    ];
    for (path, status) in cases {
        let error = http.events(path, None).err().map(|error| error.to_string());
        assert_eq!(error, Some(format!("status {status}")), "{path}");
    }
    for path in ["/v1/outcomes?from=99999", "/v1/outcomes?after=99999"] {
        let response = http.get(path);
        assert_eq!(response.status, 400, "{path}: {response:?}");
        assert_eq!(response.json()["type"], "urn:ringfence:sequence_ahead", "{path}");
    }
}

#[test]
fn many_listeners_share_a_subscription() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let mut listeners: Vec<_> =
        (0..100).map(|_| http.events("/v1/events", None).unwrap()).collect();
    let stats = http.get("/v1/stats").json();
    assert_eq!((&stats["listeners"], &stats["subscriptions"]), (&100.into(), &1.into()));
    for id in 10..30 {
        assert_eq!(http.post("/v1/transfers", &transfer(id)).status, 201);
    }
    for events in &mut listeners {
        for id in 10..30 {
            assert_eq!(events.next_data().unwrap().1["id"], id.to_string());
        }
    }
}

#[test]
fn one_who_does_not_read_is_cut_off_and_disturbs_nobody() {
    let house = House::new();
    let _engine = house.engine();
    let more = "write-timeout = \"1s\"\nlistener-bytes-max = 65536";
    let (_bridge, http) = bridge(&house, 0, more);
    create_accounts(&http);
    let mut silent = http.connect().unwrap();
    let request = format!("GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", http.port);
    silent.write_all(request.as_bytes()).unwrap();
    let mut events = http.events("/v1/events", None).unwrap();
    let listening = || http.get("/v1/stats").json()["listeners"].as_u64().unwrap();
    eventually("both listen", || listening() == 2);
    let mut id = 100;
    let reading = std::thread::spawn(move || {
        while let Ok((_, data)) = events.next_data() {
            if data["id"] == "9" {
                return true;
            }
        }
        false
    });
    eventually("the silent one is cut off", || {
        // Enough to fill the sockets of one who does not read.
        let batch: Vec<String> = (id..id + 2000).map(transfer).collect();
        id += 2000;
        assert_eq!(http.post("/v1/transfers", &format!("[{}]", batch.join(","))).status, 200);
        listening() < 2
    });
    let response = http.post("/v1/transfers", &transfer(9));
    assert_eq!(response.status, 201);
    let went_on = reading.join().unwrap();
    // The other one may have been too slow as well: then it has to come again.
    if !went_on {
        let mut again = http.events("/v1/events?from=1", None).unwrap();
        assert_eq!(again.next_data().unwrap().0, "1");
    }
}
