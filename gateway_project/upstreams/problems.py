"""What a client is told when a service fails: never an address, never a trace.

`Proxy-Status` (RFC 9209) marks these answers as the gateway's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.response import Response

from common import upstream
from common.api import errors
from common.api.rendering import JSONRenderer
from common.observability.tracing import note


@dataclass(frozen=True, slots=True)
class UpstreamProblem:
    """What RFC 9457 says of a cause whenever it occurs, and the error type of RFC 9209."""

    status: int
    slug: str
    title: Any
    detail: Any
    proxy_error: str


PROBLEMS: Mapping[type[upstream.UpstreamError], UpstreamProblem] = {
    upstream.CircuitRejected: UpstreamProblem(
        503,
        "circuit-open",
        _("Service unavailable"),
        _("This part of the shop is out of order. We keep trying it; try again soon."),
        "destination_unavailable",
    ),
    upstream.BulkheadRejected: UpstreamProblem(
        503,
        "bulkhead-full",
        _("Service busy"),
        _("This part of the shop is overloaded. Try again soon."),
        "connection_limit_reached",
    ),
    upstream.Unreachable: UpstreamProblem(
        502,
        "upstream-unreachable",
        _("Bad gateway"),
        _("A service cannot be reached. Try again soon."),
        "connection_refused",
    ),
    upstream.TimedOut: UpstreamProblem(
        504,
        "upstream-timeout",
        _("Gateway timeout"),
        _("A service did not answer in time. Try again."),
        "http_response_timeout",
    ),
    upstream.BrokenOff: UpstreamProblem(
        502,
        "upstream-broken-off",
        _("Bad gateway"),
        _("A service broke off its answer. Try again."),
        "http_response_incomplete",
    ),
    upstream.ServerFailed: UpstreamProblem(
        502,
        "upstream-error",
        _("Bad gateway"),
        _("A service failed. It has been logged."),
        "destination_unavailable",
    ),
    upstream.StorageFull: UpstreamProblem(
        503,
        "storage",
        _("Nothing can be written"),
        _("This part of the shop can be read, but nothing can be saved at the moment. Try again later."),
        "destination_unavailable",
    ),
    upstream.RequestTooLong: UpstreamProblem(
        414,
        "uri-too-long",
        _("URI too long"),
        _("The path and the query together are too long. Ask for less at once."),
        "http_request_error",
    ),
    upstream.BrokenContract: UpstreamProblem(
        502,
        "contract-violation",
        _("Bad gateway"),
        _("A service's answer is not what was agreed. It has been logged."),
        "http_protocol_error",
    ),
}


# After these nobody knows whether the service did what it was asked.
UNDECIDED = (upstream.TimedOut, upstream.BrokenOff, upstream.ServerFailed, upstream.BrokenContract)


def problem_of(error: upstream.UpstreamError) -> UpstreamProblem:
    return PROBLEMS[type(error)]


def problem_response(error: upstream.UpstreamError, request: Any, *, status: int | None = None) -> Response:
    """The problem of `error` as an answer to a DRF `request`; a 503 says when to ask again."""
    problem = problem_of(error)
    status = status or problem.status
    note(upstream=error.upstream, upstream_error=error.cause)
    headers = {"Proxy-Status": f"plaza; error={problem.proxy_error}"}
    if status == 503:
        headers["Retry-After"] = str(ceil(getattr(error, "retry_after_s", 1.0)))
    detail = problem.detail
    if isinstance(error, UNDECIDED) and request.method not in upstream.SAFE_METHODS:
        detail = f"{detail} {_how_to_go_on(request)}"
    body = errors.problem_body(status, problem.slug, problem.title, detail, request.path)
    return Response(body, status=status, headers=headers)


def _how_to_go_on(request: Any) -> Any:
    if "Idempotency-Key" in request.headers:
        return _(
            "It may have been done all the same. Send it again with the same Idempotency-Key, and it is done once."
        )
    told = _("It may have been done all the same. Look at %(path)s before you send it again.")
    return str(told) % {"path": request.path}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's `EXCEPTION_HANDLER`: Plaza's, which here also knows `UpstreamError`."""
    request = context["request"]
    # A view that renders YAML or a page of its own still answers errors as JSON.
    if not isinstance(getattr(request, "accepted_renderer", None), (JSONRenderer, BrowsableAPIRenderer)):
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    if isinstance(error, upstream.UpstreamError):
        return problem_response(error, request)
    return errors.exception_handler(error, context)
