"""What a form's values become: a call of the route table, with its rules, its lanes and its checks."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from common.api.rendering import PROBLEM_JSON, JSONRenderer
from common.upstream import Call, UpstreamError
from gateway_project.auth.throttles import count_request, count_reset
from gateway_project.routing.answers import check_answer
from gateway_project.routing.routes import ROUTES
from gateway_project.store.addresses import client_network
from gateway_project.upstreams.client import deadline_of, signed, upstream
from gateway_project.upstreams.errors import KeysDisagree
from gateway_project.upstreams.problems import exception_handler

REFUSALS = (APIException, UpstreamError, Error)

_ROUTES = {route.name: route for route in ROUTES}
_encode = msgspec.json.Encoder().encode


def post(request: HttpRequest, name: str, form: Mapping[str, Any]) -> Any:
    """What the service answers to a POST of the open route `name`, as plain values. It counts as a request.

    Raises:
        Throttled
        Refused: the service says no.
        ValidationError: the schema does.
        UpstreamError
    """
    count_request(request)
    route = _ROUTES[name]
    operation = route.operation("POST")
    assert operation.body is not None
    values = operation.body.read(form)
    if operation.counted:
        count_reset(request, values[operation.counted])
    headers = {"Accept-Language": get_language() or ""}
    call = Call("POST", f"/{route.path}", body=_encode(values), headers=headers)
    lane = upstream(route.service, route.lane_of(operation, {}, values))
    answer = lane.call(
        signed(call, route.service),
        partial(check_answer, call=call, operation=operation, service=route.service),
        deadline_of(request),
        caller=client_network(request),
    )
    if answer.status == 401:
        raise KeysDisagree
    content = msgspec.json.decode(_encode(answer.content))
    if answer.status >= 400:
        raise Refused(content, answer.headers)
    if operation.after_success:
        operation.after_success(request, {}, values)  # type: ignore[arg-type]  # of a route that is open to anyone
    return content


class Refused(APIException):
    """A service's own problem, as it came."""

    def __init__(self, problem: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(problem["detail"])
        self.problem, self.headers = problem, headers


def told(request: HttpRequest, error: Exception) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The problem that one of REFUSALS is, and its headers. Anything else is raised again."""
    if isinstance(error, Refused):
        return dict(error.problem), error.headers
    request.accepted_renderer = JSONRenderer()  # type: ignore[attr-defined]  # as a view of DRF would have it
    response: Response | None = exception_handler(error, {"request": request})
    if response is None:
        raise error
    return dict(response.data), response.headers


def as_problem(request: HttpRequest, error: Exception) -> HttpResponse:
    """The whole answer, which a middleware makes a page of."""
    problem, headers = told(request, error)
    kept = {name: value for name, value in headers.items() if name != "Content-Type"}
    return HttpResponse(_encode(problem), status=problem["status"], content_type=PROBLEM_JSON, headers=kept)
