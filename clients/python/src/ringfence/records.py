"""What commands carry and what comes back: one class for each record of docs/protocol.md.

Amounts are integers in minor units, times are nanoseconds since 1970-01-01 in UTC, ids are integers of
128 bits. A class that is sent names its operation in ``OP``.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, fields
from enum import IntFlag
from typing import Any, ClassVar, Protocol, TypeVar

from .numbers import (
    AccountFlags,
    CancelReason,
    EventKind,
    Frozen,
    Op,
    OrderStatus,
    PendingStatus,
    QueueStatus,
    SettledBy,
    Side,
    Status,
    TimeInForce,
    TransferFlags,
)

BODY_BYTES = 128
AMOUNT_MAX = 2**128 - 1


def packed(name: str, value: Any, length: int) -> bytes:
    """The bytes of an integer. What is none is refused with its name, never rounded."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None
    if number < 0 or number >> (8 * length):
        raise ValueError(f"{name} must be 0 to 2^{8 * length} - 1, not {value}")
    return number.to_bytes(length, "little")


def flag(name: str, value: Any) -> bool:
    """A value that is true or false."""
    if value not in (0, 1):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return bool(value)


F = TypeVar("F", bound=IntFlag)


def flags(kind: type[F], value: Any) -> F:
    """Flags, all of which have a meaning."""
    known = kind(0)
    for each in kind:
        known |= each
    if operator.index(value) & ~int(known):
        raise ValueError(f"flags {value!r} are not all known")
    return kind(value)


class Layout:
    """Integers one behind the other: a name and a length in bytes each; a name of "" is zeros."""

    def __init__(self, *parts: tuple[str, int]) -> None:
        self.parts = parts
        self.length = sum(length for _, length in parts)

    def pack(self, values: dict[str, Any]) -> bytes:
        """The bytes of ``values``, each of them checked."""
        return b"".join(
            packed(name, values[name], length) if name else bytes(length)
            for name, length in self.parts
        )

    def unpack(self, data: bytes, offset: int = 0) -> dict[str, int]:
        """The values that lie in ``data`` from ``offset`` on."""
        values = {}
        for name, length in self.parts:
            if name:
                values[name] = int.from_bytes(data[offset : offset + length], "little")
            offset += length
        return values


class Command(Protocol):
    """Something that can be sent in a batch."""

    OP: ClassVar[Op]

    def to_bytes(self) -> bytes:
        """The 128 bytes of the body."""
        ...


R = TypeVar("R", bound="_Record")


class _Record:
    LAYOUT: ClassVar[Layout]

    def to_bytes(self) -> bytes:
        """The bytes of the record, filled up with zeros to 128."""
        return self.LAYOUT.pack(vars(self)).ljust(BODY_BYTES, b"\0")

    @classmethod
    def from_bytes(cls: type[R], data: bytes, offset: int = 0) -> R:
        """The record whose bytes lie in ``data`` from ``offset`` on."""
        return cls(**cls.LAYOUT.unpack(data, offset))


@dataclass
class Account(_Record):
    """Creates an account; also what a look-up of one finds."""

    OP: ClassVar[Op] = Op.CREATE_ACCOUNT
    LAYOUT: ClassVar[Layout] = Layout(
        ("id", 16), ("debits_pending", 16), ("debits_posted", 16), ("credits_pending", 16),
        ("credits_posted", 16), ("user_data_128", 16), ("user_data_64", 8), ("user_data_32", 4),
        ("", 4), ("ledger", 4), ("code", 2), ("flags", 2), ("timestamp", 8),
    )  # fmt: skip

    id: int
    ledger: int = 0
    code: int = 0
    flags: AccountFlags = AccountFlags.NONE
    user_data_128: int = 0
    user_data_64: int = 0
    user_data_32: int = 0
    timestamp: int = 0
    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0

    def __post_init__(self) -> None:
        self.flags = flags(AccountFlags, self.flags)


