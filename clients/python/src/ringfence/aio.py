"""The client for asyncio.

>>> async def pay() -> None:
...     async with AsyncClient("unix:demo/ringfence.sock", session="billing") as client:
...         answers = await client.execute([Transfer(10, 1, 2, 500, ledger=978, code=1)])
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Callable, NoReturn, Sequence

from . import protocol
from .connection import Connection, Tls, delays, ended, is_final, open_streams, told
from .errors import ConnectionLost, ProtocolError
from .following import AsyncSubscription, Message
from .protocol import Wants, Wish
from .records import Answer, Command, Event
from .session import Replayed, Session

class AsyncClient:
    """A client that connects again by itself.

    With a ``session`` each batch takes effect once, across lost connections, a killed client and a
    killed engine. Without one, a batch whose connection ends raises :class:`ConnectionLost`.

    * ``address``: ``unix:PATH`` or ``HOST:PORT``.
    * ``session``: a text or a number of 128 bits; see :func:`ringfence.session.session_id`.
    * ``last_sequence``, ``last_number``, ``history``: where an earlier life of this session stopped.
      Store them with the effects of an outcome; :attr:`last_sequence` says which sequence that is.
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
        history: str | None = None,
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
            history=history,
            on_event=on_event,
            on_replayed=on_replayed,
        )
        self._token = token.encode() if isinstance(token, str) else token
        self._tls = tls
        self._server_name = server_name
        self._retry_seconds = retry_seconds
        self._connection: Connection | None = None
        self._ready = asyncio.Event()
        self._room = asyncio.Condition()
        self._runner: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    @property
    def last_sequence(self) -> int:
        """Sequence of the last outcome that came.

        Where batches are under way beside each other (:meth:`send`, several tasks or threads), some of
        these outcomes are not dealt with yet. Then store the sequence of the last answer that is, all
        before it included: ``answers[-1].outcome.sequence``.
        """
        return self._session.last_sequence

    @property
    def last_number(self) -> int:
        """Number of the last request."""
        return self._session.last_number

    @property
    def history(self) -> str:
        """Which history the engine has: its journal and the epoch. Store it with ``last_sequence``."""
        return self.hello.history

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
        """Ends the connection, for good. What is under way and has a session can be resumed later.

        Whoever waits for an answer gets :class:`ConnectionLost`.
        """
        closed = ConnectionLost("the client was closed")
        self._failure = self._failure or closed
        if self._runner:
            await ended(self._runner)
            self._runner = None
        self._session.fail_all(closed)
        await self._tell_room()

    async def send(self, commands: Sequence[Command], *, tag: int = 0) -> asyncio.Future[list[Answer]]:
        """Sends a batch and returns at once; the future gets its answers.

        Waits while as many commands are under way as the engine allows.
        """
        commands = protocol.checked(commands)
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
            with contextlib.suppress(OSError):
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
            failure = told(error, self._address)
            self._failure = self._failure or failure
            self._session.fail_all(failure)
        finally:
            self._ready.clear()
            await self._tell_room()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        waits, deadline = delays(), loop.time() + self._retry_seconds
        while True:
            try:
                await self._serve_one()
            except Exception as error:  # noqa: BLE001: asked for right here
                if is_final(error):
                    raise
                cause = error
            if self._ready.is_set():
                # It was connected: the time to try begins anew.
                self._ready.clear()
                waits, deadline = delays(), loop.time() + self._retry_seconds
            self._session.connection_ended()
            await self._tell_room()
            delay = next(waits)
            if loop.time() + delay > deadline:
                raise cause
            await asyncio.sleep(delay)

    async def _serve_one(self) -> NoReturn:
        """One connection from its start to its end, which raises."""
        connection = Connection(*await open_streams(self._address, self._tls, self._server_name))
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
                if not connection.received:
                    await self._tell_room()
        finally:
            self._connection = None
            await connection.close()

    async def _tell_room(self) -> None:
        async with self._room:
            self._room.notify_all()


__all__ = ["AsyncClient", "AsyncSubscription", "Message", "Wants", "Wish"]
