"""Connections to an engine: opened, kept alive, tried again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections import deque
from typing import Any, Iterator

from . import protocol
from .errors import OtherHistory, ProtocolError, Refused, Unreachable
from .numbers import ErrorCode

#: Seconds between two attempts to connect: at first, and at most.
BACK_OFF = (0.05, 5.0)
#: Seconds between two heartbeats.
HEARTBEAT = 1.0
_READ_BYTES = 256 * 1024

Tls = ssl.SSLContext | None


async def open_streams(
    address: str, tls: Tls, server_name: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to ``unix:PATH`` or ``HOST:PORT``."""
    if address.startswith("unix:"):
        return await asyncio.open_unix_connection(address.removeprefix("unix:"))
    host, separator, port = address.rpartition(":")
    if not separator or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"an address is unix:PATH or HOST:PORT, not {address!r}")
    host = host.removeprefix("[").removesuffix("]")
    name = (server_name or host) if tls else None
    return await asyncio.open_connection(host, int(port), ssl=tls, server_hostname=name)


def is_final(error: Exception) -> bool:
    """Whether another attempt would end in the same way."""
    if isinstance(error, Refused):
        return not error.is_temporary
    return isinstance(error, ssl.SSLCertVerificationError) or not isinstance(error, OSError)


def told(error: Exception, address: str) -> Exception:
    """What the program is told where ``error`` is the end; what it was made of is its cause."""
    made: Exception
    if isinstance(error, Refused) and error.reason is ErrorCode.OTHER_HISTORY:
        made = OtherHistory(str(error))
    elif isinstance(error, OSError):
        made = Unreachable(f"{address}: {error}")
    else:
        return error
    made.__cause__ = error
    return made


async def ended(task: asyncio.Task[Any]) -> None:
    """Returns once the task has ended. Before Python 3.12 ``wait_for`` may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)


class Connection:
    """One connection, greeted."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = protocol.Decoder()
        #: Whole messages that nobody has taken.
        self.received: deque[protocol.Reply] = deque()
        self._refused: Exception | None = None
        self._beat = asyncio.ensure_future(self._keep_alive())

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            self.write(protocol.heartbeat())

    def write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    async def receive(self, idle_seconds: float) -> protocol.Reply:
        """The next message. ConnectionError where the connection ended or was silent for too long."""
        while not self.received:
            if self._refused:
                raise self._refused
            try:
                data = await asyncio.wait_for(self._reader.read(_READ_BYTES), idle_seconds)
            except asyncio.TimeoutError:
                raise ConnectionError("the engine is silent") from None
            if not data:
                raise ConnectionError("the engine closed the connection")
            try:
                self.received.extend(self._decoder.feed(data))
            except (Refused, ProtocolError) as error:
                # What came before it is still taken.
                self._refused = error
        return self.received.popleft()

    async def close(self) -> None:
        self._beat.cancel()
        self._writer.close()
        # It is closed all the same.
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def delays() -> Iterator[float]:
    """Seconds to wait before each further attempt: doubling, with jitter, without an end."""
    delay, most = BACK_OFF
    while True:
        yield delay * random.uniform(0.5, 1.0)
        delay = min(2 * delay, most)
