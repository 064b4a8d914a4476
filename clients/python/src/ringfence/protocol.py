"""Messages to bytes and back. Nothing here does I/O."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Iterable, Iterator, Sequence

from .checksum import crc32c
from .errors import ProtocolError, Refused
from .numbers import EventKind, Op
from .records import BODY_BYTES, Command, Event, Outcome, packed, read_body

VERSION = 3
MAGIC = b"RINGFNCE"
BATCH_COMMANDS_MAX = 8192
MESSAGE_BYTES_MAX = 48 + BATCH_COMMANDS_MAX * BODY_BYTES
TOKEN_BYTES_MAX = 512

_HEADER = struct.Struct("<IIBBHI")
_HELLO, _BATCH, _OUTCOMES, _EVENT, _ERROR, _SUBSCRIBE = 1, 2, 3, 4, 5, 6
_ACKNOWLEDGE, _HEARTBEAT, _ORIGIN, _PROGRESS, _COMMANDS = 7, 8, 9, 10, 11
_HEADER_BYTES = 16


def _message(kind: int, op: int, count: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 16)
    checked = struct.pack("<BBHI", kind, op, count, 0) + body
    return struct.pack("<II", len(checked) + 8, crc32c(checked)) + checked


@dataclass(frozen=True)
class Hello:
    """The first message of the engine."""

    batch_commands_max: int
    in_flight_commands_max: int
    idle_timeout_ms: int
    last_sequence: int
    journal: bytes
    last_request: int
    epoch: int
    mode: int
    known: bool
    events: bool
    resumes_after: int


    @property
    def history(self) -> str:
        """Which history the engine has, as a text to store: its journal and the epoch."""
        return write_history(self.journal, self.epoch)


def write_history(journal: bytes, epoch: int) -> str:
    """A history as a text."""
    return f"{journal.hex()}:{epoch}"


def read_history(text: str) -> tuple[bytes, int]:
    """A journal and an epoch, as :func:`write_history` wrote them."""
    journal, separator, epoch = text.partition(":")
    if not separator or not re.fullmatch("[0-9a-f]{32}", journal) or not re.fullmatch("[0-9]{1,9}", epoch):
        raise ValueError(f"a history is what `history` said, not {text!r}")
    return bytes.fromhex(journal), int(epoch)


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of consecutive commands."""

    outcomes: list[Outcome]


@dataclass(frozen=True)
class RawEvent:
    """An event, or a body that a look-up found."""

    sequence: int
    timestamp: int
    number: int
    kind: EventKind
    body: bytes

    def read(self) -> Event:
        """The same with its body read."""
        body = read_body(self.kind, self.body)
        return Event(self.sequence, self.timestamp, self.number, self.kind, body)


@dataclass(frozen=True)
class Origin:
    """Whose a batch is whose outcomes follow."""

    first_sequence: int
    first_timestamp: int
    session: int
    tag: int
    number: int
    commands: int
    op: Op


@dataclass(frozen=True)
class Progress:
    """Everything up to ``sequence`` was looked at."""

    sequence: int
    last_sequence: int


@dataclass(frozen=True)
class Commands:
    """Bodies of consecutive commands."""

    first_sequence: int
    first_timestamp: int
    op: Op
    bodies: list[bytes]


@dataclass(frozen=True)
class Subscribed:
    """The engine's answer to a subscription."""

    after_sequence: int
    oldest_sequence: int
    last_sequence: int


@dataclass(frozen=True)
class Heartbeat:
    """The engine is there."""


Reply = (
    Hello | Outcomes | RawEvent | Origin | Progress | Commands | Subscribed | Heartbeat
)  # fmt: skip


class Wants(IntFlag):
    """What a subscription is told."""

    OUTCOMES = 1
    EVENTS = 2
    COMMANDS = 4


@dataclass(frozen=True)
class Wish:
    """What a subscription asks for. Filters are joined by "and", the values of one by "or"."""

    wants: Wants = Wants.OUTCOMES
    only_successes: bool = False
    ledgers: Sequence[int] = field(default_factory=tuple)
    accounts: Sequence[int] = field(default_factory=tuple)
    operations: Sequence[Op] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not self.wants:
            raise ValueError("a wish wants outcomes, events or commands")
        Wants(self.wants)
        for name, length in (("ledgers", 4), ("accounts", 16)):
            for value in getattr(self, name):
                packed(f"one of {name}", value, length)
        for operation in self.operations:
            Op(operation)