@dataclass
class Transfer(_Record):
    """Moves, reserves, posts or voids money; also what a look-up of a transfer finds."""

    OP: ClassVar[Op] = Op.CREATE_TRANSFER
    LAYOUT: ClassVar[Layout] = Layout(
        ("id", 16), ("debit_account_id", 16), ("credit_account_id", 16), ("amount", 16),
        ("pending_id", 16), ("user_data_128", 16), ("user_data_64", 8), ("user_data_32", 4),
        ("timeout", 4), ("ledger", 4), ("code", 2), ("flags", 2), ("timestamp", 8),
    )  # fmt: skip

    id: int
    debit_account_id: int = 0
    credit_account_id: int = 0
    amount: int = 0
    ledger: int = 0
    code: int = 0
    flags: TransferFlags = TransferFlags.NONE
    pending_id: int = 0
    timeout: int = 0
    user_data_128: int = 0
    user_data_64: int = 0
    user_data_32: int = 0
    timestamp: int = 0

    def __post_init__(self) -> None:
        self.flags = flags(TransferFlags, self.flags)


@dataclass
class _OfId(_Record):
    LAYOUT: ClassVar[Layout] = Layout(("id", 16), ("", 112))

    id: int


@dataclass
class LookupAccount(_OfId):
    """Looks up an account; the answer's body is an :class:`Account`."""

    OP: ClassVar[Op] = Op.LOOKUP_ACCOUNT


@dataclass
class LookupTransfer(_OfId):
    """Looks up a transfer; the answer's body is a :class:`TransferFound`."""

    OP: ClassVar[Op] = Op.LOOKUP_TRANSFER


@dataclass
class LookupOrder(_OfId):
    """Looks up an order; the answer's body is an :class:`OrderFound`."""

    OP: ClassVar[Op] = Op.LOOKUP_ORDER


@dataclass
class LookupMarket(_OfId):
    """Looks up a market; the answer's bodies are a :class:`MarketFound`, bids and asks."""

    OP: ClassVar[Op] = Op.LOOKUP_MARKET
    # A market's id has 32 bits.
    LAYOUT: ClassVar[Layout] = Layout(("id", 4), ("", 124))


@dataclass
class LookupQueue(_OfId):
    """Looks up the queue of an account; the answer's body is a :class:`QueueFound`."""

    OP: ClassVar[Op] = Op.LOOKUP_QUEUE


@dataclass
class CancelOrder(_OfId):
    """Cancels an order."""

    OP: ClassVar[Op] = Op.CANCEL_ORDER


@dataclass
class CancelQueuedTransfer(_OfId):
    """Takes a payment out of its queue."""

    OP: ClassVar[Op] = Op.CANCEL_QUEUED_TRANSFER


@dataclass
class RequeueTransfer(_Record):
    """Makes a queued payment urgent or not."""

    OP: ClassVar[Op] = Op.REQUEUE_TRANSFER
    LAYOUT: ClassVar[Layout] = Layout(("id", 16), ("urgent", 1), ("", 111))

    id: int
    urgent: bool = False

    def __post_init__(self) -> None:
        self.urgent = flag("urgent", self.urgent)


@dataclass
class ResolveQueues(_Record):
    """Settles what queued payments of a ledger can settle together."""

    OP: ClassVar[Op] = Op.RESOLVE_QUEUES
    LAYOUT: ClassVar[Layout] = Layout(("ledger", 4), ("", 124))

    ledger: int


