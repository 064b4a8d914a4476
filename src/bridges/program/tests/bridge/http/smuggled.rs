//! Requests whose end two readers may see at different places, with another one hidden behind it.

use crate::house::House;
use crate::http::client::{Http, bridge, create_accounts, transfer};
use crate::http::hostile::{head, last_sequence, status_line};

/// A request that stands where another one's body may end.
fn hidden(http: &Http, id: u64) -> String {
    let body = transfer(id);
    let length = body.len();
    head(http, &format!("Content-Type: application/json\r\nContent-Length: {length}")) + &body
}

#[test]
fn nothing_that_is_hidden_behind_a_body_is_executed() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let before = last_sequence(&http);
    let hidden = hidden(&http, 66);
    let chunked = format!("0\r\n\r\n{hidden}");
    let length = chunked.len();
    let both = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked");
    //  what, the head's lines, the body
    let cases: Vec<(&str, String, String)> = vec![
        ("length before chunks", both.clone(), chunked.clone()),
        (
            "chunks before length",
            "Transfer-Encoding: chunked\r\nContent-Length: 4".into(),
            chunked.clone(),
        ),
        ("a space before the colon", both.replace("Encoding:", "Encoding :"), chunked.clone()),
        ("a tab before the value", both.replace("Encoding: ", "Encoding:\t"), chunked.clone()),
        (
            "a value that goes on in the next line",
            both.replace("chunked", "\r\n chunked"),
            chunked.clone(),
        ),
        ("a sign behind the value", both.replace("chunked", "chunked\u{b}"), chunked.clone()),
        ("a word that is nearly one", both.replace("chunked", "xchunked"), chunked.clone()),
        (
            "chunks within another encoding",
            both.replace("chunked", "chunked, identity"),
            chunked.clone(),
        ),
        ("two encodings", format!("{both}\r\nTransfer-Encoding: identity"), chunked.clone()),
        ("a length in two numbers", "Content-Length: 0, 0".into(), hidden.clone()),
        ("a length below zero", "Content-Length: -1".into(), hidden.clone()),
        ("a length in hexadecimal digits", "Content-Length: 0x0".into(), hidden.clone()),
        (
            "a length that is too long for 64 bits",
            "Content-Length: 18446744073709551616".into(),
            hidden.clone(),
        ),
        (
            "a chunk longer than 64 bits",
            "Transfer-Encoding: chunked".into(),
            format!("10000000000000000\r\n{hidden}"),
        ),
        ("a chunk with a sign", "Transfer-Encoding: chunked".into(), format!("-0\r\n\r\n{hidden}")),
        (
            "a chunk that ends early",
            "Transfer-Encoding: chunked".into(),
            format!("2\r\n{{}}{hidden}"),
        ),
        (
            "a header behind the chunks",
            "Transfer-Encoding: chunked".into(),
            format!("0\r\nContent-Length: 5\r\n\r\n{hidden}"),
        ),
    ];
    for (name, lines, body) in cases {
        let lines = format!("Content-Type: application/json\r\n{lines}");
        let answer = http.raw((head(&http, &lines) + &body).as_bytes());
        let line = status_line(&answer);
        let is_refused = line.is_empty() || line.starts_with("HTTP/1.1 4");
        assert!(is_refused, "{name}: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{name}: {answer}");
    }
    assert_eq!(last_sequence(&http), before + 1);
    assert_eq!(http.get("/v1/transfers/66").status, 404);
}

#[test]
fn requests_one_behind_the_other_are_answered_in_their_order() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let last = format!(
        "GET /v1/accounts/1 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
        http.port
    );
    let answer = http.raw((hidden(&http, 10) + &hidden(&http, 11) + &last).as_bytes());
    let places = ["\"id\":\"10\"", "\"id\":\"11\"", "\"debits_posted\":\"10\""]
        .map(|what| answer.find(what).unwrap_or_else(|| panic!("{what}: {answer}")));
    assert!(places.is_sorted(), "{answer}");
}

#[test]
fn addresses_of_other_forms_lead_nowhere() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    let here = format!("127.0.0.1:{}", http.port);
    let elsewhere = "http://evil.example/v1/stats";
    let this = format!("http://{here}/v1/stats");
    //  method, address, status
    let cases = [
        ("GET", this.as_str(), "200"),
        ("GET", elsewhere, "421"),
        ("GET", "/v1/accounts/1%00", "400"),
        ("GET", "/v1/accounts/1%0d%0aX:%201", "400"),
        ("GET", "/v1/accounts/%31", "400"),
        ("GET", "/v1\\stats", "4"),
        ("GET", "/v1/stats;x=1", "404"),
        ("GET", "/v1/stats%3f", "404"),
        ("GET", "/%76%31/stats", "404"),
        ("GET", "/./v1/stats", "404"),
        ("GET", "/v1/stats?a=%00", "400"),
        ("GET", "v1/stats", "400"),
        ("GET", "*", "4"),
        ("OPTIONS", "*", "4"),
        ("CONNECT", "evil.example:443", "4"),
        ("TRACE", "/v1/stats", "405"),
        ("get", "/v1/stats", "4"),
        ("G\u{e4}T", "/v1/stats", "400"),
        ("GET", "/v1/\u{e4}", "4"),
    ];
    for (method, address, status) in cases {
        let request =
            format!("{method} {address} HTTP/1.1\r\nHost: {here}\r\nConnection: close\r\n\r\n");
        let answer = http.raw(request.as_bytes());
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{method} {address}: {}", status_line(&answer));
    }
}
