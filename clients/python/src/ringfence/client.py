"""The client that waits: the one for asyncio, on a thread of its own.

>>> with Client("unix:demo/ringfence.sock", session="billing") as client:
...     [answer] = client.execute([Transfer(10, 1, 2, 500, ledger=978, code=1)])
...     print(answer.status.name)
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Coroutine, Iterator, Sequence, TypeVar

from . import protocol
from .aio import AsyncClient, AsyncSubscription, Message
from .protocol import Wish
from .records import Answer, Command

T = TypeVar("T")
C = TypeVar("C", bound="_Closing")


class _Loop:
    """An event loop on a thread of its own, which keeps connections alive while the program waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ringfence", daemon=True)
        self._thread.start()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        future = self.start(coroutine)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


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

    def __init__(self, address: str, **arguments: Any) -> None:
        self._loop = _Loop()
        try:
            self._client = self._loop.run(_make(address, arguments))
            self._loop.run(self._client.connect())
        except BaseException:
            self._loop.stop()
            raise

    def close(self) -> None:
        """Ends the connection. What is under way and has a session can be resumed later."""
        self._loop.run(self._client.close())
        self._loop.stop()

    @property
    def hello(self) -> protocol.Hello:
        """What the engine said of itself."""
        return self._client.hello

    @property
    def last_sequence(self) -> int:
        """Sequence of the last outcome that came."""
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


async def _make(address: str, arguments: dict[str, Any]) -> AsyncClient:
    # On the thread of the loop, to which its parts belong.
    return AsyncClient(address, **arguments)


class Subscription(_Closing):
    """As :class:`ringfence.aio.AsyncSubscription`, with the same arguments."""

    def __init__(self, address: str, wish: Wish = Wish(), **arguments: Any) -> None:
        self._loop = _Loop()
        self._subscription = AsyncSubscription(address, wish, **arguments)
        self._messages = self._subscription.__aiter__()

    def close(self) -> None:
        """Ends the subscription; a place under a name stays."""
        self._loop.run(self._messages.aclose())  # type: ignore[attr-defined]
        self._loop.stop()

    @property
    def position(self) -> int:
        """Everything up to this sequence has been seen."""
        return self._subscription.position

    def acknowledge(self, sequence: int | None = None) -> None:
        """Moves the place that the engine remembers under the name; by default to ``position``."""
        self._loop.run(self._subscription.acknowledge(sequence))

    def __iter__(self) -> Iterator[Message]:
        while True:
            try:
                yield self._loop.run(self._next())
            except StopAsyncIteration:
                return

    async def _next(self) -> Message:
        return await self._messages.__anext__()
