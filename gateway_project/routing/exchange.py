"""One question to a service on a caller's behalf, and its checked answer."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
import structlog
from django.utils.translation import get_language
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from common.observability.tracing import note
from common.upstream import SAFE_METHODS, Call, UpstreamError
from gateway_project.store.addresses import client_network
from gateway_project.store.cache import CacheKey, answer_cache
from gateway_project.upstreams.answers import ProxiedAnswer
from gateway_project.upstreams.client import deadline_of, signed, upstream
from gateway_project.upstreams.errors import KeysDisagree

from .answers import check_answer
from .operations import Operation, Route
from .routes import CACHED_SERVICES, ROUTES

ROUTE_OF_NAME = {route.name: route for route in ROUTES}

log = structlog.get_logger(__name__)
encode = msgspec.json.Encoder().encode


def ask_service(request: Request, route: Route, operation: Operation, call: Call, lane_name: str) -> ProxiedAnswer:
    """What the route's service answers, checked. Raises `UpstreamError`."""
    service, user = route.service, request.user
    lane = upstream(service, lane_name)
    note(upstream=lane.circuit.name)
    check = partial(check_answer, call=call, operation=operation, service=service)
    try:
        answer = lane.call(
            signed(call, service, user.pk, is_staff=user.is_staff),
            check,
            deadline_of(request._request),
            caller=user.pk or client_network(request._request),
        )
    finally:  # also after a failure: the write may have happened
        if call.method not in SAFE_METHODS:
            changed = CACHED_SERVICES & {service, *operation.also_invalidates}
            answer_cache().invalidate(changed, deleted=call.method == "DELETE")
    if answer.status == 401:
        log.error("a service refused the gateway's token: their keys disagree", upstream=service)
        raise KeysDisagree
    return answer


def cache_key(route: Route, call: Call) -> CacheKey:
    return CacheKey(route.service, call.path, tuple((call.query or {}).items()), get_language() or "")


def look_up(request: Request, name: str, query: Mapping[str, str] | None = None, **params: Any) -> Any | None:
    """What a GET of the route `name` answers to this user, as plain values. None if that is refused, or fails.

    For what a page shows besides the thing that was asked for.
    """
    route = ROUTE_OF_NAME[name]
    operation = route.operations["GET"]
    if not operation.permission().has_permission(request, None):  # type: ignore[arg-type]
        return None
    call = Call("GET", "/" + fill(route.path, params), query=dict(query or {}))
    ask = partial(ask_service, request, route, operation, call, route.lane_of(operation, query or {}, {}))
    try:
        answer = answer_cache().serve(cache_key(route, call), ask) if operation.cacheable else ask()
    except (UpstreamError, APIException):
        return None
    return msgspec.json.decode(encode(answer.content)) if answer.status == 200 else None


def fill(path: str, params: Mapping[str, Any]) -> str:
    """`path` with its `<type:name>` parts replaced by the resolver's typed values."""
    for name, value in params.items():
        start = path.index("<")
        assert path[start : path.index(">")].endswith(f":{name}")
        path = path[:start] + str(value) + path[path.index(">") + 1 :]
    return path
