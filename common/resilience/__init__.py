"""How a call to another service is kept from harming its caller: pure rules, no Django, no sockets, clocks injected.

    deadline    one budget of time for the whole call, retries included
    bulkhead    at most so many calls in flight, the others wait in line
    circuit     no calls at all while the service is down or slow
    retry       once more where that is safe, within a budget
    policy      the numbers of the four, checked for contradictions

`common.upstream` puts them around a socket.
"""

from .bulkhead import Bulkhead, BulkheadFull
from .circuit import Circuit, CircuitOpen, Outcome, Settlement, Transition
from .deadline import Deadline, DeadlineExceeded
from .policy import Policy
from .retry import RetryBudget, backoff_s

__all__ = [
    "Bulkhead",
    "BulkheadFull",
    "Circuit",
    "CircuitOpen",
    "Deadline",
    "DeadlineExceeded",
    "Outcome",
    "Policy",
    "RetryBudget",
    "Settlement",
    "Transition",
    "backoff_s",
]
