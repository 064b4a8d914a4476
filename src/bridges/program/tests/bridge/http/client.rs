//! A client of HTTP/1.1, as small as can be, and one of Server-Sent Events.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::{House, Program, eventually};

/// How long a response may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A configuration of HTTP on loopback for everybody, with `more` keys.
pub fn configuration(port: u16, more: &str) -> String {
    format!(
        "[engine]\nconnect = \"ENGINE\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n\
         anonymous = true\n{more}\n"
    )
}

/// Starts a bridge, and waits until it is ready. Port 0 is any that is free.
pub fn bridge(house: &House, port: u16, more: &str) -> (Program, Http) {
    let before = house.said("bridge.log").len();
    let program = house.bridge(&configuration(port, more));
    let port = listens(house, before);
    let http = Http { port };
    eventually("the bridge is ready", || {
        http.try_get("/readyz").is_ok_and(|response| response.status == 200)
    });
    (program, http)
}

/// The port on which a bridge listens that was started when its log had so many bytes.
pub fn listens(house: &House, before: usize) -> u16 {
    let mut port = None;
    eventually("the bridge listens", || {
        let said = house.said("bridge.log");
        let line = said[before..].lines().find_map(|line| line.split_once("listens on http"));
        port = line.and_then(|(_, rest)| rest.rsplit_once(':')?.1.parse().ok());
        port.is_some()
    });
    port.unwrap()
}

/// A bridge that listens here.
#[derive(Debug, Clone, Copy)]
pub struct Http {
    pub port: u16,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    headers: BTreeMap<String, String>,
    pub body: String,
}

impl Response {
    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Http {
    /// A connection.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Sends these bytes, and returns what comes until the other side closes the connection.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().unwrap();
        // It may be closed before all is written.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a request on a connection of its own.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut stream = self.connect()?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        read_response(&mut BufReader::new(stream))
    }

    pub fn try_get(&self, path: &str) -> io::Result<Response> {
        self.send("GET", path, &[], b"")
    }

    pub fn get(&self, path: &str) -> Response {
        self.try_get(path).unwrap()
    }

    pub fn try_post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Response> {
        let mut all = vec![("Content-Type", "application/json")];
        all.extend_from_slice(headers);
        self.send("POST", path, &all, body.as_bytes())
    }

    pub fn post(&self, path: &str, body: &str) -> Response {
        self.try_post(path, &[], body).unwrap()
    }

    /// Begins to listen; `last_id` is sent as the last that was seen.
    pub fn events(&self, path: &str, last_id: Option<&str>) -> io::Result<Events> {
        self.events_with(path, last_id, "")
    }

    /// As [`Http::events`], by one who shows an `Authorization`.
    pub fn events_of(&self, path: &str, last_id: Option<&str>, shown: &str) -> io::Result<Events> {
        self.events_with(path, last_id, &format!("Authorization: {shown}\r\n"))
    }

    fn events_with(&self, path: &str, last_id: Option<&str>, more: &str) -> io::Result<Events> {
        let mut stream = self.connect()?;
        let last_id = last_id.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let host = self.port;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{host}\r\n{last_id}{more}\r\n")?;
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader)?;
        if status != 200 {
            return Err(io::Error::other(format!("status {status}")));
        }
        assert_eq!(headers["content-type"], "text/event-stream");
        Ok(Events { reader, text: String::new() })
    }
}

fn read_head(reader: &mut impl BufRead) -> io::Result<(u16, BTreeMap<String, String>)> {
    let closed = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or_else(closed)?;
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok((status, headers))
}

/// Reads a response.
pub fn read_response(reader: &mut impl BufRead) -> io::Result<Response> {
    let (status, headers) = read_head(reader)?;
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Response { status, headers, body: String::from_utf8(body).expect("it is UTF-8") })
}

/// A stream of events.
pub struct Events {
    reader: BufReader<TcpStream>,
    text: String,
}

/// An event: its id, and its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: String,
    pub data: Option<Value>,
}

impl Events {
    /// What comes next, also one without data.
    pub fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
                };
                let id = field("id:").unwrap_or_default().to_owned();
                let data = field("data:").map(|data| serde_json::from_str(data).unwrap());
                return Ok(Event { id, data });
            }
            self.chunk()?;
        }
    }

    /// The next event with data.
    pub fn next_data(&mut self) -> io::Result<(String, Value)> {
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            if let Event { id, data: Some(data) } = self.next()? {
                return Ok((id, data));
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn chunk(&mut self) -> io::Result<()> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::from_str_radix(line.trim(), 16).expect("the length of a chunk");
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; length + 2];
        self.reader.read_exact(&mut bytes)?;
        bytes.truncate(length);
        self.text += &String::from_utf8(bytes).expect("chunks end with events");
        Ok(())
    }
}

/// An account on ledger 978.
pub fn account(id: u64) -> String {
    format!(r#"{{"id":{id},"ledger":978,"code":1}}"#)
}

/// A transfer of 5 from account 1 to account 2.
pub fn transfer(id: u64) -> String {
    format!(
        r#"{{"id":{id},"debit_account_id":1,"credit_account_id":2,"amount":5,"ledger":978,"code":1}}"#
    )
}

/// Creates accounts 1 and 2.
pub fn create_accounts(http: &Http) {
    for id in [1, 2] {
        assert_eq!(http.post("/v1/accounts", &account(id)).status, 201);
    }
}