def hello(
    *,
    session: int = 0,
    journal: bytes = bytes(16),
    epoch: int = 0,
    last_sequence: int = 0,
    in_flight_commands_max: int = 0,
    mode: int = 0,
    resume: bool = False,
    events: bool = False,
    token: bytes = b"",
) -> bytes:
    """The first message of a client."""
    if len(token) > TOKEN_BYTES_MAX:
        raise ValueError(f"a token has at most {TOKEN_BYTES_MAX} bytes, not {len(token)}")
    body = (
        MAGIC
        + struct.pack("<II", VERSION, in_flight_commands_max)
        + session.to_bytes(16, "little")
        + journal
        + struct.pack("<QIBBBB", last_sequence, epoch, mode, resume, events, 0)
        + bytes(16)
        + token
    )
    return _message(_HELLO, 0, len(token), body)


def checked(commands: Iterable[Command]) -> list[Command]:
    """The commands of a batch, if that is what they are."""
    try:
        listed = list(commands)
    except TypeError:
        raise TypeError(f"a batch is a list of commands, not {commands!r}") from None
    for at, command in enumerate(listed):
        if not isinstance(getattr(command, "OP", None), Op):
            raise TypeError(f"no command: {command!r}, at {at} of the batch")
    return listed


def batch(commands: Sequence[Command], number: int = 0, tag: int = 0) -> bytes:
    """One batch: executed in order, whole or not at all."""
    commands = checked(commands)
    if not 1 <= len(commands) <= BATCH_COMMANDS_MAX:
        raise ValueError(f"a batch has 1 to {BATCH_COMMANDS_MAX} commands, not {len(commands)}")
    op = commands[0].OP
    if any(command.OP is not op for command in commands):
        raise ValueError("the commands of a batch are of one operation")
    head = struct.pack("<QQ", number, 0) + packed("tag", tag, 16)
    body = head + b"".join(command.to_bytes() for command in commands)
    return _message(_BATCH, op, len(commands), body)


def subscribe(wish: Wish, *, after_sequence: int = 0, start: int, name: int = 0) -> bytes:
    """Begins a subscription: ``start`` 0 after ``after_sequence``, 1 from now on, 2 where ``name`` is."""
    entries = [*wish.ledgers, *wish.accounts]
    operations = sum(1 << op for op in set(wish.operations))
    body = (
        struct.pack("<QQ", after_sequence if start == 0 else 0, 0)
        + name.to_bytes(16, "little")
        + struct.pack("<BBBB", wish.wants, wish.only_successes, start, 0)
        + struct.pack("<HHQ", len(wish.ledgers), len(wish.accounts), operations)
        + b"".join(entry.to_bytes(16, "little") for entry in entries)
    )
    return _message(_SUBSCRIBE, 0, len(entries), body)


def acknowledge(sequence: int) -> bytes:
    """Moves the place of a named subscription."""
    return _message(_ACKNOWLEDGE, 0, 0, struct.pack("<QQ", sequence, 0))


def heartbeat() -> bytes:
    """Says that the client is there."""
    return _message(_HEARTBEAT, 0, 0, b"")


class Decoder:
    """Takes the bytes of the engine, gives its messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The messages that are whole once ``data`` has arrived.

        Raises :class:`Refused` where the engine says why it ends the connection, and
        :class:`ProtocolError` where this is not the protocol.
        """
        self._bytes += data
        start = 0
        try:
            while len(self._bytes) - start >= _HEADER_BYTES:
                length, checksum, kind, op, count, zero = _HEADER.unpack_from(self._bytes, start)
                expected = _expected_bytes(kind, op, count, self._greeted)
                if zero or length != expected:
                    raise ProtocolError(f"a message of kind {kind} with {length} bytes")
                if len(self._bytes) - start < length:
                    return
                message = bytes(self._bytes[start : start + length])
                start += length
                if crc32c(memoryview(message)[8:]) != checksum:
                    raise ProtocolError("a message with a wrong checksum")
                self._greeted |= kind == _HELLO
                yield _read(kind, op, count, message[_HEADER_BYTES:])
        finally:
            del self._bytes[:start]


_BODY_BYTES_OF = {
    _HELLO: 80, _SUBSCRIBE: 32, _HEARTBEAT: 0, _ORIGIN: 64, _PROGRESS: 16,
}  # fmt: skip
_TEXT_BYTES_MAX = 240


def _expected_bytes(kind: int, op: int, count: int, greeted: bool) -> int:
    """The length that the header of a message must have; ProtocolError if there can be none."""
    if kind != _ERROR and (kind == _HELLO) == greeted:
        raise ProtocolError(f"a message of kind {kind} that has no place here")
    if op and kind != _COMMANDS:
        raise ProtocolError(f"a message of kind {kind} with an operation")
    if kind in (_OUTCOMES, _COMMANDS):
        if not 1 <= count <= BATCH_COMMANDS_MAX:
            raise ProtocolError(f"a message of {count} records")
        return 32 + count * (Outcome.LENGTH if kind == _OUTCOMES else BODY_BYTES)
    if kind == _EVENT and count == 1:
        return 208
    if kind == _ERROR and count <= _TEXT_BYTES_MAX:
        return 32 + count + -count % 16
    if kind in _BODY_BYTES_OF and not count:
        return _HEADER_BYTES + _BODY_BYTES_OF[kind]
    raise ProtocolError(f"a message of kind {kind} with {count} records")


