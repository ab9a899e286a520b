from pathlib import Path

import pytest

from operations.layout import SERVICES, System


def test_the_gateway_starts_last_and_so_is_stopped_first() -> None:
    assert SERVICES[-1].name == "gateway"


def test_the_caller_s_addresses_are_kept_and_empty_ones_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODUCTS_URL", "http://127.0.0.1:9999")
    monkeypatch.setenv("ORDERS_URL", "")
    monkeypatch.delenv("USERS_URL", raising=False)
    environment = System(Path("/data")).environment(9000)
    assert environment["USERS_URL"] == "http://127.0.0.1:9001"
    assert environment["PRODUCTS_URL"] == "http://127.0.0.1:9999"
    assert environment["ORDERS_URL"] == "http://127.0.0.1:9003"
    assert environment["PLAZA_DATA_DIR"] == "/data"


def test_a_command_is_printed_so_that_it_can_be_pasted() -> None:
    assert System().command("down") == "python3 manage_all.py down"
    assert System(Path("/a b")).command("down") == "python3 manage_all.py down --data-dir '/a b'"
