import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from common.api.rendering import JSONRenderer


class PageWithJSON(BaseRenderer):
    """A page that shows the answer as JSON, like the browsable API's."""

    media_type, format, charset = "text/html", "api", "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> str:
        return f"<pre>{JSONRenderer().render(data, accepted_media_type, renderer_context).decode()}</pre>"


class EchoView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes: tuple[type[BaseRenderer], ...] = (JSONRenderer, PageWithJSON)

    def get(self, request: Request, status: int) -> Response:
        return Response({"a": 1}, status=status)


def answer(status: int, accept: str) -> Response:
    response: Any = EchoView.as_view()(APIRequestFactory().get("/", headers={"Accept": accept}), status=status)
    return response.render()


@pytest.mark.parametrize(
    ("status", "content_type"),
    [
        (200, "application/json"),
        (201, "application/json"),
        (400, "application/problem+json"),
        (503, "application/problem+json"),
    ],
)
def test_errors_alone_are_problems(status: int, content_type: str) -> None:
    response = answer(status, "application/json")
    assert (response.headers["Content-Type"], response.content) == (content_type, b'{"a":1}')


def test_inside_a_page_the_page_decides_the_media_type() -> None:
    response = answer(400, "text/html")
    assert (response.headers["Content-Type"], response.content) == ("text/html; charset=utf-8", b'<pre>{"a":1}</pre>')


def test_it_renders_without_a_response() -> None:
    assert JSONRenderer().render({"a": "ñ"}) == '{"a":"ñ"}'.encode()


def test_ids_and_times_are_encoded_as_the_contract_says() -> None:
    data = {"id": UUID(int=1), "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "price": "9.90"}
    assert json.loads(JSONRenderer().render(data)) == {
        "id": "00000000-0000-0000-0000-000000000001",
        "at": "2026-01-02T03:04:05Z",
        "price": "9.90",
    }
