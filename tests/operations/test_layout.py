from pathlib import Path

import pytest

from operations.layout import DEFAULT_PORT, ROOT, SERVERS, SERVICES, START_ORDER, System, service


def test_every_project_has_one_server_and_only_the_relay_has_no_port() -> None:
    assert sorted(server.project for server in SERVERS) == sorted(path.name for path in ROOT.glob("*_project"))
    assert [each.port(9000) for each in SERVICES] == [*range(9000, 9000 + len(SERVERS)), None]
    assert service("products").url(9000) == "http://127.0.0.1:9002"


def test_the_gateway_starts_last_and_so_is_stopped_first() -> None:
    assert START_ORDER[-1].name == "gateway"
    assert sorted(each.name for each in START_ORDER) == sorted(each.name for each in SERVICES)


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


def test_each_project_has_the_same_port_by_itself_as_in_a_system() -> None:
    for server in SERVERS:
        settings = (ROOT / server.project / "settings.py").read_text()
        assert f"\nSERVER_PORT = {server.port(DEFAULT_PORT)}\n" in settings
