"""What can go wrong."""

from __future__ import annotations

from .numbers import ErrorCode


class RingfenceError(Exception):
    """The base of all errors of this package."""


class ProtocolError(RingfenceError):
    """What was received is not the protocol."""


class ConnectionLost(RingfenceError):
    """The connection ended in a session without a name: whether the batch was executed is unknown.

    Also where the client was closed: in a session the batch can be resumed later.
    """


class Unreachable(RingfenceError, OSError):
    """The engine could not be reached for ``retry_seconds``, or shows a certificate that is not trusted."""


class OutcomesLost(RingfenceError):
    """A batch was executed, but its outcomes can no longer be had: the outcome log begins later."""


class OtherHistory(RingfenceError):
    """The engine at this address has another journal, or one that was repaired, than before.

    Sending again might pay twice, and a place in the other one means nothing here, so nothing was sent.
    A person has to look.
    """


class Refused(RingfenceError):
    """The engine ended the connection and said why."""

    def __init__(self, code: int, value: int, text: str) -> None:
        super().__init__(f"{text} (code {code})")
        #: A number; see :attr:`reason`.
        self.code = code
        #: By the code: a sequence, a version, a limit; else 0.
        self.value = value
        #: For people.
        self.text = text

    @property
    def reason(self) -> ErrorCode | None:
        """The code, if this version of the client knows it."""
        try:
            return ErrorCode(self.code)
        except ValueError:
            return None

    @property
    def is_temporary(self) -> bool:
        """Whether the same may go well later, without a change of anything."""
        reason = self.reason
        return reason is not None and reason.is_temporary
