//! Clients that mean harm, each of one kind, as many and as fast as they can.

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::access::shows;
use super::wire::{Said, Wire, account, hello_bytes, lookup, transfer};
use ringfence_codec::wire::{ClientHello, encode_batch};
use ringfence_types::{Command, Request};

/// What is attacked, and with which tokens.
#[derive(Debug, Clone)]
pub struct Target {
    pub socket: PathBuf,
    /// Where TLS is spoken.
    pub port: u16,
    /// Of one who may only look things up.
    pub reader: Vec<u8>,
}

/// A kind of attacker.
pub struct Attack {
    pub name: &'static str,
    /// Attacks until it is told to stop; how often.
    pub run: fn(&Target, &AtomicBool) -> u64,
    /// Descriptors that the engine may have; 0: as many as it likes.
    pub descriptors: u32,
}

pub const ATTACKS: [Attack; 11] = [
    Attack { name: "garbage", run: garbage, descriptors: 0 },
    Attack { name: "frames cut at each offset", run: cut_frames, descriptors: 0 },
    Attack { name: "wrong lengths and checksums", run: wrong_headers, descriptors: 0 },
    Attack { name: "hellos byte by byte", run: slow_hellos, descriptors: 0 },
    Attack { name: "TLS handshakes byte by byte", run: slow_handshakes, descriptors: 0 },
    Attack { name: "readers that never read", run: never_read, descriptors: 0 },
    Attack { name: "a thousand idle connections", run: idle, descriptors: 0 },
    Attack { name: "storm of connections", run: storm, descriptors: 0 },
    Attack { name: "descriptors used up", run: idle, descriptors: 300 },
    Attack { name: "wrong tokens", run: wrong_tokens, descriptors: 0 },
    Attack { name: "roles that may not", run: wrong_roles, descriptors: 0 },
];

/// Calls `attack` with 0, 1, 2, … until it is told to stop; how often.
fn again_and_again(stop: &AtomicBool, mut attack: impl FnMut(usize)) -> u64 {
    let mut count = 0;
    // Relaxed: the flag carries nothing but itself.
    while !stop.load(Ordering::Relaxed) {
        attack(count);
        count += 1;
    }
    count as u64
}

/// Sends `bytes`, and reads until the engine ends the connection.
fn send(target: &Target, bytes: &[u8]) {
    let Ok(mut wire) = Wire::connect(&target.socket) else { return };
    if wire.send(bytes).is_ok() {
        while !matches!(wire.try_next(), Ok(Said::End) | Err(_)) {}
    }
}

fn garbage(target: &Target, stop: &AtomicBool) -> u64 {
    again_and_again(stop, |count| send(target, &[count as u8 | 1; 64]))
}

/// A hello of the one who may only look things up, and an account that he may not open.
fn hello_and_batch(target: &Target) -> Vec<u8> {
    let mut bytes = hello_bytes(&shows(&target.reader));
    encode_batch(&[account(666)], &Request::NONE, &mut bytes);
    bytes
}

fn cut_frames(target: &Target, stop: &AtomicBool) -> u64 {
    let bytes = hello_and_batch(target);
    again_and_again(stop, |count| {
        let Ok(mut wire) = Wire::connect(&target.socket) else { return };
        drop(wire.send(&bytes[..count % bytes.len()]));
    })
}

fn wrong_headers(target: &Target, stop: &AtomicBool) -> u64 {
    let hello = hello_bytes(&shows(&target.reader)).len();
    again_and_again(stop, |count| {
        let mut bytes = hello_and_batch(target);
        bytes[hello + count % 16] ^= 1 << (count / 16 % 8);
        send(target, &bytes);
    })
}

fn slow_hellos(target: &Target, stop: &AtomicBool) -> u64 {
    let hello = hello_bytes(&shows(&target.reader));
    let mut all: Vec<Wire> = (0..500).filter_map(|_| Wire::connect(&target.socket).ok()).collect();
    again_and_again(stop, |count| {
        let byte = &hello[count % (hello.len() - 1)..][..1];
        for wire in &mut all {
            drop(wire.send(byte));
        }
        thread::sleep(Duration::from_millis(50));
    });
    all.len() as u64
}

fn slow_handshakes(target: &Target, stop: &AtomicBool) -> u64 {
    let connect = |_| TcpStream::connect(("127.0.0.1", target.port)).ok();
    let mut all: Vec<TcpStream> = (0..200).filter_map(connect).collect();
    // The start of a record with a hello of 512 bytes.
    let start = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    again_and_again(stop, |count| {
        for stream in &mut all {
            drop(stream.write_all(&[start.get(count).copied().unwrap_or(0)]));
        }
        thread::sleep(Duration::from_millis(50));
    });
    all.len() as u64
}

/// Four connections that ask as much as they can and take no answer.
fn never_read(target: &Target, stop: &AtomicBool) -> u64 {
    let questions: Vec<Command> = (0..1_000).map(|_| lookup(1)).collect();
    let mut bytes = Vec::new();
    encode_batch(&questions, &Request::NONE, &mut bytes);
    let open = |_| {
        let (wire, _) = Wire::open(&target.socket, &shows(&target.reader));
        wire.stream.set_nonblocking(true).unwrap();
        (wire, 0)
    };
    let mut all: Vec<(Wire, usize)> = (0..4).map(open).collect();
    let mut sent = 0;
    again_and_again(stop, |_| {
        for (wire, at) in &mut all {
            while let Ok(count) = wire.stream.write(&bytes[*at..]) {
                *at = (*at + count) % bytes.len();
                sent += u64::from(*at == 0);
            }
        }
        thread::sleep(Duration::from_millis(5));
    });
    sent
}

/// More connections than there may be, of which every second one has said hello.
fn idle(target: &Target, stop: &AtomicBool) -> u64 {
    let mut all = Vec::new();
    for number in 0..1_000 {
        let Ok(mut wire) = Wire::connect(&target.socket) else { continue };
        if number % 2 == 0 {
            drop(wire.send(&hello_bytes(&shows(&target.reader))));
        }
        all.push(wire);
    }
    again_and_again(stop, |_| thread::sleep(Duration::from_millis(10)));
    all.len() as u64
}

fn storm(target: &Target, stop: &AtomicBool) -> u64 {
    let one = || again_and_again(stop, |_| drop(Wire::connect(&target.socket)));
    thread::scope(|scope| {
        let other = scope.spawn(one);
        one() + other.join().unwrap()
    })
}

fn wrong_tokens(target: &Target, stop: &AtomicBool) -> u64 {
    again_and_again(stop, |count| {
        let token = format!("rf_{count:052}");
        let hello = ClientHello { token: token.into_bytes(), ..ClientHello::default() };
        send(target, &hello_bytes(&hello));
    })
}

fn wrong_roles(target: &Target, stop: &AtomicBool) -> u64 {
    again_and_again(stop, |count| {
        let mut bytes = hello_bytes(&shows(&target.reader));
        let command = if count.is_multiple_of(2) { account(666) } else { transfer(666, 1) };
        encode_batch(&[command], &Request::NONE, &mut bytes);
        send(target, &bytes);
    })
}
