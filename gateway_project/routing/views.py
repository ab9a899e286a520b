"""The one view that walks the table: check what enters, pass it on, check what leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlencode

import msgspec
import structlog
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import parse_etags
from django.utils.translation import get_language
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict
from rest_framework.views import APIView

from common.pagination import parameter_text
from common.rendering import PROBLEM_JSON
from common.upstream import SAFE_METHODS, Answer, BrokenContract, Call
from gateway_project.auth.permissions import Open, RouteAccess
from gateway_project.schemas.problems import Problem

from .cache import Generation, Hit, answers, lifetimes
from .contracts import contract_for
from .problems import KeysDisagree
from .routes import CACHED_SERVICES, ROUTES, Operation, Route
from .upstreams import call_for

API = "/api"
REQUEST_HEADERS = ("Accept-Language", "Idempotency-Key", "If-Match", "If-None-Match")
RESPONSE_HEADERS = ("ETag", "Idempotent-Replayed", "Content-Language", "Retry-After")

log = structlog.get_logger(__name__)
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Relayed:
    """A checked answer: `content` is a struct, or None where the status has no body."""

    status: int
    headers: Mapping[str, str]
    content: Any
    lifetimes: tuple[int, int] | None = None  # of what may be kept; see `cache.lifetimes`


class ProxyView(APIView):
    """A path of `routes`; `route` comes from there."""

    route: ClassVar[Route]
    permission_classes = (RouteAccess,)

    def get(self, request: Request, **params: Any) -> HttpResponseBase:
        return self.forward(request, params)

    post = put = patch = delete = get

    def forward(self, request: Request, params: Mapping[str, Any]) -> HttpResponseBase:
        operation = self.operation
        query = operation.query.read(request)
        body = self._read_body(request, operation)
        call = Call(
            "GET" if request.method == "HEAD" else str(request.method),
            "/" + _fill(self.route.path, params),
            query={name: parameter_text(value) for name, value in query.items()},
            body=None if body is None else encode(body),
            headers={name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers},
            replay_safe=operation.replay_safe and "Idempotency-Key" in request.headers,
        )
        relayed = self._ask_cache(request, call) if operation.cacheable else self._ask(request, call)
        if relayed.status == 401:
            log.error("a service refused the gateway's token: their keys disagree", upstream=self.route.service)
            raise KeysDisagree
        if operation.then and relayed.status < 300:
            operation.then(request, params, body or {})
        return self._respond(request, relayed)

    @property
    def operation(self) -> Operation:
        return self.route.operation(str(self.request.method))

    def get_serializer(self, *args: Any, **kwargs: Any) -> serializers.BaseSerializer[Any]:
        """For the browsable API's forms: what the method at hand takes."""
        serializer = (self.operation.body or serializers.Serializer)(*args, **kwargs)
        for name in [name for name, field in serializer.fields.items() if field.read_only]:
            del serializer.fields[name]
        return serializer

    def get_view_name(self) -> str:
        """A heading in the browsable API: "Product" for one of them, "Products" for the list."""
        one = self.route.operations.get("GET") if self.route.path.endswith(">/") else None
        if one and one.answer:
            return one.answer.__name__
        return self.route.path.strip("/").rpartition("/")[2].capitalize()

    def _ask(self, request: Request, call: Call) -> Relayed:
        user: Any = request.user
        try:
            return call_for(self.route.service, call, self._check, user_id=user.user_id, is_staff=user.is_staff)
        finally:  # also after a failure: the write may have happened
            if call.method not in SAFE_METHODS:
                for service in CACHED_SERVICES & {self.route.service, *self.operation.touches}:
                    answers().expire(service, deleted=call.method == "DELETE")

    def _ask_cache(self, request: Request, call: Call) -> Relayed:
        service = self.route.service
        selectors = {"path": call.path, "query": urlencode(call.query or {}), "language": get_language() or ""}
        headers = {name: value for name, value in (call.headers or {}).items() if name != "If-None-Match"}
        unconditional = replace(call, headers=headers)

        def fetch(generation: Generation) -> Relayed:
            asked_at = answers().now()
            relayed = self._ask(request, unconditional)
            if relayed.status == 200 and relayed.lifetimes:
                answers().keep(
                    service,
                    selectors,
                    generation,
                    asked_at,
                    encode(relayed.content),
                    relayed.headers,
                    relayed.lifetimes,
                )
            return relayed

        served = answers().serve(service, selectors, fetch, is_public=lambda relayed: relayed.lifetimes is not None)
        relayed = Relayed(200, served.headers, msgspec.Raw(served.entry.body)) if isinstance(served, Hit) else served
        return _unless_known(request, relayed)

    def _read_body(self, request: Request, operation: Operation) -> dict[str, Any] | None:
        if operation.body is None:
            return None
        data = operation.body(data=request.data, partial=request.method == "PATCH")
        data.is_valid(raise_exception=True)
        return dict(data.validated_data)

    def _check(self, answer: Answer) -> Relayed:
        service, operation = self.route.service, self.operation
        headers = {name: answer.headers[name] for name in RESPONSE_HEADERS if name in answer.headers}
        if answer.status >= 400:
            content = None if answer.status == 401 else self._read_problem(answer)
        elif answer.status == 304 and self.request.method in {"GET", "HEAD"}:
            content = None
        elif answer.status not in operation.statuses:
            raise BrokenContract(service, f"answered {answer.status}")
        elif operation.answer is None:
            content = None
        else:
            content = contract_for(operation.answer).decode(service, answer.body)
            _prefix_links(content, service, f"/{_fill(self.route.path, self.kwargs)}")
        if location := answer.headers.get("Location"):
            headers["Location"] = _public(location, service)
        return Relayed(answer.status, headers, content, lifetimes(answer.headers.get("Cache-Control", "")))

    def _read_problem(self, answer: Answer) -> Any:
        problem = contract_for(Problem).decode(self.route.service, answer.body)
        problem.instance = self.request.path
        return problem

    def _respond(self, request: Request, relayed: Relayed) -> HttpResponseBase:
        if relayed.content is None:
            return HttpResponse(status=relayed.status, headers=dict(relayed.headers))
        if request.accepted_renderer.format == "json":
            kind = PROBLEM_JSON if relayed.status >= 400 else "application/json"
            return HttpResponse(
                encode(relayed.content),
                status=relayed.status,
                headers=dict(relayed.headers),
                content_type=kind,
            )
        headers = {name: value for name, value in relayed.headers.items() if name != "ETag"}  # that is the JSON's
        return Response(self._for_people(relayed), status=relayed.status, headers=headers)

    def _for_people(self, relayed: Relayed) -> Any:
        """Plain values; of a single thing with its serializer, which fills the forms."""
        values = msgspec.json.decode(encode(relayed.content))
        if relayed.status >= 400 or "results" in values or self.operation.answer is None:
            return values
        return ReturnDict(values, serializer=self.operation.answer(instance=values))