def _read(kind: int, op: int, count: int, body: bytes) -> Reply:
    try:
        return _read_expected(kind, op, count, body)
    except ValueError as error:
        raise ProtocolError(f"a message of kind {kind}: {error}") from error


def _zero(*parts: bytes) -> None:
    if any(map(any, parts)):
        raise ValueError("reserved bytes are not zero")


def _flag(value: int, name: str) -> bool:
    if value > 1:
        raise ValueError(f"{name} is {value}")
    return bool(value)


def _read_expected(kind: int, op: int, count: int, body: bytes) -> Reply:
    if kind == _OUTCOMES:
        (first,) = struct.unpack_from("<Q", body)
        _zero(body[8:16])
        for at in range(16, len(body), Outcome.LENGTH):
            _zero(body[at + 26 : at + 28], body[at + 29 : at + 32])
        read = Outcome.from_bytes
        return Outcomes([read(first + at, body, 16 + 64 * at) for at in range(count)])
    if kind == _EVENT:
        return _read_event(body)
    if kind == _ERROR:
        code, value = struct.unpack_from("<H6xQ", body)
        _zero(body[2:8], body[16 + count :])
        raise Refused(code, value, body[16 : 16 + count].decode("utf-8", "replace"))
    if kind == _HELLO:
        return _read_hello(body)
    if kind == _ORIGIN:
        first, timestamp = struct.unpack_from("<QQ", body)
        session, tag = (int.from_bytes(body[at : at + 16], "little") for at in (16, 32))
        number, commands, operation = struct.unpack_from("<QIB", body, 48)
        _zero(body[61:])
        if not 1 <= commands <= BATCH_COMMANDS_MAX:
            raise ValueError(f"{commands} commands")
        return Origin(first, timestamp, session, tag, number, commands, Op(operation))
    if kind == _PROGRESS:
        return Progress(*struct.unpack("<QQ", body))
    if kind == _COMMANDS:
        first, timestamp = struct.unpack_from("<QQ", body)
        bodies = [body[at : at + BODY_BYTES] for at in range(16, len(body), BODY_BYTES)]
        return Commands(first, timestamp, Op(op), bodies)
    if kind == _SUBSCRIBE:
        _zero(body[24:])
        return Subscribed(*struct.unpack_from("<QQQ", body))
    return Heartbeat()


#: Bytes that the bodies of events use.
_USED = {
    EventKind.ACCOUNT: 128, EventKind.TRANSFER: 130, EventKind.ORDER: 153, EventKind.MARKET: 136,
    EventKind.BIDS: 160, EventKind.ASKS: 160, EventKind.QUEUE: 40, EventKind.TRANSFER_EXPIRED: 16,
    EventKind.TRANSFER_SETTLED: 19, EventKind.TRANSFER_DROPPED: 18, EventKind.TRADE: 84,
    EventKind.ORDER_CANCELLED: 25,
}  # fmt: skip


def _read_event(body: bytes) -> RawEvent:
    sequence, timestamp, number, zero, number_of_kind = struct.unpack_from("<QQQHB", body)
    kind = EventKind(number_of_kind)
    _zero(body[24:26], body[27:32], body[32 + _USED[kind] :])
    if kind is EventKind.TRANSFER_SETTLED:
        _zero(body[48:50])
    if kind.is_numbered != bool(number):
        raise ValueError(f"an event of kind {kind} with the number {number}")
    event = RawEvent(sequence, timestamp, number, kind, body[32:])
    # What it says is known, or it is no event.
    event.read()
    return event


def _read_hello(body: bytes) -> Hello:
    magic, version = struct.unpack_from("<8sI", body)
    if magic != MAGIC:
        raise ProtocolError("this is not the Ringfence protocol")
    if version != VERSION:
        raise ProtocolError(f"the engine speaks version {version}, this client version {VERSION}")
    batch_max, in_flight_max, idle_ms, last_sequence = struct.unpack_from("<IIIQ", body, 12)
    last_request, epoch, mode, known, events = struct.unpack_from("<QIBBB", body, 48)
    (resumes_after,) = struct.unpack_from("<Q", body, 64)
    _zero(body[63:64], body[72:80])
    return Hello(
        batch_commands_max=batch_max,
        in_flight_commands_max=in_flight_max,
        idle_timeout_ms=idle_ms,
        last_sequence=last_sequence,
        journal=body[32:48],
        last_request=last_request,
        epoch=epoch,
        mode=int(_flag(mode, "mode")),
        known=_flag(known, "known"),
        events=_flag(events, "events"),
        resumes_after=resumes_after,
    )
