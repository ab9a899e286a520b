"""Calls to another service.

`client` puts the rules of `common.resilience` around `transport`, which alone opens a socket.

Errors, all `UpstreamError`:

    UpstreamError
      ├─ NotCalled            BulkheadRejected, CircuitRejected: nothing was sent
      ├─ Unreachable          no connection: nothing was sent
      ├─ TimedOut             the deadline or a read time-out passed
      ├─ BrokenOff            the connection ended in the middle of an answer
      ├─ ServerFailed         an answer of 500 or above
      └─ BrokenContract       an answer that is not what was agreed, or too large
"""

from .client import Upstream
from .errors import (
    BrokenContract,
    BrokenOff,
    BulkheadRejected,
    CircuitRejected,
    NotCalled,
    ServerFailed,
    TimedOut,
    Unreachable,
    UpstreamError,
)
from .transport import DEADLINE_HEADER, SAFE_METHODS, Answer, Call, Transport, deadline_of

__all__ = [
    "DEADLINE_HEADER",
    "SAFE_METHODS",
    "Answer",
    "BrokenContract",
    "BrokenOff",
    "BulkheadRejected",
    "Call",
    "CircuitRejected",
    "NotCalled",
    "ServerFailed",
    "TimedOut",
    "Transport",
    "Unreachable",
    "Upstream",
    "UpstreamError",
    "deadline_of",
]
