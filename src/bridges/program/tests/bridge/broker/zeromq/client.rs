//! Sockets of ZeroMQ that connect, as bytes on a stream: what the tests need of ZMTP 3.0.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long a socket waits for a message.
const RECEIVE_TIME_MAX: Duration = Duration::from_secs(3);

/// A socket with one connection.
pub struct Socket(TcpStream);

impl Socket {
    /// Connects a socket of the type `kind`.
    pub fn connect(port: u16, kind: &str) -> Result<Socket> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(RECEIVE_TIME_MAX))?;
        stream.set_nodelay(true)?;
        let mut greeting = [0; 64];
        (greeting[0], greeting[8], greeting[9], greeting[10]) = (0xff, 1, 0x7f, 3);
        greeting[12..16].copy_from_slice(b"NULL");
        stream.write_all(&greeting)?;
        stream.read_exact(&mut greeting)?;
        let mut ready = b"\x05READY\x0bSocket-Type".to_vec();
        ready.extend((kind.len() as u32).to_be_bytes());
        ready.extend(kind.as_bytes());
        stream.write_all(&[4, ready.len() as u8])?;
        stream.write_all(&ready)?;
        let mut socket = Socket(stream);
        // The other side is ready too.
        socket.frame()?;
        Ok(socket)
    }

    /// Connects until it succeeds.
    pub fn connected(port: u16, kind: &str) -> Socket {
        loop {
            match Socket::connect(port, kind) {
                Ok(socket) => return socket,
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Subscribes to all topics.
    pub fn subscribe(&mut self) -> Result<()> {
        self.send(&[b"\x01"])
    }

    pub fn send(&mut self, frames: &[&[u8]]) -> Result<()> {
        let mut bytes = Vec::new();
        for (at, frame) in frames.iter().enumerate() {
            let more = u8::from(at + 1 < frames.len());
            match u8::try_from(frame.len()) {
                Ok(length) => bytes.extend([more, length]),
                Err(_) => {
                    bytes.push(more | 2);
                    bytes.extend((frame.len() as u64).to_be_bytes());
                }
            }
            bytes.extend_from_slice(frame);
        }
        self.0.write_all(&bytes)
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes)
    }

    /// The frames of the next message.
    pub fn receive(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        loop {
            let (flags, frame) = self.frame()?;
            frames.push(frame);
            if flags & 1 == 0 {
                return Ok(frames);
            }
        }
    }

    fn frame(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut start = [0; 2];
        self.0.read_exact(&mut start)?;
        let mut length = u64::from(start[1]);
        if start[0] & 2 != 0 {
            let mut rest = [0; 7];
            self.0.read_exact(&mut rest)?;
            length = rest.iter().fold(length, |length, byte| length << 8 | u64::from(*byte));
        }
        let mut frame = vec![0; length as usize];
        self.0.read_exact(&mut frame)?;
        Ok((start[0], frame))
    }

    /// Sends a message as a REQ socket does, and returns header and body of its reply.
    pub fn ask(&mut self, header: &Value, body: &str) -> Result<(Value, Value)> {
        self.send(&[b"", header.to_string().as_bytes(), body.as_bytes()])?;
        let reply = self.receive()?;
        let [empty, header, body] = reply.as_slice() else { panic!("{reply:?}") };
        assert!(empty.is_empty());
        Ok((json(header), json(body)))
    }
}

pub fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or(Value::Null)
}

/// What a consumer has dealt with, and how it asks for what it has missed.
pub struct Consumer {
    ports: Ports,
    live: Socket,
    /// Sequence up to which everything is dealt with.
    pub done: u64,
    seen: Option<(String, u64)>,
    /// Header and body of each record, once.
    pub records: Vec<(Value, Value)>,
    pub replays: u64,
}

/// Where the bridge is bound.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub commands: u16,
    pub live: u16,
    pub replay: u16,
}

impl Consumer {
    pub fn start(ports: Ports) -> Consumer {
        let live = Consumer::subscribed(ports);
        Consumer { ports, live, done: 0, seen: None, records: Vec::new(), replays: 0 }
    }

    fn subscribed(ports: Ports) -> Socket {
        loop {
            let mut live = Socket::connected(ports.live, "SUB");
            if live.subscribe().is_ok() {
                return live;
            }
        }
    }

    /// Deals with the next message, and with what was missed before it.
    pub fn turn(&mut self) {
        let Ok(frames) = self.live.receive() else {
            self.live = Consumer::subscribed(self.ports);
            return;
        };
        let header = json(&frames[1]);
        let run = header["run"].as_str().unwrap().to_owned();
        let number = header["number"].as_u64().unwrap();
        let is_heartbeat = header["kind"] == "heartbeat";
        if self.seen != Some((run.clone(), number - u64::from(!is_heartbeat))) {
            while !self.catch_up().unwrap_or(false) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        self.seen = Some((run, number));
        if !is_heartbeat {
            self.handle(header, json(&frames[2]));
        }
    }

    fn handle(&mut self, header: Value, body: Value) {
        let sequence = header["ringfence-sequence"].as_str().unwrap().parse().unwrap();
        if sequence > self.done {
            if header["kind"] == "outcome" {
                self.done = sequence;
            }
            self.records.push((header, body));
        }
    }

    /// Asks for a page; whether it was the last.
    fn catch_up(&mut self) -> Result<bool> {
        let mut replay = Socket::connected(self.ports.replay, "DEALER");
        replay.send(&[format!("{{\"after\":{}}}", self.done).as_bytes()])?;
        let frames = replay.receive()?;
        let head = json(&frames[0]);
        if !head["error"].is_null() {
            // The engine is away.
            return Ok(false);
        }
        for record in frames[1..].chunks_exact(3) {
            self.handle(json(&record[1]), json(&record[2]));
        }
        self.done = head["after"].as_str().unwrap().parse().unwrap();
        self.replays += 1;
        Ok(head["is-last"] == true)
    }
}
