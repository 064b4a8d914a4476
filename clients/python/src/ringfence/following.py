"""What happens in the engine, for asyncio.

>>> async def follow() -> None:
...     async with AsyncSubscription("unix:demo/ringfence.sock", after=stored) as subscription:
...         async for message in subscription:
...             store(message.position)
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import AsyncGenerator, AsyncIterator, Iterator

from . import protocol
from .connection import Connection, Tls, delays, ended, is_final, open_streams, told
from .errors import ConnectionLost, OtherHistory, ProtocolError, Refused
from .numbers import ErrorCode, Op
from .protocol import Wish
from .records import Command, Event, Outcome, read_command
from .session import session_id


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
    * ``history``: of which history ``after`` is, as :attr:`history` said; another one raises
      :class:`OtherHistory`.

    Iterate over it, or ask for the :meth:`next` message; :attr:`position` is what to store to resume
    without a name.
    """

    def __init__(
        self,
        address: str,
        wish: Wish = Wish(),
        *,
        after: int | None = None,
        name: str | int | None = None,
        history: str | None = None,
        token: str | bytes = b"",
        tls: Tls = None,
        server_name: str | None = None,
        retry_seconds: float = 60.0,
    ) -> None:
        self._address = address
        self._wish = wish
        self._name = session_id(name)
        self._start = 0 if after is not None else 2 if self._name else 1
        self._history = protocol.read_history(history) if history is not None else None
        self._token = token.encode() if isinstance(token, str) else token
        self._tls = tls
        self._server_name = server_name
        self._retry_seconds = retry_seconds
        self._connection: Connection | None = None
        self._last_event = 0
        #: Everything up to this sequence has come, but not all of it was handed out.
        self._received = after or 0
        #: Everything up to this sequence was handed out. While a message is dealt with, what is to be
        #: stored once that is done.
        self.position = after or 0
        self._messages: AsyncGenerator[Message, None] | None = None
        self._next: asyncio.Task[Message] | None = None
        self._is_closed = False

    @property
    def history(self) -> str | None:
        """Which history the engine has, once it has said so. Store it with the position."""
        return None if self._history is None else protocol.write_history(*self._history)

    async def __aenter__(self) -> AsyncSubscription:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the subscription, also while somebody waits for a message; a place under a name stays."""
        self._is_closed = True
        if self._next:
            await ended(self._next)
        if self._messages:
            await self._messages.aclose()

    async def acknowledge(self, sequence: int | None = None) -> None:
        """Moves the place that the engine remembers under the name; by default to ``position``."""
        if self._connection:
            self._connection.write(protocol.acknowledge(self.position if sequence is None else sequence))
            await self._connection.drain()

    async def next(self, timeout: float | None = None) -> Message | None:
        """The next message, or ``None`` if none comes within ``timeout`` seconds, or it is closed.

        One task at a time may wait.
        """
        if self._is_closed:
            return None
        if self._messages is None:
            self._messages = self._follow()
        if self._next is None:
            self._next = asyncio.ensure_future(_first(self._messages))
        waiting = self._next
        await asyncio.wait({waiting}, timeout=timeout)
        if not waiting.done():
            return None
        self._next = None
        if waiting.cancelled() and self._is_closed:
            return None
        message = waiting.result()
        self.position = message.position
        return message

    async def __aiter__(self) -> AsyncIterator[Message]:
        while (message := await self.next()) is not None:
            yield message

    async def _follow(self) -> AsyncGenerator[Message, None]:
        loop = asyncio.get_running_loop()
        waits, deadline = delays(), loop.time() + self._retry_seconds
        while True:
            try:
                async for message in self._follow_once():
                    waits, deadline = delays(), loop.time() + self._retry_seconds
                    yield message
                cause: Exception = ConnectionLost("the subscription ended")
            except Exception as error:  # noqa: BLE001: asked for right here
                reason = error.reason if isinstance(error, Refused) else None
                if self._start == 2 and reason is ErrorCode.UNKNOWN_SUBSCRIPTION:
                    # A name that is new begins now, and is known from its first acknowledgement on.
                    self._start = 1
                elif is_final(error):
                    raise told(error, self._address)
                cause = error
            delay = next(waits)
            if loop.time() + delay > deadline:
                raise told(cause, self._address)
            await asyncio.sleep(delay)

    async def _follow_once(self) -> AsyncIterator[Message]:
        connection = Connection(*await open_streams(self._address, self._tls, self._server_name))
        try:
            journal, epoch = self._history or (bytes(16), 0)
            connection.write(
                protocol.hello(mode=1, token=self._token, journal=journal, epoch=epoch)
            )
            hello = await connection.receive(30.0)
            if not isinstance(hello, protocol.Hello):
                raise ProtocolError("the engine did not begin with a hello")
            if self._history not in (None, (hello.journal, hello.epoch)):
                raise OtherHistory("the engine at this address has another history than before")
            self._history = (hello.journal, hello.epoch)
            wish = protocol.subscribe(
                self._wish, after_sequence=self._received, start=self._start, name=self._name
            )
            connection.write(wish)
            self._connection = connection
            idle = (hello.idle_timeout_ms or 30_000) / 1000
            origin: protocol.Origin | None = None
            while True:
                reply = await connection.receive(idle)
                if isinstance(reply, protocol.Subscribed):
                    self._received, self._start = reply.after_sequence, 0
                    self.position = self._received
                elif isinstance(reply, protocol.Progress):
                    self._received = max(self._received, reply.sequence)
                    # Everything before it was handed out, or this would not be read yet.
                    self.position = self._received
                elif isinstance(reply, protocol.Origin):
                    origin = reply
                else:
                    for message in self._read(reply, origin):
                        yield message
        finally:
            self._connection = None
            await connection.close()

    def _read(self, reply: protocol.Reply, origin: protocol.Origin | None) -> Iterator[Message]:
        def of(sequence: int) -> protocol.Origin | None:
            begun = origin is not None and sequence >= origin.first_sequence
            return origin if origin and begun and sequence < origin.first_sequence + origin.commands else None

        if isinstance(reply, protocol.Outcomes):
            for outcome in reply.outcomes:
                self._received = outcome.sequence
                yield Message(outcome.sequence, outcome.sequence, outcome, of(outcome.sequence))
        elif isinstance(reply, protocol.RawEvent):
            if reply.kind.is_numbered and reply.number <= self._last_event:
                return
            self._last_event = max(self._last_event, reply.number)
            # Its outcome is still to come: who resumes after the place before it sees it again.
            yield Message(self._received, reply.sequence, reply.read(), of(reply.sequence))
        elif isinstance(reply, protocol.Commands):
            for sequence, body in enumerate(reply.bodies, reply.first_sequence):
                yield Message(self._received, sequence, read_command(Op(reply.op), body), of(sequence))


async def _first(messages: AsyncGenerator[Message, None]) -> Message:
    return await messages.__anext__()


__all__ = ["AsyncSubscription", "Message"]
