"""Client of the Ringfence payment engine.

* :class:`Client` and :class:`AsyncClient`: batches with exactly-once effect in a session.
* :class:`Subscription` and :class:`AsyncSubscription`: what happens, from any sequence on.
* :mod:`ringfence.records`: commands, outcomes, events.
"""

from .aio import AsyncClient, AsyncSubscription, Message
from .client import Client, Subscription
from .errors import (
    ConnectionLost,
    OtherHistory,
    OutcomesLost,
    ProtocolError,
    Refused,
    RingfenceError,
    Unreachable,
)
from .numbers import (
    AccountFlags,
    CancelReason,
    ErrorCode,
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
from .protocol import Wants, Wish
from .records import (
    AMOUNT_MAX,
    Account,
    AccountPolicy,
    AmendOrder,
    Answer,
    CancelOrder,
    CancelQueuedTransfer,
    Event,
    LedgerPolicy,
    LookupAccount,
    LookupMarket,
    LookupOrder,
    LookupQueue,
    LookupTransfer,
    Market,
    Order,
    Outcome,
    PairPolicy,
    RequeueTransfer,
    ResolveQueues,
    Transfer,
)
from .session import Replayed, session_id

__all__ = [
    "AMOUNT_MAX", "Account", "AccountFlags", "AccountPolicy", "AmendOrder", "Answer", "AsyncClient",
    "AsyncSubscription", "CancelOrder", "CancelQueuedTransfer", "CancelReason", "Client",
    "ConnectionLost", "ErrorCode", "Event", "EventKind", "Frozen", "LedgerPolicy", "LookupAccount",
    "LookupMarket", "LookupOrder", "LookupQueue", "LookupTransfer", "Market", "Message", "Op",
    "Order", "OrderStatus", "OtherHistory", "Outcome", "OutcomesLost", "PairPolicy",
    "PendingStatus", "ProtocolError", "QueueStatus", "Refused", "Replayed", "RequeueTransfer",
    "ResolveQueues", "RingfenceError", "SettledBy", "Side", "Status", "Subscription", "TimeInForce",
    "Transfer", "TransferFlags", "Unreachable", "Wants", "Wish", "session_id",
]  # fmt: skip