@dataclass
class AccountPolicy:
    """Sets the policy of an account: a limit that is None does not exist."""

    OP: ClassVar[Op] = Op.SET_ACCOUNT_POLICY
    LAYOUT: ClassVar[Layout] = Layout(
        ("account_id", 16), ("debit_amount_max", 16), ("credit_amount_max", 16),
        ("debit_spend_amount", 16), ("debit_spend_count", 8), ("debit_rate_count", 8),
        ("debit_spend_window_seconds", 4), ("debit_rate_window_seconds", 4), ("frozen", 1),
        ("limits", 1), ("", 38),
    )  # fmt: skip

    account_id: int
    debit_amount_max: int | None = None
    credit_amount_max: int | None = None
    debit_rate_count: int | None = None
    debit_rate_window_seconds: int = 0
    debit_spend_amount: int | None = None
    debit_spend_count: int | None = None
    debit_spend_window_seconds: int = 0
    frozen: Frozen = Frozen.NONE

    def __post_init__(self) -> None:
        self.frozen = Frozen(self.frozen)

    def to_bytes(self) -> bytes:
        """The 128 bytes of the body."""
        limits = (
            self.debit_amount_max,
            self.credit_amount_max,
            self.debit_rate_count,
            self.debit_spend_amount,
            self.debit_spend_count,
        )
        bits = sum(1 << bit for bit, limit in enumerate(limits) if limit is not None)
        values = {name: 0 if value is None else value for name, value in vars(self).items()}
        return self.LAYOUT.pack({**values, "limits": bits})


@dataclass
class LedgerPolicy:
    """Sets the policy of a ledger; open from ``open_second`` to ``close_second`` of the day."""

    OP: ClassVar[Op] = Op.SET_LEDGER_POLICY
    LAYOUT: ClassVar[Layout] = Layout(
        ("amount_max", 16), ("ledger", 4), ("open_second", 4), ("close_second", 4), ("halted", 1),
        ("limits", 1), ("", 98),
    )  # fmt: skip

    ledger: int
    amount_max: int | None = None
    open_second: int = 0
    close_second: int = 0
    halted: bool = False

    def __post_init__(self) -> None:
        self.halted = flag("halted", self.halted)

    def to_bytes(self) -> bytes:
        """The 128 bytes of the body."""
        values = {**vars(self), "amount_max": 0 if self.amount_max is None else self.amount_max}
        return self.LAYOUT.pack({**values, "limits": int(self.amount_max is not None)})


@dataclass
class PairPolicy(_Record):
    """Blocks payments from one account to another, or no longer."""

    OP: ClassVar[Op] = Op.SET_PAIR_POLICY
    LAYOUT: ClassVar[Layout] = Layout(("debit_account_id", 16), ("credit_account_id", 16), ("blocked", 1), ("", 95))

    debit_account_id: int
    credit_account_id: int
    blocked: bool = True

    def __post_init__(self) -> None:
        self.blocked = flag("blocked", self.blocked)


@dataclass
class Market(_Record):
    """Creates a market."""

    OP: ClassVar[Op] = Op.CREATE_MARKET
    LAYOUT: ClassVar[Layout] = Layout(
        ("base_account_id", 16), ("quote_account_id", 16), ("fee_account_id", 16), ("lot", 8),
        ("tick", 8), ("maker_fee", 8), ("taker_fee", 8), ("id", 4), ("base_ledger", 4),
        ("quote_ledger", 4), ("", 36),
    )  # fmt: skip

    id: int
    base_ledger: int
    quote_ledger: int
    base_account_id: int
    quote_account_id: int
    fee_account_id: int
    lot: int
    tick: int
    maker_fee: int = 0
    taker_fee: int = 0


@dataclass
class Order(_Record):
    """Places an order; also what a look-up of one finds."""

    OP: ClassVar[Op] = Op.PLACE_ORDER
    LAYOUT: ClassVar[Layout] = Layout(
        ("id", 16), ("base_account_id", 16), ("quote_account_id", 16), ("budget", 16),
        ("user_data_128", 16), ("price", 8), ("quantity", 8), ("market", 4), ("timeout", 4),
        ("side", 1), ("time_in_force", 1), ("post_only", 1), ("", 21),
    )  # fmt: skip

    id: int
    market: int
    side: Side
    base_account_id: int
    quote_account_id: int
    quantity: int
    price: int = 0
    budget: int = 0
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    timeout: int = 0
    user_data_128: int = 0

    def __post_init__(self) -> None:
        self.side = Side(self.side)
        self.time_in_force = TimeInForce(self.time_in_force)
        self.post_only = flag("post_only", self.post_only)


