//! A stretch of the way to an engine on which connections are cut.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ringfence_client::Address;

/// Passes on what clients and engine say to each other, and cuts each connection after some bytes.
pub struct Cutter {
    pub address: Address,
    cuts: Arc<AtomicU64>,
}

impl Cutter {
    /// Begins in `dir`, before the engine at `socket`. Each connection passes on up to
    /// `bytes_max` in each direction.
    pub fn start(dir: &Path, socket: &Path, bytes_max: u64) -> Cutter {
        let path = dir.join("cutter.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (socket, cuts) = (socket.to_owned(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&cuts);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let number = count.fetch_add(1, Ordering::Relaxed);
                pass(client, &socket, number, bytes_max);
            }
        });
        Cutter { address: Address::Unix(path), cuts }
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

/// Passes on one connection in two threads of its own.
fn pass(client: UnixStream, socket: &PathBuf, number: u64, bytes_max: u64) {
    // Where no engine listens, the client is hung up on.
    let Ok(engine) = UnixStream::connect(socket) else { return };
    let ways = [(client.try_clone().unwrap(), engine.try_clone().unwrap()), (engine, client)];
    for (index, (mut from, mut to)) in ways.into_iter().enumerate() {
        // Spread over all lengths, and the same in each run.
        let seed = (2 * number + index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut left = (seed >> 20) % bytes_max + 1;
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while left > 0 {
                let most = bytes.len().min(left as usize);
                let Ok(count @ 1..) = from.read(&mut bytes[..most]) else { break };
                if to.write_all(&bytes[..count]).is_err() {
                    break;
                }
                left -= count as u64;
            }
            drop(from.shutdown(Shutdown::Both));
            drop(to.shutdown(Shutdown::Both));
        });
    }
}
