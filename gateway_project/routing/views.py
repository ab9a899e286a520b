"""The one view that walks the table: check what enters, ask the service, pass on what may leave."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpResponse
from django.http.request import HttpHeaders
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import parse_etags
from django.utils.translation import get_language
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict
from rest_framework.views import APIView

from common.api.pagination import parameter_text
from common.api.rendering import PROBLEM_JSON
from common.upstream import Call
from gateway_project.auth.permissions import AllowAny
from gateway_project.auth.throttles import PasswordGuess, count_reset
from gateway_project.auth.tokens import user_of
from gateway_project.store.cache import answer_cache
from gateway_project.upstreams.answers import ProxiedAnswer

from .answers import API, was_right
from .exchange import ask_service, cache_key, encode, fill
from .operations import Operation, Route
from .routes import ROUTES

# What a service is told of a request's headers, and where WSGI keeps each: Django's `request.headers` is made of all.
REQUEST_HEADERS = {
    name: HttpHeaders.to_wsgi_name(name) for name in ("Accept-Language", "Idempotency-Key", "If-Match", "If-None-Match")
}


class ProxyView(APIView):
    """A path of the table: `ProxyView.as_view(route=…)`."""

    route: Route = None  # type: ignore[assignment]  # as_view() sets it
    description = ""  # what people read; DRF would show the docstring above

    def get_permissions(self) -> list[Any]:
        return [self.route.permission(str(self.request.method))()]

    def get(self, request: Request, **params: Any) -> HttpResponseBase:
        operation = self.operation
        query = operation.query.read(request)
        body = self._read_body(request)
        if body and operation.counted:
            count_reset(request._request, body[operation.counted])
        call = self._call(params, query, body)
        lane = self.route.lane_of(operation, query, body or {})
        ask = partial(ask_service, request, self.route, operation, call, lane)
        if operation.cacheable:
            answer = _unless_known(request, answer_cache().serve(cache_key(self.route, call), ask))
        elif operation.guesses in (body or {}):
            answer = self._ask_at_guessers_pace(ask)
        else:
            answer = ask()
        if operation.after_success and answer.status < 300:
            operation.after_success(request, params, body or {})
        return self._respond(answer)

    post = put = patch = delete = get

    @property
    def operation(self) -> Operation:
        return self.route.operation(str(self.request.method))

    def get_serializer(self, *args: Any, **kwargs: Any) -> serializers.BaseSerializer[Any]:
        """For the browsable API's forms: what the current method takes."""
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

    def _read_body(self, request: Request) -> dict[str, Any] | None:
        if self.operation.body is None:
            return None
        return self.operation.body.read(request.data, partial=request.method == "PATCH")

    def _call(self, params: Mapping[str, Any], query: Mapping[str, Any], body: Any) -> Call:
        request, operation = self.request, self.operation
        headers = self._headers()
        if operation.cacheable:  # the cache needs the whole answer, so there the ETag is compared afterwards
            headers.pop("If-None-Match", None)
        return Call(
            "GET" if request.method == "HEAD" else str(request.method),
            "/" + fill(self.route.path, params),
            query={name: parameter_text(value) for name, value in query.items()},
            body=None if body is None else encode(body),
            headers=headers,
            replay_safe=operation.replay_safe and "Idempotency-Key" in headers,
        )

    def _headers(self) -> dict[str, str]:
        given = self.request.META
        headers = {name: given[variable] for name, variable in REQUEST_HEADERS.items() if variable in given}
        if settings.LANGUAGE_COOKIE_NAME in self.request.COOKIES:  # a person's choice counts before the browser's
            headers["Accept-Language"] = get_language() or settings.LANGUAGE_CODE
        return headers

    def _ask_at_guessers_pace(self, ask: Callable[[], ProxiedAnswer]) -> ProxiedAnswer:
        """Raises `Throttled` too."""
        with PasswordGuess(user_of(self.request)) as guess:
            answer = ask()
            guess.was_right = was_right(answer, self.operation.guesses)
        return answer

    def _respond(self, answer: ProxiedAnswer) -> HttpResponseBase:
        is_page = self.request.accepted_renderer.format == "api"
        if answer.content is None and not (is_page and answer.status == 204):
            return HttpResponse(status=answer.status, headers=dict(answer.headers))
        if self.request.accepted_renderer.format == "json":
            kind = PROBLEM_JSON if answer.status >= 400 else "application/json"
            content = encode(answer.content)
            return HttpResponse(content, status=answer.status, headers=dict(answer.headers), content_type=kind)
        headers = {name: value for name, value in answer.headers.items() if name != "ETag"}  # that is the JSON's
        return Response(self._for_people(answer), status=answer.status, headers=headers)

    def _for_people(self, answer: ProxiedAnswer) -> Any:
        """Plain values. Those of a single thing come with its serializer, which fills the forms."""
        if answer.content is None:
            return None
        values = msgspec.json.decode(encode(answer.content))
        if answer.status >= 400 or "results" in values or self.operation.answer is None:
            return values
        return ReturnDict(values, serializer=self.operation.answer(instance=values))


class IndexView(APIView):
    """Plaza's API. Sign in at /login/ in a browser, or POST to auth/token/ for tokens."""

    permission_classes = (AllowAny,)
    schema = None

    def get(self, request: Request) -> Response:
        names = [route.name for route in ROUTES if "<" not in route.path]
        own = ("auth-token", "auth-token-refresh", "auth-token-verify", "auth-logout", "auth-sessions")
        paths = sorted(reverse(name) for name in (*names, *own, "status-api", "schema", "docs"))
        return Response({path.removeprefix(f"{API}/").strip("/"): path for path in paths})

    def get_view_name(self) -> str:
        return "Plaza"


def _unless_known(request: Request, answer: ProxiedAnswer) -> ProxiedAnswer:
    """304 instead, when the client's `If-None-Match` names this answer, if only weakly (RFC 9110, 13.1.2)."""
    wanted = request.META.get(REQUEST_HEADERS["If-None-Match"])
    if wanted is None:
        return answer
    known = [tag.removeprefix("W/") for tag in parse_etags(wanted)]
    etag = answer.headers.get("ETag")
    if answer.status == 200 and etag and (etag in known or known == ["*"]):
        return ProxiedAnswer(304, answer.headers, None)
    return answer
