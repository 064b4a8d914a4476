//! HTTP/2 as nobody should speak it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::house::House;
use crate::http::client::{Http, bridge, create_accounts, transfer};
use crate::http::hostile::last_sequence;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A header field in clear, not to be remembered.
fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        assert!(text.len() < 127, "a length of one byte");
        bytes.push(text.len() as u8);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// The fields of a request for `path`.
fn request(http: &Http, method: &str, path: &str) -> Vec<u8> {
    let host = format!("127.0.0.1:{}", http.port);
    let fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", &host)];
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

fn connect(http: &Http) -> TcpStream {
    let mut stream = http.connect().unwrap();
    stream.write_all(PREFACE).unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    stream
}

/// Writes `bytes` again and again while the other side takes them, for `bytes_max` at most; true if
/// it has ended the connection, or says that it does.
fn is_ended_by(mut stream: TcpStream, bytes: &[u8], bytes_max: usize) -> bool {
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || ends(&mut reader));
    let mut written = 0;
    while written < bytes_max && !reading.is_finished() && stream.write_all(bytes).is_ok() {
        written += bytes.len();
    }
    // It may be closed already.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    reading.join().unwrap() && written < bytes_max
}

/// Reads frames until one of them, or the end of the connection, says that it is over; false if
/// nothing comes for long.
fn ends(reader: &mut impl Read) -> bool {
    let mut head = [0; 9];
    loop {
        if let Err(error) = reader.read_exact(&mut head) {
            return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        }
        if head[3] == GOAWAY {
            return true;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        // An end within a frame is seen by the next read.
        let _ = reader.read_exact(&mut vec![0; length as usize]);
    }
}

#[test]
fn floods_of_frames_end_their_connection_and_disturb_nobody() {
    const MIB: usize = 1 << 20;
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let before = last_sequence(&http);
    let get = request(&http, "GET", "/v1/accounts/1");
    let begun = frame(HEADERS, END_STREAM, 1, &get);
    let rest = frame(CONTINUATION, 0, 1, &field("x-header", &"x".repeat(100)).repeat(80));
    let mut headers = connect(&http);
    headers.write_all(&begun).unwrap();
    assert!(is_ended_by(headers, &rest, 64 * MIB), "a head without an end");

    let mut strange = connect(&http);
    strange.write_all(&frame(DATA, 0, 7, b"{}")).unwrap();
    assert!(ends(&mut strange), "a body without a request");
    let mut long = connect(&http);
    long.write_all(&frame(HEADERS, END_HEADERS, 1, &vec![0; 17_000])).unwrap();
    assert!(ends(&mut long), "a frame that is too long");
    let mut even = connect(&http);
    even.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 2, &get)).unwrap();
    assert!(ends(&mut even), "a stream of the server's numbers");

    assert_eq!(last_sequence(&http), before + 1);
    assert_eq!(http.post("/v1/transfers", &transfer(10)).status, 201);
}

#[test]
fn who_takes_back_what_it_asks_for_disturbs_nobody() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let get = request(&http, "GET", "/v1/stats");
    let mut stream = connect(&http);
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || ends(&mut reader));
    let cancelled = 8u32.to_be_bytes();
    for number in (1..20_000).step_by(2) {
        let asked = frame(HEADERS, END_HEADERS | END_STREAM, number, &get);
        let taken_back = frame(RST_STREAM, 0, number, &cancelled);
        if stream.write_all(&[asked, taken_back].concat()).is_err() {
            break;
        }
    }
    let start = Instant::now();
    assert_eq!(http.post("/v1/transfers", &transfer(10)).status, 201);
    assert!(start.elapsed() < Duration::from_secs(20), "others wait for it");
    // It may be closed already.
    let _ = stream.shutdown(std::net::Shutdown::Both);
    assert!(reading.join().unwrap());
}

#[test]
fn who_reads_no_answers_is_cut_off() {
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "write-timeout = \"1s\"");
    create_accounts(&http);
    let mut stream = connect(&http);
    stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    let ping = frame(PING, 0, 0, &[0; 8]).repeat(1000);
    let start = Instant::now();
    // Each of them has an answer, and none is read.
    while start.elapsed() < Duration::from_secs(30) && stream.write_all(&ping).is_ok() {}
    assert!(start.elapsed() < Duration::from_secs(30), "it may go on for ever");
    assert_eq!(http.post("/v1/transfers", &transfer(10)).status, 201);
}
