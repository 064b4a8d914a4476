//! Sockets of both kinds, in clear and over TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use ringfence_client::{Tls, TlsSocket};
use ringfence_codec::Address;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};

/// A connection of a load.
pub(super) enum Wire {
    Clear(OwnedFd),
    Tls(Box<TlsSocket>),
}

impl Wire {
    /// A blocking connection to `address`, over TLS where that is TCP and `tls` is given.
    pub(super) fn connect(address: &Address, tls: Option<&Tls>) -> io::Result<Wire> {
        Ok(Wire::Clear(match address {
            Address::Unix(path) => UnixStream::connect(path)?.into(),
            Address::Tcp(host_and_port) => {
                let stream = TcpStream::connect(host_and_port.as_str())?;
                if let Some(tls) = tls {
                    stream.set_nodelay(true)?;
                    return Ok(Wire::Tls(Box::new(TlsSocket::over(stream, host_and_port, tls)?)));
                }
                of_tcp(stream)?
            }
        }))
    }

    /// From now on reading and writing do not wait.
    pub(super) fn stop_blocking(&self) -> io::Result<()> {
        Ok(rustix::io::ioctl_fionbio(self, true)?)
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Clear(socket) => Ok(retry_on_intr(|| rustix::io::read(&*socket, &mut *bytes))?),
            Wire::Tls(socket) => socket.read(bytes),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Clear(socket) => Ok(retry_on_intr(|| rustix::io::write(&*socket, bytes))?),
            Wire::Tls(socket) => socket.write(bytes),
        }
    }

    /// Sends what was encrypted and did not fit before; whether nothing of it is left.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let Wire::Tls(socket) = self else { return Ok(true) };
        socket.flush()?;
        Ok(!socket.has_unsent())
    }

    /// Whether it may hold bytes that were read and that the poller knows nothing of.
    pub(super) fn holds_bytes(&self) -> bool {
        matches!(self, Wire::Tls(_))
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Clear(socket) => socket.as_fd(),
            Wire::Tls(socket) => socket.as_fd(),
        }
    }
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
    pub(super) fn add(&self, socket: &impl AsFd, index: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::IN)?)
    }

    /// Watches it for room to write too, or no longer.
    pub(super) fn wants_room(
        &self,
        socket: &impl AsFd,
        index: usize,
        wants: bool,
    ) -> io::Result<()> {
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
        let timeout = match timeout {
            // `epoll` counts milliseconds: what is planned finer would be late by half of one.
            Some(fine) if fine.tv_nsec % 1_000_000 != 0 => {
                match poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&fine)) {
                    Ok(_) | Err(Errno::INTR) => Some(Timespec::default()),
                    Err(error) => return Err(error.into()),
                }
            }
            whole => whole,
        };
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