@dataclass
class AmendOrder(_Record):
    """Changes an order's price, or lowers its quantity to the lots that shall remain."""

    OP: ClassVar[Op] = Op.AMEND_ORDER
    LAYOUT: ClassVar[Layout] = Layout(("id", 16), ("price", 8), ("quantity", 8), ("", 96))

    id: int
    price: int = 0
    quantity: int = 0


@dataclass
class TransferFound:
    """A transfer, and what became of it."""

    transfer: Transfer
    pending_status: PendingStatus | None
    queue_status: QueueStatus | None


@dataclass
class OrderFound:
    """An order, and how much of it has traded."""

    order: Order
    timestamp: int
    filled: int
    remaining: int
    status: OrderStatus


@dataclass
class MarketFound:
    """A market, and when it was created."""

    market: Market
    timestamp: int


@dataclass
class Level:
    """Orders of one price."""

    quantity: int
    price: int
    orders: int


@dataclass
class Levels:
    """The best prices of one side, the best first."""

    levels: list[Level]


@dataclass
class QueueFound:
    """What waits in the queue of an account."""

    amount: int
    head_id: int
    count: int


@dataclass
class TransferExpired:
    """A pending or queued transfer expired."""

    id: int


@dataclass
class TransferSettled:
    """A queued payment settled."""

    id: int
    by: SettledBy


@dataclass
class TransferDropped:
    """A queued payment left its queue because it could no longer settle."""

    id: int
    status: Status


@dataclass
class Trade:
    """Two orders met."""

    LAYOUT: ClassVar[Layout] = Layout(
        ("taker_order_id", 16), ("maker_order_id", 16), ("taker_fee", 16), ("maker_fee", 16),
        ("price", 8), ("quantity", 8), ("market", 4),
    )  # fmt: skip

    taker_order_id: int
    maker_order_id: int
    taker_fee: int
    maker_fee: int
    price: int
    quantity: int
    market: int


@dataclass
class OrderCancelled:
    """A resting order was cancelled, and not by its owner."""

    id: int
    remaining: int
    reason: CancelReason


Body = (
    Account | TransferFound | OrderFound | MarketFound | Levels | QueueFound | TransferExpired
    | TransferSettled | TransferDropped | Trade | OrderCancelled
)  # fmt: skip


def _number(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "little")


def _levels(data: bytes) -> Levels:
    levels = [
        Level(_number(data, at, 16), _number(data, at + 16, 8), _number(data, at + 24, 8))
        for at in range(0, 160, 32)
    ]
    return Levels([level for level in levels if level.orders])


def read_body(kind: EventKind, data: bytes) -> Body:
    """The body of an event of this kind, from its 160 bytes."""
    if kind is EventKind.ACCOUNT:
        return Account.from_bytes(data)
    if kind is EventKind.TRANSFER:
        pending, queue = data[128], data[129]
        return TransferFound(
            Transfer.from_bytes(data),
            PendingStatus(pending) if pending else None,
            QueueStatus(queue) if queue else None,
        )
    if kind is EventKind.ORDER:
        return OrderFound(
            Order.from_bytes(data),
            timestamp=_number(data, 128, 8),
            filled=_number(data, 136, 8),
            remaining=_number(data, 144, 8),
            status=OrderStatus(data[152]),
        )
    if kind is EventKind.MARKET:
        return MarketFound(Market.from_bytes(data), _number(data, 128, 8))
    if kind in (EventKind.BIDS, EventKind.ASKS):
        return _levels(data)
    if kind is EventKind.QUEUE:
        return QueueFound(_number(data, 0, 16), _number(data, 16, 16), _number(data, 32, 8))
    if kind is EventKind.TRANSFER_EXPIRED:
        return TransferExpired(_number(data, 0, 16))
    if kind is EventKind.TRANSFER_SETTLED:
        return TransferSettled(_number(data, 0, 16), SettledBy(data[18]))
    if kind is EventKind.TRANSFER_DROPPED:
        return TransferDropped(_number(data, 0, 16), Status(_number(data, 16, 2)))
    if kind is EventKind.TRADE:
        return Trade(**Trade.LAYOUT.unpack(data))
    return OrderCancelled(_number(data, 0, 16), _number(data, 16, 8), CancelReason(data[24]))


