"""Calls to another service.

`client` puts the rules of `common.resilience` around `transport`, which sends through `adapter` and `connection`:
nothing else opens a socket. `replicas` says which address of a service is next. `prober` asks a service whether it is
ready, before a circuit opens and while it is open.

Errors, all `UpstreamError`:

    UpstreamError
      ├─ NotCalled            BulkheadRejected, CircuitRejected: nothing was sent
      ├─ Unreachable          no connection: nothing was sent
      ├─ TimedOut             the deadline or a read time-out passed
      ├─ BrokenOff            the connection ended in the middle of an answer
      ├─ ServerFailed         an answer of 500 or above
      ├─ StorageFull          the service can't write, and says so
      ├─ BrokenContract       an answer that is not what was agreed, or too large
      └─ RequestTooLong       more than a service reads: nothing was sent
"""

from .client import Upstream
from .errors import (
    BrokenContract,
    BrokenOff,
    BulkheadRejected,
    CircuitRejected,
    NotCalled,
    RequestTooLong,
    ServerFailed,
    StorageFull,
    TimedOut,
    Unreachable,
    UpstreamError,
)
from .prober import Prober
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
    "Prober",
    "RequestTooLong",
    "ServerFailed",
    "StorageFull",
    "TimedOut",
    "Transport",
    "Unreachable",
    "Upstream",
    "UpstreamError",
    "deadline_of",
]
