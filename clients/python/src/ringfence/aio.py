"""The client for asyncio.

>>> async def pay() -> None:
...     async with AsyncClient("unix:demo/ringfence.sock", session="billing") as client:
...         answers = await client.execute([Transfer(10, 1, 2, 500, ledger=978, code=1)])
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, AsyncIterator, Callable, Sequence

from . import protocol
from .errors import ConnectionLost, ProtocolError, Refused, RingfenceError
from .numbers import ErrorCode, Op
from .protocol import Wants, Wish
from .records import Answer, Command, Event, Outcome, read_command
from .session import Replayed, Session, session_id

#: Seconds between two attempts to connect: at first, and at most.
BACK_OFF = (0.05, 5.0)
#: Seconds between two heartbeats.
HEARTBEAT = 1.0
_READ_BYTES = 256 * 1024

Tls = ssl.SSLContext | None


async def _open(
    address: str, tls: Tls, server_name: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to ``unix:PATH`` or ``HOST:PORT``."""
    if address.startswith("unix:"):
        return await asyncio.open_unix_connection(address.removeprefix("unix:"))
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"an address is unix:PATH or HOST:PORT, not {address!r}")
    host = host.removeprefix("[").removesuffix("]")
    name = (server_name or host) if tls else None
    return await asyncio.open_connection(host, int(port), ssl=tls, server_hostname=name)


