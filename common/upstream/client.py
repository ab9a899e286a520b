"""A service behind its policy: bulkhead around the call, circuit around each attempt, retries between them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from common.resilience import (
    Bulkhead,
    BulkheadFull,
    Circuit,
    CircuitOpen,
    Deadline,
    Policy,
    RetryBudget,
    Transition,
    backoff_s,
)
from common.resilience.deadline import Clock
from common.tracing import call_span, note_answer

from .errors import BrokenOff, BulkheadRejected, CircuitRejected, ServerFailed, TimedOut, Unreachable, UpstreamError
from .transport import Answer, Call, Transport, left_to_hand_on_ms

PASSING_STATUSES = frozenset({502, 503, 504})  # a server that may answer the next time

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Checked(Generic[T]):
    status: int
    value: T


class Upstream:
    """One service. Safe to share between threads; belongs to one process, so no other's trouble opens its circuit.

    `observe` is told of every attempt: seconds, and None or the error.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        policy: Policy,
        *,
        on_transition: Callable[[Transition], None] | None = None,
        observe: Callable[[str, float, UpstreamError | None], None] | None = None,
        transport: Transport | None = None,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.policy = policy
        self.bulkhead = Bulkhead(policy.max_in_flight)
        self.circuit = Circuit(name, policy, is_neutral=_is_client_error, on_transition=on_transition, clock=clock)
        self.retries = 0
        self._observe = observe or (lambda name, seconds, error: None)
        self._budget = RetryBudget(policy, clock)
        self._transport = transport or Transport(name, base_url, policy)
        self._clock = clock
        self._sleep = sleep

    def call(self, call: Call, check: Callable[[Answer], T], deadline: Deadline | None = None) -> T:
        """What `check` makes of the answer; a `BrokenContract` that it raises counts as a failure of the service.

        `deadline` can only shorten the policy's own.

        Raises:
            UpstreamError: see `common.upstream`.
        """
        own = Deadline.after(self.policy.deadline_s, self._clock)
        deadline = deadline.within(self.policy.deadline_s) if deadline else own
        self._budget.count_call()
        try:
            with self.bulkhead.entered():
                return self._attempts(call, check, deadline)
        except BulkheadFull as error:
            raise BulkheadRejected(self.name, str(error)) from error

    def _attempts(self, call: Call, check: Callable[[Answer], T], deadline: Deadline) -> T:
        attempt = 0
        while True:
            try:
                return self._attempt(call, check, deadline)
            except UpstreamError as error:
                pause_s = backoff_s(attempt, self.policy)
                is_last = attempt >= self.policy.max_retries or pause_s >= deadline.remaining_s()
                if is_last or not _is_retryable(call, error) or not self._budget.take():
                    raise
            self.retries += 1
            attempt += 1
            self._sleep(pause_s)

    def _attempt(self, call: Call, check: Callable[[Answer], T], deadline: Deadline) -> T:
        def guarded() -> _Checked[T]:
            started_at = self._clock()
            failure: UpstreamError | None = None
            try:
                with call_span(call.method, self.name):
                    answer = self._transport.exchange(call, deadline)
                    note_answer(answer.status)
                    if answer.status >= 500:
                        raise ServerFailed(self.name, answer.status)
                    return _Checked(answer.status, check(answer))
            except UpstreamError as error:
                failure = error
                raise
            finally:
                self._observe(self.name, self._clock() - started_at, failure)

        if not left_to_hand_on_ms(deadline):  # the caller's doing, so not the circuit's business
            raise TimedOut(self.name, "too little time is left to ask")
        try:
            return self.circuit.call(guarded).value
        except CircuitOpen as error:
            raise CircuitRejected(self.name, error.retry_after_s) from error


def _is_client_error(result: object) -> bool:
    return isinstance(result, _Checked) and result.status >= 400


def _is_retryable(call: Call, error: UpstreamError) -> bool:
    """Once bytes were sent only what may be repeated is; what timed out never is."""
    if isinstance(error, Unreachable):
        return True
    passing = isinstance(error, BrokenOff) or (isinstance(error, ServerFailed) and error.status in PASSING_STATUSES)
    return passing and call.may_repeat
