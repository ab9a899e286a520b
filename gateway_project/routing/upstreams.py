"""The process's one client for each service, and calls that carry on whose behalf they are made."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog
from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram
from rest_framework import serializers

from common.identity import TokenIssuer
from common.metrics import BUCKETS
from common.resilience import Deadline, Policy, Transition
from common.tracing import note
from common.upstream import Answer, BrokenContract, BulkheadRejected, Call, Upstream, UpstreamError
from gateway_project.status.latency import LatencyLog
from gateway_project.status.recorder import record_transition

from .contracts import contract_for

SECONDS = Histogram(
    "plaza_upstream_seconds", "Time of one attempt at a service, in seconds.", ["upstream"], buckets=BUCKETS
)
FAILURES = Counter("plaza_upstream_failures_total", "Failed attempts.", ["upstream", "cause"])
RETRIES = Counter("plaza_upstream_retries_total", "Attempts after the first one of a call.", ["upstream"])
REJECTIONS = Counter("plaza_bulkhead_rejected_total", "Calls refused because the bulkhead was full.", ["upstream"])
IN_FLIGHT = Gauge("plaza_upstream_in_flight", "Calls at the moment.", ["upstream"], multiprocess_mode="livesum")
CIRCUIT_STATE = Gauge(
    "plaza_circuit_state",
    "0 closed, 1 half-open, 2 open; of several processes the worst.",
    ["upstream"],
    multiprocess_mode="livemax",
)
STATE_NUMBERS = {"closed": 0, "half-open": 1, "open": 2}

log = structlog.get_logger(__name__)
T = TypeVar("T")


class WatchedUpstream(Upstream):
    """An upstream that Prometheus and the status page know all about."""

    def __init__(self, name: str, base_url: str, policy: Policy) -> None:
        self.latency = LatencyLog()
        self._in_flight = IN_FLIGHT.labels(name)
        CIRCUIT_STATE.labels(name).set(STATE_NUMBERS["closed"])
        super().__init__(
            name,
            base_url,
            policy,
            on_transition=_announce,
            observe=self._note_attempt,
            sleep=self._pause_before_retry,
        )

    def call(self, call: Call, check: Callable[[Answer], T], deadline: Deadline | None = None) -> T:
        self._in_flight.inc()
        try:
            return super().call(call, check, deadline)
        except BulkheadRejected:
            REJECTIONS.labels(self.name).inc()
            raise
        finally:
            self._in_flight.dec()

    def _note_attempt(self, name: str, seconds: float, error: UpstreamError | None) -> None:
        self.latency.record(seconds, failed=error is not None)
        SECONDS.labels(name).observe(seconds)
        if error is not None:
            FAILURES.labels(name, error.cause).inc()

    def _pause_before_retry(self, seconds: float) -> None:
        RETRIES.labels(self.name).inc()
        time.sleep(seconds)


@cache
def upstream(name: str) -> WatchedUpstream:
    config = settings.UPSTREAMS[name]
    return WatchedUpstream(name, config["url"], config["policy"])


@cache
def issuer(name: str) -> TokenIssuer:
    return TokenIssuer(settings.SERVICE_NAME, name, settings.UPSTREAMS[name]["key"])


def ask(
    service: str, method: str, path: str, answer: type[serializers.Serializer[Any]], body: Any = None
) -> Any | None:
    """The gateway's own question to a service: the checked answer as a struct, or None for 404.

    Raises:
        UpstreamError
    """

    def check(got: Answer) -> Any | None:
        if got.status == 404:
            return None
        if got.status != 200:
            raise BrokenContract(service, f"answered {got.status}")
        return contract_for(answer).decode(service, got.body)

    payload = None if body is None else msgspec.json.encode(body)
    headers = {"Authorization": f"Bearer {issuer(service).issue()}"}
    return upstream(service).call(Call(method, path, body=payload, headers=headers), check)


def call_for(service: str, call: Call, check: Callable[[Answer], T], *, user_id: UUID | None, is_staff: bool) -> T:
    """`call`, made on behalf of a user. Raises `UpstreamError`."""
    token = issuer(service).issue(user_id, is_staff=is_staff)
    headers = {**(call.headers or {}), "Authorization": f"Bearer {token}"}
    note(upstream=service)
    signed = Call(call.method, call.path, call.query, call.body, headers, call.replay_safe)
    return upstream(service).call(signed, check)


def _announce(transition: Transition) -> None:
    CIRCUIT_STATE.labels(transition.circuit).set(STATE_NUMBERS[transition.new])
    log.warning("circuit", upstream=transition.circuit, old=transition.old, new=transition.new)
    record_transition(transition)