@dataclass
class Outcome:
    """What became of one command."""

    LAYOUT: ClassVar[Layout] = Layout(
        ("id", 16), ("timestamp", 8), ("status", 2), ("", 2), ("op", 1), ("", 3),
        ("detail_0", 8), ("detail_1", 8), ("detail_2", 8), ("detail_3", 8),
    )  # fmt: skip
    LENGTH: ClassVar[int] = 64

    sequence: int
    id: int
    timestamp: int
    status: Status
    op: Op
    details: tuple[int, int, int, int] = (0, 0, 0, 0)

    @classmethod
    def from_bytes(cls, sequence: int, data: bytes, offset: int) -> Outcome:
        """The outcome of command ``sequence`` that lies in ``data`` from ``offset`` on."""
        values = cls.LAYOUT.unpack(data, offset)
        return cls(
            sequence=sequence,
            id=values["id"],
            timestamp=values["timestamp"],
            status=Status(values["status"]),
            op=Op(values["op"]),
            details=(
                values["detail_0"],
                values["detail_1"],
                values["detail_2"],
                values["detail_3"],
            ),
        )

    @property
    def order(self) -> tuple[OrderStatus, int, int] | None:
        """Of orders: their status, lots filled and lots remaining."""
        if self.op not in (Op.PLACE_ORDER, Op.AMEND_ORDER, Op.CANCEL_ORDER) or not self.details[0]:
            return None
        return OrderStatus(self.details[0]), self.details[1], self.details[2]

    @property
    def resolution(self) -> tuple[int, int] | None:
        """Of resolutions: how many payments settled, and their sum."""
        if self.op is not Op.RESOLVE_QUEUES or self.status is not Status.OK:
            return None
        return self.details[0], self.details[2] | self.details[3] << 64


@dataclass
class Answer:
    """The outcome of a command, and what a look-up found."""

    outcome: Outcome
    bodies: list[Body] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """The status of the outcome."""
        return self.outcome.status

    @property
    def body(self) -> Body | None:
        """What a look-up found; of a market the market itself."""
        return self.bodies[0] if self.bodies else None


@dataclass
class Event:
    """An effect of a command besides its outcome."""

    sequence: int
    timestamp: int
    number: int
    kind: EventKind
    body: Body


BODIES: dict[Op, type[Any]] = {
    record.OP: record
    for record in (
        Account, Transfer, LookupAccount, LookupTransfer, LookupOrder, LookupMarket, LookupQueue,
        CancelOrder, CancelQueuedTransfer, RequeueTransfer, ResolveQueues, PairPolicy, Market,
        Order, AmendOrder,
    )
}  # fmt: skip


def read_command(op: Op, data: bytes) -> Any:
    """The command of operation ``op`` whose body is ``data``; policies of accounts and ledgers too."""
    if op is Op.SET_ACCOUNT_POLICY:
        values = AccountPolicy.LAYOUT.unpack(data)
        bits = values.pop("limits")
        limits = (
            "debit_amount_max", "credit_amount_max", "debit_rate_count", "debit_spend_amount",
            "debit_spend_count",
        )  # fmt: skip
        absent = {name: None for bit, name in enumerate(limits) if not bits >> bit & 1}
        return AccountPolicy(**{**values, "frozen": Frozen(values["frozen"]), **absent})  # type: ignore[arg-type]
    if op is Op.SET_LEDGER_POLICY:
        values = LedgerPolicy.LAYOUT.unpack(data)
        bits = values.pop("limits")
        absent = {} if bits else {"amount_max": None}
        return LedgerPolicy(**{**values, "halted": bool(values["halted"]), **absent})  # type: ignore[arg-type]
    if op is Op.PULSE:
        return None
    return BODIES[op].from_bytes(data)


def field_names(record: Any) -> list[str]:
    """The names of a record's fields, in their order."""
    return [each.name for each in fields(record)]
