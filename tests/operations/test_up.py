import json
import shutil
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations.plaza import Plaza


@pytest.fixture(scope="module")
def running(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plaza, str]]:
    """A system that runs, and what its `up` printed."""
    system = Plaza(repository, tmp_path_factory.mktemp("running") / "data")
    answer = system.up("--workers", "2", PRODUCTS_URL="http://127.0.0.1:9", DJANGO_SETTINGS_MODULE="elsewhere")
    assert answer.returncode == 0, answer.stderr
    yield system, answer.stdout
    system.end()


def test_up_returns_once_all_are_healthy_and_says_where(running: tuple[Plaza, str]) -> None:
    plaza, said = running
    url = f"http://127.0.0.1:{plaza.port}"
    for path in ("/api/", "/api/docs/", "/login/", "/status/"):
        assert f"{url}{path}\n" in said
    assert "Made the user admin with the password hunter2.\n" in said
    assert f"python3 manage_all.py down --data-dir {plaza.data_dir}" in said
    services = plaza.services()
    assert list(services) == ["gateway", "users", "products", "orders", "relay"]
    assert all(service["healthy"] for service in services.values())
    ports = [service["port"] for service in services.values()]
    assert ports == [plaza.port, plaza.port + 1, plaza.port + 2, plaza.port + 3, None]


def test_what_up_writes_is_private_and_within_the_data_directory(running: tuple[Plaza, str]) -> None:
    plaza, _ = running
    for path in (plaza.base(), *plaza.base().rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert not (plaza.root / ".plaza").exists()


def test_each_process_gets_the_addresses_of_the_others_unless_the_caller_names_them(
    running: tuple[Plaza, str],
) -> None:
    plaza, _ = running
    gateway, users = plaza.ask(0), plaza.ask(1)
    assert gateway["arguments"] == ["serve", "--port", str(plaza.port), "--workers", "2"]
    assert users["arguments"] == ["serve", "--port", str(plaza.port + 1)]
    seen = gateway["environment"]
    assert seen["PUBLIC_URL"] == f"http://127.0.0.1:{plaza.port}"
    assert seen["USERS_URL"] == f"http://127.0.0.1:{plaza.port + 1}"
    assert seen["PRODUCTS_URL"] == "http://127.0.0.1:9"
    assert seen["ORDERS_URL"] == f"http://127.0.0.1:{plaza.port + 3}"
    assert seen["PLAZA_DATA_DIR"] == str(plaza.data_dir)
    assert "DJANGO_SETTINGS_MODULE" not in seen


def test_a_second_up_says_that_it_runs_already(running: tuple[Plaza, str]) -> None:
    plaza, _ = running
    pid = plaza.pid("gateway")
    again = plaza.run("up")
    assert again.returncode == 0
    assert again.stdout.startswith(f"Plaza is already running: http://127.0.0.1:{plaza.port}/")
    assert plaza.pid("gateway") == pid


def test_a_second_up_on_another_port_is_refused(running: tuple[Plaza, str]) -> None:
    plaza, _ = running
    again = plaza.run("up", "--port", "65000")
    assert again.returncode == 1
    assert f"already runs on port {plaza.port}" in again.stderr


def test_of_two_ups_at_once_one_starts_and_the_other_says_so(plaza: Plaza) -> None:
    runs = [plaza.start("up", "--detach", "--port", str(plaza.port)) for _ in range(2)]
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sorted("is already running" in text for text in said) == [False, True]
    assert len(plaza.strays()) == 9  # four masters with a worker each, and the relay


def test_a_taken_port_is_named_and_nothing_is_started(plaza: Plaza) -> None:
    with socket.create_server(("127.0.0.1", plaza.port + 1)):
        answer = plaza.up()
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"manage_all.py: Port {plaza.port + 1} (users) is taken")
    assert "--port" in answer.stderr
    assert plaza.strays() == []
    assert plaza.run("status").returncode == 3


def test_a_data_directory_that_can_not_be_made_is_named(plaza: Plaza) -> None:
    assert plaza.data_dir is not None
    plaza.data_dir.write_text("a file is in the way")
    answer = plaza.up()
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"manage_all.py: {plaza.data_dir} can't be used (")
    assert answer.stderr.count("\n") == 1


def test_a_service_that_does_not_start_is_shown_with_its_last_words(plaza: Plaza) -> None:
    answer = plaza.up(FAKE_ORDERS="crash")
    assert answer.returncode == 1
    assert "  orders lacks its key\n" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("manage_all.py: orders ended 3 times in a row")
    assert plaza.strays() == []


def test_a_service_that_never_answers_is_given_up(plaza: Plaza) -> None:
    answer = plaza.up("--timeout", "1", FAKE_PRODUCTS="mute")
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("manage_all.py: products did not answer within 1 s")
    assert plaza.strays() == []


def test_a_failed_preparation_is_shown_and_nothing_is_started(plaza: Plaza) -> None:
    answer = plaza.up(FAKE_USERS="broken")
    assert answer.returncode == 1
    assert "no such table: users\n" in answer.stderr
    assert "users_project/manage.py migrate` failed with exit code 1" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert plaza.strays() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_in_front_a_signal_ends_everything_in_order(plaza: Plaza, number: signal.Signals) -> None:
    run = plaza.start("up", "--port", str(plaza.port), "--no-demo")
    said = run.stdout or ()
    assert any("Stop it with Ctrl-C." in line for line in said)
    run.send_signal(number)
    _, complaints = run.communicate(timeout=10)
    assert (run.returncode, complaints.splitlines()[-2:]) == (0, ["stopping", "stopped"])
    assert plaza.strays() == []
    assert not (plaza.base() / "run/supervisor.json").exists()


def test_two_systems_run_side_by_side(plaza: Plaza, second: Plaza) -> None:
    assert [plaza.up().returncode, second.up().returncode] == [0, 0]
    assert plaza.run("down").returncode == 0
    assert plaza.strays() == []
    assert all(service["healthy"] for service in second.services().values())


def test_without_a_data_directory_everything_is_under_dot_plaza(repository: Path) -> None:
    system = Plaza(repository, None)
    try:
        assert system.up().returncode == 0
        assert "PLAZA_DATA_DIR" not in system.ask(0)["environment"]
        assert json.loads((repository / ".plaza/run/supervisor.json").read_text())["port"] == system.port
    finally:
        system.end()
        shutil.rmtree(repository / ".plaza")


def test_a_system_whose_news_nobody_reads_can_still_be_stopped(plaza: Plaza) -> None:
    starting = plaza.start("up", "--detach", "--port", str(plaza.port))
    assert starting.stdout is not None
    assert "hunter2" in starting.stdout.readline()
    starting.stdout.close()  # as in `up --detach | head -1`
    starting.wait(30)
    assert starting.stderr is not None
    starting.stderr.close()
    assert plaza.run("status").returncode == 0
    assert plaza.run("down").returncode == 0
    assert plaza.run("status").returncode == 3
