"""How the gateway's processes see the services: this one, and with Redis all others too."""

from typing import Any

import msgspec

from common.server.threads import waiting_in
from gateway_project.store import fallback
from gateway_project.upstreams.client import MonitoredUpstream, lanes
from gateway_project.upstreams.latency import Point

from .models import CircuitTransition
from .recorder import process_name
from .schemas import TransitionReport

SHOWN_TRANSITIONS = 20


class UpstreamState(msgspec.Struct, frozen=True):
    """As `schemas.UpstreamReport` explains it."""

    name: str
    circuit: str
    retry_after_s: float | None
    in_flight: int
    max_in_flight: int
    waiting: int
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
    return ProcessState(process_name(), [_state_of(lane) for lane in lanes()])


def report() -> dict[str, Any]:
    """The values of `schemas.StatusReport`."""
    transitions = CircuitTransition.objects.order_by("-at", "-id")[:SHOWN_TRANSITIONS]
    return {
        "processes": msgspec.to_builtins(_all_states()),
        "shared": fallback.mode(),
        "transitions": TransitionReport(transitions, many=True).data,
    }


def _all_states() -> list[ProcessState]:
    """This process as it is now and the others as they were a few seconds ago, ordered by name."""
    states = {state.process: state for state in map(_read, fallback.store().published()) if state}
    own = own_state()
    states[own.process] = own
    return [states[name] for name in sorted(states)]


def _read(published: bytes) -> ProcessState | None:
    try:
        return msgspec.json.decode(published, type=ProcessState)
    except msgspec.DecodeError:  # of another version of the gateway
        return None


def _state_of(lane: MonitoredUpstream) -> UpstreamState:
    latency = lane.latency.read()
    state = lane.circuit.state
    return UpstreamState(
        name=lane.circuit.name,
        circuit=state,
        retry_after_s=round(lane.circuit.retry_after_s(), 1) if state == "open" else None,
        in_flight=lane.bulkhead.in_flight,
        max_in_flight=lane.bulkhead.limit,
        waiting=lane.bulkhead.waiting + waiting_in(f"{lane.name}/{lane.lane}"),
        calls=latency.calls,
        failures=latency.failures,
        failure_rate=round(latency.failures / latency.calls, 4) if latency.calls else 0.0,
        p50_ms=latency.p50_ms,
        p99_ms=latency.p99_ms,
        rejected=lane.bulkhead.rejected,
        retries=lane.retries,
        points=latency.points,
    )
