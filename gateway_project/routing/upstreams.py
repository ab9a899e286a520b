"""The process's one client for each service, and calls that carry on whose behalf they are made."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog
from django.conf import settings
from prometheus_client import Counter, Histogram
from rest_framework import serializers

from common.identity import TokenIssuer
from common.metrics import BUCKETS
from common.resilience import Transition
from common.tracing import note
from common.upstream import Answer, BrokenContract, Call, Upstream, UpstreamError
from gateway_project.status.recorder import record_transition

from .contracts import contract_for

UPSTREAM_SECONDS = Histogram(
    "plaza_upstream_seconds", "Time of one attempt at a service, in seconds.", ["upstream"], buckets=BUCKETS
)
UPSTREAM_FAILURES = Counter("plaza_upstream_failures_total", "Failed attempts.", ["upstream", "cause"])

log = structlog.get_logger(__name__)
T = TypeVar("T")


@cache
def upstream(name: str) -> Upstream:
    config = settings.UPSTREAMS[name]
    return Upstream(name, config["url"], config["policy"], on_transition=_announce, observe=_observe)


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


def _observe(name: str, seconds: float, error: UpstreamError | None) -> None:
    UPSTREAM_SECONDS.labels(name).observe(seconds)
    if error is not None:
        UPSTREAM_FAILURES.labels(name, error.cause).inc()


def _announce(transition: Transition) -> None:
    log.warning("circuit", upstream=transition.circuit, old=transition.old, new=transition.new)
    record_transition(transition)