class _Connection:
    """One connection, greeted."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = protocol.Decoder()
        self._received: deque[protocol.Reply] = deque()
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
        while not self._received:
            if self._refused:
                raise self._refused
            try:
                data = await asyncio.wait_for(self._reader.read(_READ_BYTES), idle_seconds)
            except asyncio.TimeoutError:
                raise ConnectionError("the engine is silent") from None
            if not data:
                raise ConnectionError("the engine closed the connection")
            try:
                self._received.extend(self._decoder.feed(data))
            except (Refused, ProtocolError) as error:
                # What came before it is still taken.
                self._refused = error
        return self._received.popleft()

    async def close(self) -> None:
        self._beat.cancel()
        self._writer.close()
        # It is closed all the same.
        with contextlib.suppress(OSError, ssl.SSLError):
            await self._writer.wait_closed()


def _delays() -> Any:
    """Seconds to wait before each further attempt: doubling, with jitter, without an end."""
    delay, most = BACK_OFF
    while True:
        yield delay * random.uniform(0.5, 1.0)
        delay = min(2 * delay, most)


class AsyncClient:
    """A client that connects again by itself.

    With a ``session`` each batch takes effect once, across lost connections, a killed client and a
    killed engine. Without one, a batch whose connection ends raises :class:`ConnectionLost`.

    * ``address``: ``unix:PATH`` or ``HOST:PORT``.
    * ``session``: a text or a number of 128 bits; see :func:`ringfence.session.session_id`.
    * ``last_sequence``, ``last_number``: where an earlier life of this session stopped. Store them
      with the effects of an outcome: ``client.last_sequence`` and ``client.last_number``.
    * ``token``: as ``ringfence access token`` printed it.
    * ``tls``: an ``ssl.SSLContext``; ``server_name``: the name in the engine's certificate.
    * ``on_event``: called with numbered events of this session's commands.
    * ``on_replayed``: called with answers to batches of an earlier life.
    * ``retry_seconds``: how long to try to reach the engine before giving up.
    """

    def __init__(
        self,
        address: str,
        *,
        session: str | int | None = None,
        last_sequence: int = 0,
        last_number: int = 0,
        token: str | bytes = b"",
        tls: Tls = None,
        server_name: str | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_replayed: Callable[[Replayed], None] | None = None,
        retry_seconds: float = 60.0,
    ) -> None:
        self._address = address
        self._session = Session(
            session,
            last_sequence=last_sequence,
            last_number=last_number,
            on_event=on_event,
            on_replayed=on_replayed,
        )
        self._token = token.encode() if isinstance(token, str) else token
        self._tls = tls
        self._server_name = server_name
        self._retry_seconds = retry_seconds
        self._connection: _Connection | None = None
        self._ready = asyncio.Event()
        self._room = asyncio.Condition()
        self._runner: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    @property
    def last_sequence(self) -> int:
        """Sequence of the last outcome that came."""
        return self._session.last_sequence

    @property
    def last_number(self) -> int:
        """Number of the last request."""
        return self._session.last_number

    @property
    def hello(self) -> protocol.Hello:
        """What the engine said of itself."""
        if self._session.hello is None:
            raise ConnectionLost("not connected yet")
        return self._session.hello

    async def __aenter__(self) -> AsyncClient:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connects, if it is not connected; raises what stands in the way.

        Once the engine has refused the client for good (another one took the session over, another
        history), it stays so: whoever wants to try again makes a new client.
        """
        if self._failure:
            raise self._failure
        if self._runner is None:
            self._ready.clear()
            self._runner = asyncio.ensure_future(self._run())
        waiting = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait({waiting, self._runner}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._failure:
            raise self._failure

    async def close(self) -> None:
        """Ends the connection. What is under way and has a session can be resumed later."""
        if self._runner:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None
        self._session.fail_all(ConnectionLost("the client was closed"))

    async def send(self, commands: Sequence[Command], *, tag: int = 0) -> asyncio.Future[list[Answer]]:
        """Sends a batch and returns at once; the future gets its answers.

        Waits while as many commands are under way as the engine allows.
        """
        await self.connect()
        limit = self.hello.in_flight_commands_max
        async with self._room:
            await self._room.wait_for(lambda: self._failure or self._has_room(len(commands), limit))
        if self._failure:
            raise self._failure
        future: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        message = self._session.push(commands, future, tag)
        if self._connection:
            self._connection.write(message)
            # A connection that is lost now is replaced, and the batch sent again on the next one.
            with contextlib.suppress(OSError, ssl.SSLError):
                await self._connection.drain()
        elif not self._session.id:
            self._session.connection_ended()
        return future

    async def execute(self, commands: Sequence[Command], *, tag: int = 0) -> list[Answer]:
        """Sends a batch and waits for its answers, one for each command."""
        return await (await self.send(commands, tag=tag))

    def _has_room(self, count: int, limit: int) -> bool:
        under_way = self._session.commands_under_way
        return under_way == 0 or under_way + count <= limit

    async def _run(self) -> None:
        try:
            await self._serve()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001: whoever waits is told, whatever it is
            self._failure = error
            self._session.fail_all(error)
        finally:
            self._ready.clear()
            await self._tell_room()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        delays, deadline = _delays(), loop.time() + self._retry_seconds
        while True:
            try:
                await self._serve_one()
            except Refused as error:
                if not error.is_temporary:
                    raise
                cause: Exception = error
            except (OSError, ssl.SSLError) as error:
                cause = error
            if self._ready.is_set():
                # It was connected: the time to try begins anew.
                self._ready.clear()
                delays, deadline = _delays(), loop.time() + self._retry_seconds
            self._session.connection_ended()
            await self._tell_room()
            delay = next(delays)
            if loop.time() + delay > deadline:
                raise cause
            await asyncio.sleep(delay)

    async def _serve_one(self) -> None:
        """One connection from its start to its end, which raises."""
        connection = _Connection(*await _open(self._address, self._tls, self._server_name))
        try:
            connection.write(self._session.greeting(token=self._token))
            hello = await connection.receive(30.0)
            if not isinstance(hello, protocol.Hello):
                raise ProtocolError("the engine did not begin with a hello")
            connection.write(self._session.welcome(hello))
            self._connection = connection
            self._ready.set()
            idle = (hello.idle_timeout_ms or 30_000) / 1000
            while True:
                self._session.receive(await connection.receive(idle))
                if not connection._received:
                    await self._tell_room()
        finally:
            self._connection = None
            await connection.close()

    async def _tell_room(self) -> None:
        async with self._room:
            self._room.notify_all()


@dataclass(frozen=True)
class Message:
    """Something that happened, and the place of the subscription after it."""

    #: Everything up to here has been dealt with once this message has: to resume after it.
    position: int
    #: Sequence of the command.
    sequence: int
    #: An outcome, an event or a command.
    what: Outcome | Event | Command
    #: Session, request number and tag of the command's batch, where it has any.
    origin: protocol.Origin | None = None


class AsyncSubscription:
    """What happens in the engine, from a sequence on, for ever; connects again by itself.

    * ``after``: the sequence after which it begins; ``None``: from now on, or with a ``name`` where that
      was acknowledged last.
    * ``name``: the engine remembers what was acknowledged under it, and keeps outcomes for it.
    * ``wish``: what to be told; see :class:`ringfence.protocol.Wish`.

    Iterate over it; :attr:`position` is what to store to resume without a name.
    """

    def __init__(
        self,
        address: str,
        wish: Wish = Wish(),
        *,
        after: int | None = None,
        name: str | int | None = None,
        token: str | bytes = b"",
        tls: Tls = None,
        server_name: str | None = None,
        retry_seconds: float = 60.0,
    ) -> None:
        self._address = address
        self._wish = wish
        self._name = session_id(name)
        self._start = 0 if after is not None else 2 if self._name else 1
        self._token = token.encode() if isinstance(token, str) else token
        self._tls = tls
        self._server_name = server_name
        self._retry_seconds = retry_seconds
        self._connection: _Connection | None = None
        self._history: tuple[bytes, int] | None = None
        self._last_event = 0
        #: Everything up to this sequence has been seen.
        self.position = after or 0

    async def acknowledge(self, sequence: int | None = None) -> None:
        """Moves the place that the engine remembers under the name; by default to ``position``."""
        if self._connection:
            self._connection.write(protocol.acknowledge(self.position if sequence is None else sequence))
            await self._connection.drain()

    async def __aiter__(self) -> AsyncIterator[Message]:
        loop = asyncio.get_running_loop()
        delays, deadline = _delays(), loop.time() + self._retry_seconds
        while True:
            try:
                async for message in self._follow_once():
                    delays, deadline = _delays(), loop.time() + self._retry_seconds
                    yield message
                cause: Exception = ConnectionLost("the subscription ended")
            except Refused as error:
                if self._start == 2 and error.reason is ErrorCode.UNKNOWN_SUBSCRIPTION:
                    # A name that is new begins now, and is known from its first acknowledgement on.
                    self._start = 1
                elif not error.is_temporary:
                    raise
                cause = error
            except (OSError, ssl.SSLError) as error:
                cause = error
            delay = next(delays)
            if loop.time() + delay > deadline:
                raise cause
            await asyncio.sleep(delay)

    async def _follow_once(self) -> AsyncIterator[Message]:
        connection = _Connection(*await _open(self._address, self._tls, self._server_name))
        try:
            connection.write(protocol.hello(mode=1, token=self._token))
            hello = await connection.receive(30.0)
            if not isinstance(hello, protocol.Hello):
                raise ProtocolError("the engine did not begin with a hello")
            if self._history not in (None, (hello.journal, hello.epoch)):
                raise RingfenceError("the engine at this address has another history than before")
            self._history = (hello.journal, hello.epoch)
            wish = protocol.subscribe(
                self._wish, after_sequence=self.position, start=self._start, name=self._name
            )
            connection.write(wish)
            self._connection = connection
            idle = (hello.idle_timeout_ms or 30_000) / 1000
            origin: protocol.Origin | None = None
            while True:
                reply = await connection.receive(idle)
                if isinstance(reply, protocol.Subscribed):
                    self.position, self._start = reply.after_sequence, 0
                elif isinstance(reply, protocol.Progress):
                    self.position = max(self.position, reply.sequence)
                elif isinstance(reply, protocol.Origin):
                    origin = reply
                else:
                    for message in self._messages(reply, origin):
                        yield message
        finally:
            self._connection = None
            await connection.close()

    def _messages(self, reply: protocol.Reply, origin: protocol.Origin | None) -> list[Message]:
        def of(sequence: int) -> protocol.Origin | None:
            begun = origin is not None and sequence >= origin.first_sequence
            return origin if origin and begun and sequence < origin.first_sequence + origin.commands else None

        if isinstance(reply, protocol.Outcomes):
            messages = []
            for outcome in reply.outcomes:
                self.position = outcome.sequence
                messages.append(Message(outcome.sequence, outcome.sequence, outcome, of(outcome.sequence)))
            return messages
        if isinstance(reply, protocol.RawEvent):
            if reply.kind.is_numbered and reply.number <= self._last_event:
                return []
            self._last_event = max(self._last_event, reply.number)
            # Its outcome is still to come: who resumes after the place before it sees it again.
            return [Message(self.position, reply.sequence, reply.read(), of(reply.sequence))]
        if isinstance(reply, protocol.Commands):
            bodies = enumerate(reply.bodies, reply.first_sequence)
            read = [(sequence, read_command(Op(reply.op), body)) for sequence, body in bodies]
            return [Message(self.position, sequence, what, of(sequence)) for sequence, what in read]
        return []


__all__ = ["AsyncClient", "AsyncSubscription", "Message", "Wants", "Wish"]
