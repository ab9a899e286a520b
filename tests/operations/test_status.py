import json
import os
import signal
import stat
from pathlib import Path

import pytest

from operations import status
from operations.layout import SERVICES, System
from operations.status import Record, State, ownership, read_living
from tests.operations.fake_plaza import FakePlaza


def test_the_table_names_each_service(plaza: FakePlaza) -> None:
    plaza.up()
    answer = plaza.run("status")
    assert answer.returncode == 0
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert lines[0] == ["service", "process", "port", "state"]
    assert lines[1] == ["gateway", str(plaza.pid("gateway")), str(plaza.port), "healthy"]
    assert lines[-1] == ["relay", str(plaza.pid("relay")), "-", "healthy"]


def test_a_service_that_hangs_is_not_healthy(plaza: FakePlaza) -> None:
    plaza.up()
    os.kill(int(plaza.ask("users")["worker"]), signal.SIGSTOP)
    answer = plaza.run("status", "--json")
    assert answer.returncode == 1
    healthy = {service["name"]: service["healthy"] for service in json.loads(answer.stdout)["services"]}
    assert healthy == {service.name: service.name != "users" for service in SERVICES}


def test_if_nothing_runs_status_says_so_with_its_own_exit_code(plaza: FakePlaza) -> None:
    answer = plaza.run("status")
    assert (answer.returncode, answer.stderr) == (3, "")
    assert answer.stdout.startswith("Plaza is not running; start it with `python3 manage_all.py up")
    assert plaza.services()["relay"] == {"name": "relay", "pid": None, "port": None, "healthy": False}


def test_a_system_that_runs_elsewhere_is_named_with_the_command_that_means_it(
    plaza: FakePlaza, second: FakePlaza
) -> None:
    second.up()
    for command, code in (("status", 3), ("down", 0)):
        answer = plaza.run(command)
        assert answer.returncode == code
        assert (
            f"Another one runs on port {second.port}, with its files in {second.data_dir}: "
            f"`python3 manage_all.py {command} --data-dir {second.data_dir}`.\n"
        ) in answer.stdout
    second.run("down")
    assert str(second.data_dir) not in plaza.run("status").stdout


METRICS = """\
# HELP plaza_orders_waiting ...
plaza_orders_waiting 7.0
plaza_orders_failing{error="products: answered 404"} 2.0
plaza_orders_failing{error="products: answered 500"} 1.0
"""


def test_orders_that_wait_are_told_with_the_reason_and_what_will_happen(tmp_path: Path) -> None:
    text = "\n".join(status.describe_outbox(System(tmp_path / "a b"), METRICS))
    command = text.splitlines()[-1].strip()
    assert text.splitlines()[:-1] == [
        "7 orders wait for products. The relay settles them as soon as it gives a verdict.",
        "Products is ready and gives no verdict on 3 of them: products: answered 404 (2); products: answered 500 (1).",
        "Each is tried ever more rarely, at least every 10 minutes. When the cause is fixed, try all at once:",
    ]
    assert command.startswith(f"PLAZA_DATA_DIR='{tmp_path}/a b' ")
    assert command.endswith("orders_project/manage.py retry_orders")
    assert list(status.describe_outbox(System(None), "plaza_orders_waiting 0.0\n")) == []


def test_the_metrics_of_orders_are_asked_for_only_while_it_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str]] = []
    monkeypatch.setattr(status, "get", lambda port, path: asked.append((port, path)))
    users = status.Report("users", 2, 8001, healthy=True)
    assert status._metrics_of_orders([users, status.Report("orders", 1, 8003, healthy=False)]) == ""
    assert asked == []
    assert status._metrics_of_orders([users, status.Report("orders", 1, 8003, healthy=True)]) == ""
    assert asked == [(8003, "/metrics")]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    state = State(Record.of("supervisor", os.getpid()), 8000, (Record.of("users", None, port=8001, restarts=2),))
    state.write(tmp_path / "state.json")
    assert State.read(tmp_path / "state.json") == state
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_a_missing_or_damaged_state_is_none(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert State.read(path) is None
    for text in ("", "{", "[]", '{"supervisor": {}, "port": 1, "services": []}'):
        path.write_text(text)
        assert State.read(path) is None


def test_the_state_of_a_dead_supervisor_is_not_a_living_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    State(Record("supervisor", os.getpid(), "another boot/1"), 8000).write(path)
    assert read_living(path) is None
    State(Record.of("supervisor", os.getpid()), 8000).write(path)
    assert read_living(path) is not None


def test_a_directory_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with ownership(tmp_path / "lock") as first, ownership(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with ownership(tmp_path / "lock") as third:
        assert third
