"""One lane of a service behind its policy: bulkhead around the call, circuit around each attempt, retries between."""

import json
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from common.observability.tracing import call_span, note_answer
from common.resilience import (
    Bulkhead,
    BulkheadFull,
    Circuit,
    CircuitOpen,
    Deadline,
    Outcome,
    Policy,
    RetryBudget,
    Settlement,
    Transition,
    backoff_s,
)
from common.resilience.deadline import Clock

from .errors import (
    BrokenContract,
    BrokenOff,
    BulkheadRejected,
    CircuitRejected,
    ServerFailed,
    StorageFull,
    TimedOut,
    Unreachable,
    UpstreamError,
)
from .prober import Prober
from .transport import HOP_ALLOWANCE_MS, Answer, Call, Transport, left_to_hand_on_ms

PASSING_STATUSES = frozenset({502, 503, 504})  # a server that may answer the next time
STORAGE = "/problems/storage"

T = TypeVar("T")


@dataclass(slots=True)
class _Attempt(Generic[T]):
    """One exchange, and what it says about the service."""

    call: Call
    caller: Hashable
    policy: Policy
    status: int = 0

    def settle(self, result: T | None, error: Exception | None, seconds: float) -> Settlement:
        """A 4xx of any shape is the request's doing, and so is too little time left by the caller."""
        was_hurried = isinstance(error, TimedOut) and seconds < self.policy.slow_call_s
        if 400 <= self.status < 500 or was_hurried or isinstance(error, StorageFull):
            return Settlement(Outcome.NEUTRAL)
        # What broke the contract may be one row, whoever reads it; all else may be what one caller asks for.
        suspect = self.call.path if isinstance(error, BrokenContract) else self.caller
        return Settlement(Outcome.FAILURE if error else Outcome.SUCCESS, suspect)


class Upstream:
    """Safe to share between threads. It belongs to one process, so another's trouble opens no circuit here.

    `observe` is told of every attempt: seconds, and None or the error. `prober` answers for the circuit; without one
    the circuit opens only when nobody is served.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        policy: Policy,
        *,
        lane: str = "",
        prober: Prober | None = None,
        on_transition: Callable[[Transition], None] | None = None,
        observe: Callable[[float, UpstreamError | None], None] | None = None,
        transport: Transport | None = None,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.lane = lane
        self.policy = policy
        self.retries = 0
        self.bulkhead = Bulkhead(policy.max_in_flight, policy.max_waiting)
        self._transport = transport or Transport(name, base_url, policy)
        prober = prober or Prober(self._transport, policy)
        self.circuit = Circuit(
            f"{name}/{lane}" if lane not in ("", name) else name,
            policy,
            ask=prober.wake,
            on_transition=on_transition,
            clock=clock,
        )
        prober.watch(self.circuit)
        self._observe = observe or (lambda seconds, error: None)
        self._budget = RetryBudget(policy, clock)
        self._clock = clock
        self._sleep = sleep

    def call(
        self, call: Call, check: Callable[[Answer], T], deadline: Deadline | None = None, caller: Hashable = None
    ) -> T:
        """What `check` makes of the answer. A `BrokenContract` that it raises counts as a failure of the service.

        `deadline` can only shorten the policy's own. `caller` is on whose behalf it is made: nobody gets all places.

        Raises:
            UpstreamError: see `common.upstream`.
        """
        budget_s = self.policy.deadline_s + call.more_time_s
        deadline = deadline.within(budget_s) if deadline else Deadline.after(budget_s, self._clock)
        self._budget.count_call()
        try:
            with self.bulkhead.entered(caller, deadline.earlier_by(HOP_ALLOWANCE_MS / 1000)):
                return self._attempts(call, check, deadline, caller)
        except BulkheadFull as error:
            raise BulkheadRejected(self.name, str(error), error.retry_after_s) from error

    def _attempts(self, call: Call, check: Callable[[Answer], T], deadline: Deadline, caller: Hashable) -> T:
        attempt = 0
        while True:
            try:
                return self._attempt(call, check, deadline, caller)
            except UpstreamError as error:
                pause_s = backoff_s(attempt, self.policy)
                is_last = attempt >= self.policy.max_retries or pause_s >= deadline.remaining_s()
                if is_last or not _is_retryable(call, error) or not self._budget.take():
                    raise
            self.retries += 1
            attempt += 1
            self._sleep(pause_s)

    def _attempt(self, call: Call, check: Callable[[Answer], T], deadline: Deadline, caller: Hashable) -> T:
        if not left_to_hand_on_ms(deadline):  # the caller's doing, so not the circuit's business
            raise TimedOut(self.name, "too little time is left to ask")
        attempt: _Attempt[T] = _Attempt(call, caller, self.policy)
        try:
            return self.circuit.call(lambda: self._exchange(attempt, check, deadline), attempt.settle)
        except CircuitOpen as error:
            raise CircuitRejected(self.name, error.retry_after_s) from error

    def _exchange(self, attempt: _Attempt[T], check: Callable[[Answer], T], deadline: Deadline) -> T:
        started_at = self._clock()
        failure: UpstreamError | None = None
        try:
            with call_span(attempt.call.method, self.name):
                answer = self._transport.exchange(attempt.call, deadline)
                attempt.status = answer.status
                note_answer(answer.status)
                if answer.status >= 500:
                    raise _failure_of(self.name, answer)
                return check(answer)
        except UpstreamError as error:
            failure = error
            raise
        finally:
            self._observe(self._clock() - started_at, failure)


def _failure_of(name: str, answer: Answer) -> UpstreamError:
    """A service whose disk is full says so in its problem document."""
    try:
        is_storage = json.loads(answer.body)["type"] == STORAGE
    except (ValueError, TypeError, KeyError, RecursionError):
        is_storage = False
    return StorageFull(name, "it can't write") if is_storage else ServerFailed(name, answer.status)


def _is_retryable(call: Call, error: UpstreamError) -> bool:
    """Once bytes were sent only what may be repeated is. What timed out never is."""
    if isinstance(error, Unreachable):
        return True
    passing = isinstance(error, BrokenOff) or (isinstance(error, ServerFailed) and error.status in PASSING_STATUSES)
    return passing and call.may_repeat
