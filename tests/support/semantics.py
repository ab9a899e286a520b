"""What HTTP asks of every path of a project. A suite imports these tests, and they walk the paths of its project."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from common.api.semantics import READING, served_methods
from tests.support.urls import views

OPERATIONAL = ("/health/live", "/health/ready", "/metrics")


def ask(method: str, path: str, **options: Any) -> HttpResponse:
    """Without a token, and held to CSRF."""
    response: HttpResponse = Client(enforce_csrf_checks=True).generic(method, path, **options)
    return response


def problem(response: HttpResponse) -> dict[str, Any]:
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["status"] == response.status_code
    return body


def plain_paths() -> list[tuple[str, Any]]:
    """Those that DRF does not serve."""
    return [(path, view) for path, view in views().items() if not hasattr(view, "cls")]


@pytest.mark.parametrize("method", ["PROPFIND", "PURGE", "TRACE", "POST", "PUT", "PATCH", "DELETE"])
def test_a_method_that_a_path_does_not_serve_is_405(method: str) -> None:
    refused = [(path, view) for path, view in plain_paths() if method not in served_methods(view)]
    assert refused
    for path, view in refused:
        response = ask(method, path)
        assert (response.status_code, problem(response)["type"]) == (405, "/problems/method-not-allowed"), path
        assert response["Allow"] == ", ".join(served_methods(view)), path


def test_methods_are_case_sensitive() -> None:
    for path, view in views().items():
        for method in served_methods(view):
            response = ask(method.lower(), path, REQUEST_METHOD=method.lower())
            assert (response.status_code, response["Allow"]) == (405, ", ".join(served_methods(view))), path


@pytest.mark.django_db
def test_options_says_what_a_path_serves() -> None:
    for path, view in plain_paths():
        response = ask("OPTIONS", path)
        assert response.status_code == 200, path
        assert set(response["Allow"].split(", ")) == set(served_methods(view)), path
        assert {"GET", "HEAD", "OPTIONS"} <= set(served_methods(view)), path


@pytest.mark.django_db
@pytest.mark.parametrize("path", OPERATIONAL)
def test_health_and_metrics_are_answered_under_any_host(path: str) -> None:
    for host in ("10.1.2.3", "10.1.2.3:8000", "some.pod.cluster.example", "[fd00::7]"):
        response = ask("GET", path, headers={"host": host})
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store"), host
        assert ask("GET", "/nowhere/", headers={"host": host}).status_code == 400


def test_a_get_without_the_last_slash_is_redirected_to_the_path() -> None:
    paths = [path for path in views() if path.endswith("/") and path != "/"]
    for path in paths:
        for method in ("GET", "HEAD"):
            response = ask(method, path.removesuffix("/"), QUERY_STRING="a=b%2F&c=%C3%A9")
            assert (response.status_code, response["Location"]) == (308, f"{path}?a=b%2F&c=%C3%A9"), path


def test_a_write_without_the_last_slash_is_told_the_path() -> None:
    paths = [path for path in views() if path.endswith("/") and path != "/"]
    for path in paths:
        response = ask("POST", path.removesuffix("/"))
        assert response.status_code == 404, path
        assert problem(response)["detail"].endswith(f" {path}"), path


def test_no_redirect_leaves_the_site() -> None:
    for path in ("//evil.example", "//evil.example/health/live", "/\\evil.example"):
        assert ask("GET", "/", PATH_INFO=path).status_code == 404


@pytest.mark.parametrize("text", ["%E9", "a%FF", "%C3", "%ED%A0%80", "%F8%88%80%80%80"])
def test_text_that_is_not_utf8_is_400(text: str) -> None:
    for path in views():
        assert ask("GET", path, QUERY_STRING=f"search={text}").status_code == 400, path


def test_a_body_in_an_encoding_is_415() -> None:
    for path in views():
        for encoding in ("gzip", "br", "identity, gzip", "x", "GZIP"):
            response = ask("POST", path, headers={"content-encoding": encoding}, data=b"{}")
            assert (response.status_code, response["Accept-Encoding"]) == (415, "identity"), path
            assert problem(response)["type"] == "/problems/unsupported-media-type", path
        plain = {"headers": {"content-encoding": "identity"}, "content_type": "application/json"}
        assert ask("POST", path, data=b"{}", **plain).status_code != 415, path


def test_the_marked_views_only_read() -> None:
    assert all(served_methods(view) == READING for _, view in plain_paths() if not hasattr(view, "view_class"))