class IndexView(APIView):
    """Plaza's API. Sign in at /login/ in a browser, or POST to auth/token/ for tokens."""

    permission_classes = (Open,)
    schema = None

    def get(self, request: Request) -> Response:
        names = [route.name for route in ROUTES if "<" not in route.path]
        own = ("auth-token", "auth-token-refresh", "auth-token-verify", "auth-logout", "auth-sessions")
        paths = sorted(reverse(name) for name in (*names, *own, "status-api", "schema", "docs"))
        return Response({path.removeprefix(f"{API}/").strip("/"): path for path in paths})

    def get_view_name(self) -> str:
        return "Plaza"


def _unless_known(request: Request, relayed: Relayed) -> Relayed:
    """304 instead, when the client's `If-None-Match` names this very answer (RFC 9110, 13.1.2)."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    etag = relayed.headers.get("ETag")
    if relayed.status == 200 and etag and (etag in known or known == ["*"]):
        return Relayed(304, relayed.headers, None)
    return relayed


def _fill(path: str, params: Mapping[str, Any]) -> str:
    """`path` with its `<type:name>` parts replaced by the resolver's typed values."""
    for name, value in params.items():
        start = path.index("<")
        assert path[start : path.index(">")].endswith(f":{name}")
        path = path[:start] + str(value) + path[path.index(">") + 1 :]
    return path


def _prefix_links(content: Any, service: str, path: str) -> None:
    for name in ("next", "previous"):
        if link := getattr(content, name, None):
            if not link.startswith(f"{path}?"):
                raise BrokenContract(service, f"{name} does not stay on {path}")
            setattr(content, name, API + link)


def _public(location: str, service: str) -> str:
    if not location.startswith("/") or location.startswith("//"):
        raise BrokenContract(service, "Location leaves the shop")
    return API + location
