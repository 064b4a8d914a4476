"""A session's state across connections. Nothing here does I/O.

```text
  hello ──▶ welcome: drop what the engine has taken in, send the rest ──▶ batches, outcomes
    ▲                                                                         │
    └──────────────────── the connection ends ◀───────────────────────────────┘
```
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

from . import protocol
from .errors import ConnectionLost, OtherHistory, OutcomesLost, ProtocolError
from .records import Answer, Body, Command, Event


def session_id(name: str | int | None) -> int:
    """The identity of a session: a number as it is, a text by its SHA-256, None: 0, without a name."""
    if name is None:
        return 0
    if not isinstance(name, (str, int)):
        raise TypeError(f"a session is named by a text or a number, not {name!r}")
    if isinstance(name, int):
        if not 0 <= name < 2**128:
            raise ValueError("the identity of a session has 128 bits")
        return name
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little") or 1


@dataclass
class Request:
    """A batch that is under way."""

    number: int
    count: int
    message: bytes
    #: What gets the answers: an object with ``set_result`` and ``set_exception``.
    future: Any
    answers: list[Answer] = field(default_factory=list)


@dataclass(frozen=True)
class Replayed:
    """Answers to a batch that an earlier life of this session had sent."""

    number: int
    tag: int
    answers: list[Answer]


class Session:
    """What a client keeps of its session.

    ``last_sequence`` is the last outcome that the program has dealt with in an earlier life, and
    ``last_number`` the last request number that it used then; 0 for a session that begins.
    ``history`` is the engine's, as :attr:`ringfence.protocol.Hello.history` said then.
    """

    def __init__(
        self,
        name: str | int | None = None,
        *,
        last_sequence: int = 0,
        last_number: int = 0,
        history: str | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_replayed: Callable[[Replayed], None] | None = None,
    ) -> None:
        self.id = session_id(name)
        self.last_sequence = last_sequence
        self.last_number = last_number
        self.on_event = on_event
        self.on_replayed = on_replayed
        self.hello: protocol.Hello | None = None
        self._history = protocol.read_history(history) if history is not None else None
        self.pending: deque[Request] = deque()
        self._bodies: list[Body] = []
        self._bodies_of = 0
        self._last_event = 0
        self._origin: protocol.Origin | None = None
        self._replayed: list[Answer] = []
        self._replayed_until = 0

    @property
    def commands_under_way(self) -> int:
        """Commands that are not answered."""
        return sum(request.count - len(request.answers) for request in self.pending)

    def greeting(self, *, token: bytes = b"") -> bytes:
        """The hello for a new connection."""
        journal, epoch = self._history if self._history and self.id else (bytes(16), 0)
        # Until an outcome has come, nothing says that the engine knows the session.
        return protocol.hello(
            session=self.id,
            journal=journal,
            epoch=epoch,
            last_sequence=self.last_sequence if self.id else 0,
            resume=bool(self.id and self.last_sequence),
            events=self.on_event is not None,
            token=token,
        )

    def connection_ended(self) -> None:
        """Forgets what belongs to a connection; without a name, what is under way is unknown."""
        self._origin = None
        self._replayed = []
        self._bodies = []
        if not self.id:
            self._fail(ConnectionLost("the connection ended before the outcome came"), len(self.pending))

    def welcome(self, hello: protocol.Hello) -> bytes:
        """Takes the engine's hello, and returns what is to be sent again."""
        if self.id:
            if self._history not in (None, (hello.journal, hello.epoch)):
                raise OtherHistory("the engine at this address has another history than before")
            self._history = (hello.journal, hello.epoch)
        self.hello = hello
        if not self.id:
            return b""
        self._replayed_until = hello.last_sequence
        if self.last_number < hello.last_request:
            self.last_number = hello.last_request
        if hello.resumes_after >= hello.last_sequence > self.last_sequence:
            # Nothing will be sent again.
            self._lose_up_to(hello.last_request)
            self.last_sequence = hello.last_sequence
        rest = [request for request in self.pending if request.number > hello.last_request]
        return b"".join(request.message for request in rest)

    def push(self, commands: Sequence[Command], future: Any, tag: int = 0) -> bytes:
        """Adds a batch, and returns what is to be sent."""
        number = self.last_number + 1 if self.id else 0
        message = protocol.batch(commands, number, tag)
        self.last_number = number
        self.pending.append(Request(number, len(commands), message if self.id else b"", future))
        return message

    def receive(self, reply: protocol.Reply) -> None:
        """Takes a message that came after the hello."""
        if isinstance(reply, protocol.Outcomes):
            for outcome in reply.outcomes:
                bodies = self._bodies if self._bodies_of == outcome.sequence else []
                self._bodies = []
                self._answer(Answer(outcome, bodies))
        elif isinstance(reply, protocol.RawEvent):
            self._event(reply)
        elif isinstance(reply, protocol.Origin):
            self._begin_replayed(reply)
        elif not isinstance(reply, protocol.Heartbeat):
            raise ProtocolError(f"a message that has no place here: {reply}")

    def _event(self, raw: protocol.RawEvent) -> None:
        if not raw.kind.is_numbered:
            if self._bodies_of != raw.sequence:
                self._bodies, self._bodies_of = [], raw.sequence
            self._bodies.append(raw.read().body)
        elif raw.number > self._last_event:
            self._last_event = raw.number
            if self.on_event:
                self.on_event(raw.read())

    def _begin_replayed(self, origin: protocol.Origin) -> None:
        self._origin = origin
        self._replayed = []
        # What came before this batch and is not whole can no longer be had.
        self._lose_up_to(origin.number - 1)

    def _answer(self, answer: Answer) -> None:
        sequence = answer.outcome.sequence
        if self.id and sequence <= self.last_sequence:
            return
        self.last_sequence = sequence
        origin = self._origin
        if origin and sequence < origin.first_sequence + origin.commands:
            first = self.pending[0] if self.pending else None
            if first is None or first.number != origin.number:
                self._replay(origin, answer)
                return
            if len(first.answers) != sequence - origin.first_sequence:
                # The first of its outcomes are missing.
                self._lose_up_to(origin.number)
                return
        if not self.pending:
            raise ProtocolError(f"an outcome that nobody waits for: {answer.outcome}")
        first = self.pending[0]
        first.answers.append(answer)
        if len(first.answers) == first.count:
            self.pending.popleft()
            _set(first.future, first.answers)

    def _replay(self, origin: protocol.Origin, answer: Answer) -> None:
        """Collects an answer to a batch of an earlier life, or to one that was given up."""
        self._replayed.append(answer)
        is_last = answer.outcome.sequence == origin.first_sequence + origin.commands - 1
        if is_last and self.on_replayed:
            self.on_replayed(Replayed(origin.number, origin.tag, self._replayed))

    def _lose_up_to(self, number: int) -> None:
        count = sum(request.number <= number for request in self.pending)
        self._fail(OutcomesLost("executed, but the outcomes can no longer be had"), count)

    def _fail(self, error: Exception, count: int) -> None:
        for _ in range(count):
            request = self.pending.popleft()
            if not request.future.done():
                request.future.set_exception(error)

    def fail_all(self, error: Exception) -> None:
        """Gives up: everything under way gets ``error``."""
        self._fail(error, len(self.pending))


def _set(future: Any, answers: list[Answer]) -> None:
    # One that was cancelled is executed all the same.
    if not future.done():
        future.set_result(answers)
