"""What a client is told when a service does not answer as it should: never an address, never a trace.

`Proxy-Status` (RFC 9209) marks these as the gateway's own errors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.response import Response

from common import errors, upstream
from common.rendering import JSONRenderer
from common.tracing import note


class UpstreamProblem(errors.Problem):
    """A 502, 503 or 504 of the gateway's own."""


@dataclass(frozen=True, slots=True)
class Wording:
    status: int
    slug: str
    title: str
    detail: str
    proxy_error: str


WORDINGS: Mapping[type[upstream.UpstreamError], Wording] = {
    upstream.CircuitRejected: Wording(
        503,
        "circuit-open",
        "Service unavailable",
        "This part of the shop is out of order. We keep trying it; try again soon.",
        "destination_unavailable",
    ),
    upstream.BulkheadRejected: Wording(
        503,
        "bulkhead-full",
        "Service busy",
        "This part of the shop is overloaded.",
        "connection_limit_reached",
    ),
    upstream.Unreachable: Wording(
        502, "upstream-unreachable", "Bad gateway", "A service cannot be reached.", "connection_refused"
    ),
    upstream.TimedOut: Wording(
        504,
        "upstream-timeout",
        "Gateway timeout",
        "A service did not answer in time.",
        "http_response_timeout",
    ),
    upstream.BrokenOff: Wording(
        502,
        "upstream-broken-off",
        "Bad gateway",
        "A service broke off its answer.",
        "http_response_incomplete",
    ),
    upstream.ServerFailed: Wording(
        502, "upstream-error", "Bad gateway", "A service failed.", "destination_unavailable"
    ),
    upstream.BrokenContract: Wording(
        502,
        "contract-violation",
        "Bad gateway",
        "A service answered with something that is not what was agreed.",
        "http_protocol_error",
    ),
}


class KeysDisagree(UpstreamProblem):
    """The service refused the gateway's own token. Whoever runs Plaza must know; the client can do nothing."""

    status_code = 502
    slug = "upstream-refused-gateway"
    title = "Bad gateway"
    default_detail = "A service does not trust this gateway."


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Plaza's handler, which also knows `UpstreamError`; the errors of views that render YAML or a page are JSON."""
    if isinstance(error, upstream.UpstreamError):
        error = problem_of(error)
    request = context["request"]
    if not isinstance(getattr(request, "accepted_renderer", None), (JSONRenderer, BrowsableAPIRenderer)):
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    return errors.exception_handler(error, context)


def problem_of(error: upstream.UpstreamError) -> UpstreamProblem:
    wording = WORDINGS[type(error)]
    note(upstream=error.upstream, upstream_error=error.cause)
    headers = {"Proxy-Status": f"plaza; error={wording.proxy_error}"}
    if isinstance(error, upstream.NotCalled):
        headers["Retry-After"] = str(ceil(error.retry_after_s))
    problem = UpstreamProblem(wording.detail, headers=headers)
    problem.status_code, problem.slug, problem.title = wording.status, wording.slug, wording.title
    return problem
