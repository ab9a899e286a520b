"""The remembered choice of a renderer is DRF's own, whatever a client accepts."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from common.api import negotiation
from common.api.negotiation import MAX_CHOICES, ContentNegotiation

TYPES = [
    "application/json",
    "application/*",
    "*/*",
    "text/html",
    "text/*",
    "application/json; indent=4",
    "image/png",
    "x",
]


def choice(by: Any, accept: str | None, renderers: list[Any], path: str = "/") -> tuple[Any, str] | str:
    headers = {} if accept is None else {"Accept": accept}
    try:
        chosen: tuple[Any, str] = by.select_renderer(Request(APIRequestFactory().get(path, headers=headers)), renderers)
    except NotAcceptable as error:
        return str(error.detail)
    return chosen


@given(st.none() | st.lists(st.sampled_from(TYPES), max_size=4).map(", ".join) | st.text(max_size=20), st.booleans())
def test_it_is_drf_s_own_the_first_time_and_later(accept: str | None, has_page: bool) -> None:
    renderers: list[Any] = [JSONRenderer(), BrowsableAPIRenderer()][: 1 + has_page]
    expected = choice(DefaultContentNegotiation(), accept, renderers)
    assert [choice(ContentNegotiation(), accept, renderers) for _ in range(2)] == [expected] * 2


def test_a_format_in_the_query_counts_more() -> None:
    renderers: list[Any] = [JSONRenderer(), BrowsableAPIRenderer()]
    assert choice(ContentNegotiation(), "*/*", renderers)[0] is renderers[0]
    assert choice(ContentNegotiation(), "*/*", renderers, "/?format=api")[0] is renderers[1]


def test_no_client_makes_it_remember_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(negotiation, "_choices", {})
    for number in range(MAX_CHOICES + 5):
        choice(ContentNegotiation(), f"application/json; v={number}", [JSONRenderer()])
    assert len(negotiation._choices) <= MAX_CHOICES
    negotiation._choices.clear()
    choice(ContentNegotiation(), "application/json, " + "x" * 300, [JSONRenderer()])
    assert not negotiation._choices
