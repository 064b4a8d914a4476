//! A client for STOMP 1.2 that shares nothing with the bridge, and the brokers that it talks to.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use brokers::{ActiveMq, Artemis, Missing, RabbitMq, or_skip};

/// A broker under test.
pub trait Broker: Send {
    fn port(&self) -> u16;
    fn kill(&mut self);
    fn start_again(&mut self) -> Result<(), Missing>;
}

macro_rules! broker {
    ($name:ident) => {
        impl Broker for $name {
            fn port(&self) -> u16 {
                self.stomp
            }
            fn kill(&mut self) {
                $name::kill(self);
            }
            fn start_again(&mut self) -> Result<(), Missing> {
                $name::start_again(self)
            }
        }
    };
}

broker!(ActiveMq);
broker!(Artemis);
broker!(RabbitMq);

/// A broker, and what is its own in what it is told.
pub struct Kind {
    pub broker: Box<dyn Broker>,
    prefix: &'static str,
    /// A destination that it refuses, or that nobody reads.
    pub nowhere: &'static str,
    send: &'static [(&'static str, &'static str)],
    subscribe: &'static [(&'static str, &'static str)],
}

impl Kind {
    pub fn activemq() -> Option<Kind> {
        let broker = Box::new(or_skip(ActiveMq::start())?);
        Some(Kind {
            broker,
            prefix: "/queue/",
            nowhere: "/no such/ place",
            send: &[],
            subscribe: &[],
        })
    }

    pub fn artemis() -> Option<Kind> {
        let broker = Box::new(or_skip(Artemis::start())?);
        let send = &[("destination-type", "ANYCAST")];
        let subscribe = &[("subscription-type", "ANYCAST")];
        Some(Kind { broker, prefix: "", nowhere: "/no such/ place", send, subscribe })
    }

    pub fn rabbitmq() -> Option<Kind> {
        let broker = Box::new(or_skip(RabbitMq::start())?);
        Some(Kind {
            broker,
            prefix: "/queue/",
            nowhere: "/exchange/nowhere/x",
            send: &[],
            subscribe: &[],
        })
    }

    pub fn queue(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub fn client(&self) -> Client {
        let start = Instant::now();
        loop {
            match self.address().connect() {
                Ok(client) => return client,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn address(&self) -> Address {
        Address { port: self.broker.port(), send: self.send, subscribe: self.subscribe }
    }
}

/// Where a broker is, for a thread of its own.
#[derive(Clone, Copy)]
pub struct Address {
    port: u16,
    send: &'static [(&'static str, &'static str)],
    subscribe: &'static [(&'static str, &'static str)],
}

impl Address {
    pub fn connect(self) -> io::Result<Client> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        let mut client = Client { stream, bytes: Vec::new(), receipts: 0, address: self };
        client.frame(
            "CONNECT",
            &[("accept-version", "1.2"), ("host", "/"), ("login", "guest"), ("passcode", "guest")],
            "",
        )?;
        client.wait_for("CONNECTED", "version", "1.2")?;
        Ok(client)
    }
}

/// A connection. Its calls block.
pub struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
    receipts: u32,
    address: Address,
}

/// A frame of the broker's.
#[derive(Debug)]
pub struct Frame {
    head: String,
    pub body: String,
}

impl Frame {
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}:")))?;
        Some(value.replace("\\c", ":").replace("\\n", "\n").replace("\\\\", "\\"))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

impl Client {
    fn frame(&mut self, command: &str, headers: &[(&str, &str)], body: &str) -> io::Result<()> {
        let escaped = |text: &str| match command {
            "CONNECT" => text.to_owned(),
            _ => text.replace('\\', "\\\\").replace(':', "\\c"),
        };
        let lines = headers.iter().map(|(name, value)| format!("{name}:{}\n", escaped(value)));
        let lines: String = lines.collect();
        self.stream.write_all(format!("{command}\n{lines}\n{body}\0").as_bytes())
    }

    /// The next frame; `None` if none comes for so long.
    fn next(&mut self, longest: Duration) -> io::Result<Option<Frame>> {
        let start = Instant::now();
        loop {
            let pulses = self.bytes.iter().take_while(|byte| **byte == b'\n').count();
            self.bytes.drain(..pulses);
            if let Some(end) = self.bytes.iter().position(|byte| *byte == 0) {
                let frame: Vec<u8> = self.bytes.drain(..=end).collect();
                let text = String::from_utf8(frame[..end].to_vec()).unwrap();
                let (head, body) = text.split_once("\n\n").expect("a head ends");
                return Ok(Some(Frame { head: head.to_owned(), body: body.to_owned() }));
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.bytes.extend_from_slice(&bytes[..length]),
                // A test that is stopped and goes on is interrupted.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if start.elapsed() > longest {
                return Ok(None);
            }
        }
    }

    fn wait_for(&mut self, command: &str, header: &str, value: &str) -> io::Result<()> {
        let frame = self.next(Duration::from_secs(10))?;
        let frame = frame.ok_or(io::ErrorKind::TimedOut)?;
        if frame.head.starts_with(command) && frame.header(header).as_deref() == Some(value) {
            return Ok(());
        }
        Err(io::Error::other(format!("{frame:?}")))
    }

    /// Sends a message; it is stored when this returns. For connections without a subscription.
    pub fn send(
        &mut self,
        destination: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<()> {
        self.receipts += 1;
        let receipt = self.receipts.to_string();
        let own = [("destination", destination), ("persistent", "true"), ("receipt", &receipt)];
        let all = [&own, self.address.send, headers].concat();
        self.frame("SEND", &all, body)?;
        self.wait_for("RECEIPT", "receipt-id", &receipt)
    }

    /// Takes messages from a queue. They are acknowledged by being read.
    pub fn subscribe(&mut self, destination: &str) {
        let own = [("destination", destination), ("id", "1"), ("ack", "auto"), ("receipt", "s")];
        let all = [&own, self.address.subscribe].concat();
        self.frame("SUBSCRIBE", &all, "").unwrap();
        self.wait_for("RECEIPT", "receipt-id", "s").unwrap();
    }

    /// The next message of the subscription; `None` if none comes for so long.
    pub fn message(&mut self, longest: Duration) -> Option<Frame> {
        let frame = self.next(longest).unwrap()?;
        assert!(frame.head.starts_with("MESSAGE"), "{frame:?}");
        Some(frame)
    }
}
