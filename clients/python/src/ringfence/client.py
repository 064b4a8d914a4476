"""The client that waits: the one for asyncio, on a thread of its own.

>>> with Client("unix:demo/ringfence.sock", session="billing") as client:
...     [answer] = client.execute([Transfer(10, 1, 2, 500, ledger=978, code=1)])
...     print(answer.status.name)
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Callable, Coroutine, Iterator, Sequence, TypeVar

from . import protocol
from .aio import AsyncClient
from .connection import Tls
from .errors import ConnectionLost
from .following import AsyncSubscription, Message
from .protocol import Wish
from .records import Answer, Command, Event
from .session import Replayed

T = TypeVar("T")
C = TypeVar("C", bound="_Closing")

#: Seconds for what still runs when it is closed, before it is cancelled.
_FAREWELL = 1.0


class _Loop:
    """An event loop on a thread of its own, which keeps connections alive while the program waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="ringfence", daemon=True)
        self._thread.start()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            # What is started before it stops is ended in order.
            if not self._is_stopped:
                return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        coroutine.close()
        raise ConnectionLost("it was closed")

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        future = self.start(coroutine)
        try:
            return future.result(timeout)
        except concurrent.futures.CancelledError:
            raise ConnectionLost("it was closed") from None
        except concurrent.futures.TimeoutError:
            if future.done():
                raise
            future.cancel()
            # Before Python 3.11 the one of futures is another exception.
            raise TimeoutError(f"no answer within {timeout} s") from None
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> bool:
        """Ends everything that still runs there. False: that was done already."""
        with self._lock:
            if self._is_stopped:
                return False
            self._is_stopped = True
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        ending.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        return True

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=_FAREWELL)
        while tasks := {task for task in tasks if not task.done()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=0.1)
        await self._loop.shutdown_asyncgens()


class _Closing(ABC):
    """What is closed where its ``with`` block ends."""

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Ends it."""


class Client(_Closing):
    """As :class:`ringfence.aio.AsyncClient`, with the same arguments; for any number of threads."""

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
        async def make() -> AsyncClient:
            # On the thread of the loop, to which its parts belong.
            return AsyncClient(
                address,
                session=session,
                last_sequence=last_sequence,
                last_number=last_number,
                history=history,
                token=token,
                tls=tls,
                server_name=server_name,
                on_event=on_event,
                on_replayed=on_replayed,
                retry_seconds=retry_seconds,
            )

        self._loop = _Loop()
        try:
            self._client = self._loop.run(make())
            self._loop.run(self._client.connect())
        except BaseException:
            self._loop.stop()
            raise

    def close(self) -> None:
        """Ends the connection, for good. What is under way and has a session can be resumed later.

        Threads that wait for an answer get :class:`ConnectionLost`.
        """
        try:
            self._loop.run(self._client.close())
        except ConnectionLost:
            # It was closed before.
            return
        self._loop.stop()

    @property
    def hello(self) -> protocol.Hello:
        """What the engine said of itself."""
        return self._client.hello

    @property
    def history(self) -> str:
        """Which history the engine has: its journal and the epoch. Store it with ``last_sequence``."""
        return self._client.history

    @property
    def last_sequence(self) -> int:
        """Sequence of the last outcome that came; see :attr:`AsyncClient.last_sequence`."""
        return self._client.last_sequence

    @property
    def last_number(self) -> int:
        """Number of the last request."""
        return self._client.last_number

    def execute(
        self, commands: Sequence[Command], *, tag: int = 0, timeout: float | None = None
    ) -> list[Answer]:
        """Sends a batch and waits for its answers, one for each command.

        After ``timeout`` seconds it raises ``TimeoutError``: in a session the batch may take effect
        later all the same, once.
        """
        return self._loop.run(self._client.execute(commands, tag=tag), timeout)

    def send(self, commands: Sequence[Command], *, tag: int = 0) -> Future[list[Answer]]:
        """Sends a batch and returns once it is on its way; the future gets its answers."""
        sent = self._loop.run(self._client.send(commands, tag=tag))

        async def wait() -> list[Answer]:
            return await sent

        return self._loop.start(wait())


class Subscription(_Closing):
    """As :class:`ringfence.aio.AsyncSubscription`, with the same arguments."""

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
        self._subscription = AsyncSubscription(
            address,
            wish,
            after=after,
            name=name,
            history=history,
            token=token,
            tls=tls,
            server_name=server_name,
            retry_seconds=retry_seconds,
        )
        self._loop = _Loop()

    def close(self) -> None:
        """Ends the subscription, also while a thread waits for a message: that one gets no more.

        A place under a name stays.
        """
        try:
            self._loop.run(self._subscription.close())
        except ConnectionLost:
            # It was closed before.
            return
        self._loop.stop()

    @property
    def position(self) -> int:
        """Everything up to this sequence was handed out: what to store once that is dealt with."""
        return self._subscription.position

    @property
    def history(self) -> str | None:
        """Which history the engine has, once it has said so. Store it with the position."""
        return self._subscription.history

    def acknowledge(self, sequence: int | None = None) -> None:
        """Moves the place that the engine remembers under the name; by default to ``position``."""
        self._loop.run(self._subscription.acknowledge(sequence))

    def next(self, timeout: float | None = None) -> Message | None:
        """The next message, or ``None`` if none comes within ``timeout`` seconds, or it is closed."""
        return self._loop.run(self._subscription.next(timeout))

    def __iter__(self) -> Iterator[Message]:
        while True:
            try:
                message = self.next()
            except ConnectionLost:
                # It was closed.
                return
            if message is None:
                return
            yield message
