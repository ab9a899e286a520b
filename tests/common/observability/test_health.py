from pathlib import Path
from typing import Any

import pytest
from django.db import ConnectionHandler, connection
from django.test import Client
from prometheus_client import CONTENT_TYPE_LATEST

from common import storage
from common.database_faults import Fault
from common.observability import health

TOKEN = "a token that only the scraper has"


def scrape(remote: str, **headers: str) -> Any:
    return Client().get("/metrics", REMOTE_ADDR=remote, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_process_that_answers_is_live(client: Client) -> None:
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_a_process_whose_database_answers_is_ready(client: Client) -> None:
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def use_database(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    settings = {**connection.settings_dict, "NAME": str(path)}
    monkeypatch.setattr("common.observability.health.connection", ConnectionHandler({"default": settings})["default"])


@pytest.mark.django_db
def test_a_process_without_its_database_is_live_and_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_database(monkeypatch, tmp_path / "gone" / "Data-base.db")
    response = client.get("/health/ready")
    assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")
    assert (response.json()["type"], response["Retry-After"]) == ("/problems/database-unavailable", "1")
    assert str(tmp_path) not in response.content.decode()
    assert client.get("/health/live").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "slug"),
    [(b"", "database-unavailable"), (b"not a database " * 1000, "storage")],
    ids=["empty", "damaged"],
)
def test_a_process_whose_database_cannot_be_read_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, slug: str
) -> None:
    """Asked for 1, SQLite would answer from its own head."""
    (tmp_path / "Data-base.db").write_bytes(content)
    use_database(monkeypatch, tmp_path / "Data-base.db")
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["type"]) == (503, f"/problems/{slug}")


def test_a_process_that_is_about_to_end_is_live_and_not_ready(client: Client) -> None:
    health.begin_leaving()
    try:
        response = client.get("/health/ready")
        assert (response.status_code, response.json()["type"]) == (503, "/problems/leaving")
        assert client.get("/health/live").status_code == 200
    finally:
        health._leaving.clear()


@pytest.mark.django_db
def test_a_process_that_can_only_read_is_ready_and_says_so(client: Client) -> None:
    storage.watch.meet(Fault.FULL)
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "degraded", "storage": "full"})


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_they_are_read_only(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("remote", ["127.0.0.1", "::1"])
def test_metrics_are_read_from_loopback(remote: str) -> None:
    response = scrape(remote)
    assert (response.status_code, response["Content-Type"]) == (200, CONTENT_TYPE_LATEST)
    assert b"plaza_requests_total" in response.content


@pytest.mark.parametrize("remote", ["10.0.0.1", "192.168.1.7", "127.0.0.2", "", "::ffff:10.0.0.1"])
def test_metrics_are_refused_from_elsewhere(remote: str) -> None:
    response = scrape(remote)
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert b"plaza_requests_total" not in response.content


def test_a_request_through_a_local_proxy_is_not_local() -> None:
    assert scrape("127.0.0.1", X_Forwarded_For="203.0.113.9").status_code == 403
    assert scrape("127.0.0.1", X_Forwarded_For="127.0.0.1").status_code == 403


def test_with_the_token_metrics_are_read_from_anywhere(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert scrape("10.0.0.1", Authorization=f"Bearer {TOKEN}").status_code == 200
    assert scrape("127.0.0.1", X_Forwarded_For="203.0.113.9", Authorization=f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "ñ"]
)
def test_another_token_is_refused(settings: Any, authorization: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert scrape("10.0.0.1", Authorization=authorization).status_code == 403


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer"])
def test_without_a_token_setting_an_empty_token_is_refused(settings: Any, authorization: str) -> None:
    settings.METRICS_TOKEN = ""
    assert scrape("10.0.0.1", Authorization=authorization).status_code == 403
