//! Sockets of both kinds, as descriptors.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use ringfence_codec::Address;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;

/// A blocking connection to `address`.
pub(super) fn connect(address: &Address) -> io::Result<OwnedFd> {
    Ok(match address {
        Address::Unix(path) => UnixStream::connect(path)?.into(),
        Address::Tcp(host_and_port) => of_tcp(TcpStream::connect(host_and_port.as_str())?)?,
    })
}

/// A TCP connection that sends at once what is written.
pub(super) fn of_tcp(stream: TcpStream) -> io::Result<OwnedFd> {
    stream.set_nodelay(true)?;
    Ok(stream.into())
}

/// Which sockets are ready.
pub(super) struct Readiness {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Readiness {
    /// Of no sockets yet, of so many later.
    pub(super) fn new(sockets: usize) -> io::Result<Readiness> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Readiness { epoll, events: Vec::with_capacity(sockets) })
    }

    /// Watches `socket`, known by `index`, for something to read.
    pub(super) fn add(&self, socket: &OwnedFd, index: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::IN)?)
    }

    /// Watches it for room to write too, or no longer.
    pub(super) fn wants_room(&self, socket: &OwnedFd, index: usize, wants: bool) -> io::Result<()> {
        let flags = if wants { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(index as u64), flags)?)
    }

    /// Forgets it.
    pub(super) fn remove(&self, socket: &OwnedFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Waits until one is ready, at most for `timeout`; which ones are.
    pub(super) fn wait(&mut self, timeout: Option<Timespec>) -> io::Result<Vec<Ready>> {
        self.events.clear();
        let room = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, room, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = |event: &Event| {
            let (index, flags) = (event.data.u64() as usize, event.flags);
            let readable = flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR);
            Ready { index, readable, writable: flags.contains(EventFlags::OUT) }
        };
        Ok(self.events.iter().map(ready).collect())
    }
}

/// A socket that is ready.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    /// By what it is known.
    pub(super) index: usize,
    /// There is something to read, or its end.
    pub(super) readable: bool,
    /// There is room to write.
    pub(super) writable: bool,
}
