"""The process's one client for each lane of each service, and the token that each call carries."""

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog
from django.conf import settings
from django.http import HttpRequest
from prometheus_client import Counter, Gauge, Histogram
from rest_framework import serializers

from common.identity import TokenIssuer
from common.observability.metrics import BUCKETS
from common.resilience import Deadline, Policy, Transition
from common.upstream import (
    Answer,
    BrokenContract,
    BulkheadRejected,
    Call,
    Prober,
    Transport,
    Upstream,
    UpstreamError,
)

from .contracts import contract_for
from .latency import LatencyLog
from .signals import circuit_changed

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


class MonitoredUpstream(Upstream):
    """A lane whose calls are counted for Prometheus and timed for the status page."""

    def __init__(self, name: str, lane: str, base_url: str, policy: Policy, prober: Prober) -> None:
        self.latency = LatencyLog()
        super().__init__(
            name,
            base_url,
            policy,
            lane=lane,
            prober=prober,
            on_transition=_announce,
            observe=self._note_attempt,
            sleep=self._pause_before_retry,
        )
        self._in_flight = IN_FLIGHT.labels(self.circuit.name)
        self._seconds = SECONDS.labels(self.circuit.name)
        CIRCUIT_STATE.labels(self.circuit.name).set(STATE_NUMBERS["closed"])

    def call(
        self, call: Call, check: Callable[[Answer], T], deadline: Deadline | None = None, caller: Hashable = None
    ) -> T:
        self._in_flight.inc()
        try:
            return super().call(call, check, deadline, caller)
        except BulkheadRejected:
            REJECTIONS.labels(self.circuit.name).inc()
            raise
        finally:
            self._in_flight.dec()

    def _note_attempt(self, seconds: float, error: UpstreamError | None) -> None:
        self.latency.record(seconds, failed=error is not None)
        self._seconds.observe(seconds)
        if error is not None:
            FAILURES.labels(self.circuit.name, error.cause).inc()

    def _pause_before_retry(self, seconds: float) -> None:
        RETRIES.labels(self.circuit.name).inc()
        time.sleep(seconds)


@cache
def upstream(service: str, lane: str) -> MonitoredUpstream:
    config = settings.UPSTREAMS[service]
    return MonitoredUpstream(service, lane, config["url"], config["lanes"][lane], prober(service))


@cache
def prober(service: str) -> Prober:
    """Shared by the service's lanes."""
    config = settings.UPSTREAMS[service]
    policy = next(iter(config["lanes"].values()))
    return Prober(Transport(service, config["url"], policy), policy)


def lanes() -> list[MonitoredUpstream]:
    """Every lane of every service."""
    return [upstream(service, lane) for service, config in settings.UPSTREAMS.items() for lane in config["lanes"]]


def deadline_of(request: HttpRequest) -> Deadline | None:
    """When the answer must be there: the time of a request begins when it arrives, if the server says when."""
    arrived_at = request.META.get("plaza.arrived_at")
    return None if arrived_at is None else Deadline(arrived_at + settings.DEADLINE_S)


@cache
def issuer(name: str) -> TokenIssuer:
    return TokenIssuer(settings.SERVICE_NAME, name, settings.UPSTREAMS[name]["key"])


def signed(call: Call, service: str, user_id: UUID | None = None, *, is_staff: bool = False) -> Call:
    """`call` with the gateway's token for `service`, which says for whom the gateway asks."""
    token = issuer(service).issue(user_id, is_staff=is_staff)
    return replace(call, headers={**(call.headers or {}), "Authorization": f"Bearer {token}"})


def ask(
    lane: MonitoredUpstream,
    method: str,
    path: str,
    answer: type[serializers.Serializer[Any]],
    body: Any = None,
    *,
    caller: Hashable,
) -> Any | None:
    """The gateway's own question to a service: the checked answer as a struct, or None for 404.

    `caller` is on whose behalf it asks.

    Raises:
        UpstreamError
    """

    def check(got: Answer) -> Any | None:
        if got.status == 404:
            return None
        if got.status != 200:
            raise BrokenContract(lane.name, f"answered {got.status}")
        return contract_for(answer).decode(lane.name, got.body)

    call = Call(method, path, body=None if body is None else msgspec.json.encode(body))
    return lane.call(signed(call, lane.name), check, caller=caller)


def _announce(transition: Transition) -> None:
    CIRCUIT_STATE.labels(transition.circuit).set(STATE_NUMBERS[transition.new])
    log.warning("circuit", upstream=transition.circuit, old=transition.old, new=transition.new)
    circuit_changed.send_robust(Upstream, transition=transition)
