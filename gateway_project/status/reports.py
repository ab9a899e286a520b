"""How this process, and with Redis every other one, sees the services."""

from typing import Any

import msgspec
from django.conf import settings

from gateway_project.routing import shared
from gateway_project.routing.upstreams import upstream

from .latency import Point
from .models import CircuitTransition
from .recorder import process_name
from .schemas import TransitionReport

SHOWN_TRANSITIONS = 20


class UpstreamState(msgspec.Struct, frozen=True):
    """See `schemas.UpstreamReport`."""

    name: str
    circuit: str
    retry_after_s: float | None
    in_flight: int
    max_in_flight: int
    calls: int
    failures: int
    failure_rate: float
    p50_ms: float | None
    p99_ms: float | None
    rejected: int
    retries: int
    points: list[Point]


class ProcessState(msgspec.Struct, frozen=True):
    process: str
    upstreams: list[UpstreamState]


def own_state() -> ProcessState:
    return ProcessState(process_name(), [_state_of(name) for name in settings.UPSTREAMS])


def report() -> dict[str, Any]:
    """What `schemas.StatusReport` says, as plain values."""
    transitions = CircuitTransition.objects.order_by("-at", "-id")[:SHOWN_TRANSITIONS]
    return {
        "processes": msgspec.to_builtins(_all_states()),
        "shared": shared.mode(),
        "transitions": TransitionReport(transitions, many=True).data,
    }


def _all_states() -> list[ProcessState]:
    """This process as it is now, the others as they were within the last seconds; in the order of their names."""
    states = {state.process: state for state in map(_read, shared.store().published()) if state}
    own = own_state()
    states[own.process] = own
    return [states[name] for name in sorted(states)]


def _read(published: bytes) -> ProcessState | None:
    try:
        return msgspec.json.decode(published, type=ProcessState)
    except msgspec.DecodeError:  # of another version of the gateway
        return None


def _state_of(name: str) -> UpstreamState:
    service = upstream(name)
    latency = service.latency.read()
    state = service.circuit.current_state
    return UpstreamState(
        name=name,
        circuit=state,
        retry_after_s=round(service.circuit.retry_after_s(), 1) if state == "open" else None,
        in_flight=service.bulkhead.in_flight,
        max_in_flight=service.bulkhead.limit,
        calls=latency.calls,
        failures=latency.failures,
        failure_rate=round(latency.failures / latency.calls, 4) if latency.calls else 0.0,
        p50_ms=latency.p50_ms,
        p99_ms=latency.p99_ms,
        rejected=service.bulkhead.rejected,
        retries=service.retries,
        points=latency.points,
    )
