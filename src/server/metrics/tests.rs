//! What instruments read, and what they may not do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use ringfence_node::History;
use ringfence_node::counters::{
    Counters, JournalReading, LagReading, OutcomeReading, Reading, ServerReading, State,
};

fn reading(state: State) -> Reading {
    let mut reading = Counters::default().reading(History::default(), None, state);
    let outcome = |status: &str, count| OutcomeReading {
        op: "create_transfer".to_owned(),
        status: status.to_owned(),
        count,
    };
    reading.outcomes = vec![outcome("created", 70), outcome("exists", 2)];
    reading.latency.counts[0] = 60;
    reading.latency.counts[2] = 12;
    reading.latency.sum_ns = 1_500_000_000;
    let refused = vec![("not_allowed".to_owned(), 3)];
    let lag = |name: Option<&str>, sequences| LagReading {
        name: name.map(str::to_owned),
        is_connected: true,
        sequences,
    };
    let subscription_lags = vec![lag(Some("7"), 40), lag(None, 3)];
    let server = ServerReading { connections: 4, refused, ..ServerReading::default() };
    reading.server = Some(ServerReading { subscription_lags, ..server });
    let mut group_times = reading.latency.clone();
    group_times.sum_ns = 250_000_000;
    reading.journal = Some(JournalReading { bytes: 8192, groups: 72, commands: 90, group_times });
    reading.disk_free_bytes = Some(1 << 40);
    reading
}

#[test]
fn each_number_has_its_line_and_each_family_says_what_it_is_once() {
    let text = metrics_text(&reading(State::Ready));
    for line in [
        r#"ringfence_outcomes_total{op="create_transfer",status="created"} 70"#,
        r#"ringfence_latency_seconds_bucket{le="0.000016384"} 60"#,
        r#"ringfence_latency_seconds_bucket{le="0.000032768"} 60"#,
        r#"ringfence_latency_seconds_bucket{le="0.000065536"} 72"#,
        r#"ringfence_latency_seconds_bucket{le="+Inf"} 72"#,
        "ringfence_latency_seconds_sum 1.5",
        "ringfence_latency_seconds_count 72",
        r#"ringfence_connection_errors_total{code="not_allowed"} 3"#,
        "ringfence_connections 4",
        "ringfence_journal_bytes_total 8192",
        "ringfence_journal_groups_total 72",
        "ringfence_journal_commands_total 90",
        r#"ringfence_journal_group_seconds_bucket{le="0.000065536"} 72"#,
        "ringfence_journal_group_seconds_sum 0.25",
        "ringfence_journal_group_seconds_count 72",
        "ringfence_disk_free_bytes 1099511627776",
        r#"ringfence_subscription_lag_sequences{name="7"} 40"#,
        r#"ringfence_subscription_lag_sequences{name=""} 3"#,
        "ringfence_ready 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut names: Vec<&str> = families.filter_map(|it| it.split(' ').next()).collect();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(names.iter().any(|family| name.starts_with(family)), "{line}");
    }
}

#[test]
fn a_request_is_answered_and_what_is_none_disturbs_nobody() {
    let is_ready = Arc::new(AtomicBool::new(false));
    let looked = Arc::clone(&is_ready);
    let look = move || match looked.load(Ordering::Relaxed) {
        true => reading(State::Ready),
        false => reading(State::Starting),
    };
    let server = MetricsServer::start("127.0.0.1:0".parse().unwrap(), look).unwrap();
    let ask = |request: &[u8]| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    // Who says nothing holds up nobody.
    let silent = TcpStream::connect(server.address()).unwrap();
    assert!(ask(b"GET /readyz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 503"));
    is_ready.store(true, Ordering::Relaxed);
    //  request, how the answer begins
    let too_long = [b"GET /".as_slice(), &[b'a'; 9_000], b" HTTP/1.1\r\n\r\n"].concat();
    let cases: [(&[u8], &str); 8] = [
        (b"GET /readyz HTTP/1.1\r\nHost: here\r\n\r\n", "HTTP/1.1 200"),
        (b"GET /livez HTTP/1.0\r\n\r\n", "HTTP/1.1 200"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200"),
        (b"GET /metrics?debug=1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405"),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", "HTTP/1.1 404"),
        (b"\x16\x03\x01 nonsense\r\n\r\n", "HTTP/1.1 400"),
        (&too_long, "HTTP/1.1 400"),
    ];
    for (request, begins) in cases {
        let answer = ask(request);
        assert!(answer.starts_with(begins), "{answer}");
    }
    let page = ask(b"GET /metrics HTTP/1.1\r\n\r\n");
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert!(body.starts_with("# HELP ringfence_build_info"), "{body}");
    drop(silent);
}
