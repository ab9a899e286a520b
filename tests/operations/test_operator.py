"""How the operator reads a service: page after page, patient with one that is started again, by whatever address."""

import threading
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from operations import operator
from operations.console import OperationError
from operations.layout import System, service
from operations.operator import OperatorClient

KEY = "k" * 40


@pytest.fixture
def httpserver() -> Iterator[HTTPServer]:
    """One for each test, since it may be stopped."""
    with HTTPServer() as server:
        yield server


@pytest.fixture
def client(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OperatorClient:
    monkeypatch.setattr(operator, "PATIENCE_S", 0.0)
    monkeypatch.setattr(operator, "PAUSE_S", 0.0)
    monkeypatch.setenv("ORDERS_URL", httpserver.url_for("/"))
    monkeypatch.setenv("PLAZA_SECRET_OPERATOR_ORDERS", KEY)
    return OperatorClient(System(tmp_path), service("orders"), 1)


def test_rows_come_page_after_page(client: OperatorClient, httpserver: HTTPServer) -> None:
    first = {"next": "/audit/orders/?after=2", "results": [{"n": 1}, {"n": 2}]}
    httpserver.expect_request("/audit/orders/", query_string="").respond_with_json(first)
    httpserver.expect_request("/audit/orders/", query_string="after=2").respond_with_json(
        {"next": None, "results": [{"n": 3}]}
    )
    assert [row["n"] for row in client.rows("/audit/orders/")] == [1, 2, 3]


def test_a_request_says_who_asks_under_the_key_that_was_handed_in(
    client: OperatorClient, httpserver: HTTPServer
) -> None:
    def answer(request: Request) -> Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, KEY, ["HS256"], audience="orders", issuer="operator")
        return Response(f'{{"is_staff": {str(claims["is_staff"]).lower()}}}')

    httpserver.expect_request("/audit/orders/7/").respond_with_handler(answer)
    assert client.row("/audit/orders/7/") == {"is_staff": False}


def test_the_key_may_be_in_a_file(
    client: OperatorClient, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("old" + KEY + "\n")
    monkeypatch.delenv("PLAZA_SECRET_OPERATOR_ORDERS")
    with pytest.raises(OperationError, match="key for orders can't be read"):
        OperatorClient(System(tmp_path), service("orders"), 1)
    monkeypatch.setenv("PLAZA_SECRET_OPERATOR_ORDERS_FILE", str(tmp_path / "key"))
    httpserver.expect_request("/audit/orders/7/").respond_with_json({"n": 7})
    assert OperatorClient(System(tmp_path), service("orders"), 1).row("/audit/orders/7/") == {"n": 7}


def test_what_does_not_exist_is_none_and_a_list_that_does_not_exist_an_error(
    client: OperatorClient, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/audit/orders/").respond_with_data(status=404)
    assert client.row("/audit/orders/") is None
    with pytest.raises(OperationError, match="orders has no /audit/orders/"):
        list(client.rows("/audit/orders/"))


@pytest.mark.parametrize(("status", "body"), [(500, "{}"), (401, "{}"), (200, "no JSON")])
def test_what_is_no_answer_ends_the_audit(
    client: OperatorClient, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request("/audit/orders/").respond_with_data(body, status=status)
    with pytest.raises(OperationError, match="orders can't be audited"):
        list(client.rows("/audit/orders/"))


def test_a_service_that_is_gone_ends_the_audit_and_no_thread_is_left(
    client: OperatorClient, httpserver: HTTPServer
) -> None:
    httpserver.stop()  # type: ignore[no-untyped-call]
    before = threading.active_count()
    with pytest.raises(OperationError, match=r"orders can't be audited: .* doesn't answer\."):
        list(client.rows("/audit/orders/"))
    assert threading.active_count() == before


def test_a_service_that_comes_back_in_time_is_asked_again(
    client: OperatorClient, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/audit/orders/").respond_with_json({"next": None, "results": [{"n": 1}]})
    httpserver.stop()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(operator, "PATIENCE_S", 60.0)
    monkeypatch.setattr(operator.time, "sleep", lambda seconds: httpserver.start())
    assert list(client.rows("/audit/orders/")) == [{"n": 1}]
