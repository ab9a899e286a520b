import json
import shutil
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.layout import SERVERS, SERVICES
from tests.operations.fake_plaza import FakePlaza


@pytest.fixture(scope="module")
def running(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakePlaza, str]]:
    """A system that runs, and what its `up` printed."""
    system = FakePlaza(repository, tmp_path_factory.mktemp("running") / "data")
    answer = system.try_up(
        "--workers",
        "2",
        "--workers",
        "orders=3",
        REDIS_URL="redis://127.0.0.1:1/0",
        PRODUCTS_URL="http://127.0.0.1:9",
        DJANGO_SETTINGS_MODULE="elsewhere",
    )
    assert answer.returncode == 0, answer.stderr
    yield system, answer.stdout
    system.end()


def test_up_returns_once_all_are_healthy_and_says_where(running: tuple[FakePlaza, str]) -> None:
    plaza, printed = running
    url = f"http://127.0.0.1:{plaza.port}"
    for path in ("/api/", "/api/docs/", "/login/", "/status/"):
        assert f"{url}{path}\n" in printed
    assert printed.endswith("\nMade the user admin with the password hunter2.\n")  # last, so it doesn't scroll away
    assert f"python3 manage_all.py down --data-dir {plaza.data_dir}" in printed
    services = plaza.services()
    assert list(services) == [service.name for service in SERVICES]
    assert all(service["healthy"] for service in services.values())
    ports = [service["port"] for service in services.values()]
    assert ports == [*range(plaza.port, plaza.port + len(SERVERS)), None]


def test_what_up_writes_is_private_and_within_the_data_directory(running: tuple[FakePlaza, str]) -> None:
    plaza, _ = running
    for path in (plaza.data_dir, *plaza.data_dir.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert not (plaza.root / ".plaza").exists()


def test_each_process_gets_the_addresses_of_the_others_unless_the_caller_names_them(
    running: tuple[FakePlaza, str],
) -> None:
    plaza, _ = running
    gateway, users = plaza.ask("gateway"), plaza.ask("users")
    assert gateway["arguments"] == ["serve", "--port", str(plaza.port), "--workers", "2"]
    assert users["arguments"] == ["serve", "--port", str(plaza.port + 1)]
    orders = plaza.ask("orders")["arguments"]
    assert orders == ["serve", "--port", str(plaza.port + 3), "--workers", "3"]
    seen = gateway["environment"]
    assert seen["PUBLIC_URL"] == f"http://127.0.0.1:{plaza.port}"
    assert seen["USERS_URL"] == f"http://127.0.0.1:{plaza.port + 1}"
    assert seen["PRODUCTS_URL"] == "http://127.0.0.1:9"
    assert seen["ORDERS_URL"] == f"http://127.0.0.1:{plaza.port + 3}"
    assert seen["PLAZA_DATA_DIR"] == str(plaza.data_dir)
    assert "DJANGO_SETTINGS_MODULE" not in seen


def test_a_second_up_says_that_it_runs_already(running: tuple[FakePlaza, str]) -> None:
    plaza, _ = running
    pid = plaza.pid("gateway")
    again = plaza.run("up")
    assert again.returncode == 0
    assert again.stdout.startswith(f"Plaza is already running: http://127.0.0.1:{plaza.port}/")
    assert plaza.pid("gateway") == pid


def test_a_second_up_on_another_port_is_refused(running: tuple[FakePlaza, str]) -> None:
    plaza, _ = running
    again = plaza.run("up", "--port", "65000")
    assert again.returncode == 1
    assert f"already runs on port {plaza.port}" in again.stderr


def test_of_two_ups_at_once_one_starts_and_the_other_says_so(plaza: FakePlaza) -> None:
    runs = [plaza.start("up", "--detach", "--port", str(plaza.port)) for _ in range(2)]
    printed = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sorted("is already running" in text for text in printed) == [False, True]
    assert len(plaza.processes()) == 2 * len(SERVERS) + 1  # masters with a worker each, and the relay


def test_a_taken_port_is_named_and_nothing_is_started(plaza: FakePlaza) -> None:
    with socket.create_server(("127.0.0.1", plaza.port + 1)):
        answer = plaza.try_up()
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"manage_all.py: Port {plaza.port + 1} (users) is taken")
    assert "--port" in answer.stderr
    assert plaza.processes() == []
    assert plaza.run("status").returncode == 3


def test_a_data_directory_that_can_not_be_made_is_named(plaza: FakePlaza) -> None:
    plaza.data_dir.write_text("a file is in the way")
    answer = plaza.try_up()
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"manage_all.py: {plaza.data_dir} can't be used (")
    assert answer.stderr.count("\n") == 1


def test_a_service_that_does_not_start_is_shown_with_its_last_words(plaza: FakePlaza) -> None:
    answer = plaza.try_up(FAKE_ORDERS="crash")
    assert answer.returncode == 1
    assert "  orders lacks its key\n" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("manage_all.py: orders ended 3 times in a row")
    assert plaza.processes() == []


def test_up_gives_up_on_a_service_that_never_answers(plaza: FakePlaza) -> None:
    answer = plaza.try_up("--timeout", "1", FAKE_PRODUCTS="mute")
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("manage_all.py: products did not answer within 1 s")
    assert plaza.processes() == []


def test_the_password_of_a_new_admin_is_printed_even_if_the_start_fails(plaza: FakePlaza) -> None:
    assert plaza.try_up(FAKE_ORDERS="crash").stdout == "Made the user admin with the password hunter2.\n"
    assert plaza.try_up(FAKE_PRODUCTS="forgetful").stdout == "Made the user admin with the password hunter2.\n"


@pytest.mark.parametrize(
    ("workers", "why"), [("relay=2", "knows no relay"), ("orders=0", "must"), ("orders=", "invalid")]
)
def test_workers_that_make_no_sense_are_refused(plaza: FakePlaza, workers: str, why: str) -> None:
    answer = plaza.try_up("--workers", workers)
    assert (answer.returncode, why in answer.stderr) == (2, True), answer.stderr


@pytest.mark.parametrize("workers", ["2", "3"])
def test_several_workers_without_redis_are_refused_before_anything_is_made(plaza: FakePlaza, workers: str) -> None:
    answer = plaza.try_up("--workers", workers, REDIS_URL="")
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"manage_all.py: --workers {workers} needs REDIS_URL")
    assert answer.stderr.count("\n") == 1
    assert not plaza.data_dir.exists()


def test_a_failed_preparation_is_shown_and_nothing_is_started(plaza: FakePlaza) -> None:
    answer = plaza.try_up(FAKE_USERS="broken")
    assert answer.returncode == 1
    assert "no such table: users\n" in answer.stderr
    assert "users_project/manage.py migrate` failed with exit code 1" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert plaza.processes() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_in_the_foreground_a_signal_ends_everything_in_order(plaza: FakePlaza, number: signal.Signals) -> None:
    run = plaza.start("up", "--port", str(plaza.port), "--no-demo")
    printed = run.stdout or ()
    assert any("Stop it with Ctrl-C." in line for line in printed)
    run.send_signal(number)
    _, complaints = run.communicate(timeout=60)
    assert (run.returncode, complaints.splitlines()[-2:]) == (0, ["stopping", "stopped"])
    assert plaza.processes() == []
    assert not (plaza.data_dir / "run/supervisor.json").exists()


def test_two_systems_run_side_by_side(plaza: FakePlaza, second: FakePlaza) -> None:
    assert [plaza.try_up().returncode, second.try_up().returncode] == [0, 0]
    assert plaza.run("down").returncode == 0
    assert plaza.processes() == []
    assert all(service["healthy"] for service in second.services().values())


def test_without_a_data_directory_everything_is_under_dot_plaza(repository: Path) -> None:
    system = FakePlaza(repository, None)
    try:
        assert system.try_up().returncode == 0
        assert "PLAZA_DATA_DIR" not in system.ask("gateway")["environment"]
        assert json.loads((repository / ".plaza/run/supervisor.json").read_text())["port"] == system.port
    finally:
        system.end()
        shutil.rmtree(repository / ".plaza")


def test_a_system_whose_output_nobody_reads_can_still_be_stopped(plaza: FakePlaza) -> None:
    starting = plaza.start("up", "--detach", "--port", str(plaza.port))
    assert starting.stdout is not None
    assert starting.stdout.readline() == "Plaza is up.\n"
    starting.stdout.close()  # as in `up --detach | head -1`
    starting.wait(30)
    assert starting.stderr is not None
    starting.stderr.close()
    assert plaza.run("status").returncode == 0
    assert plaza.run("down").returncode == 0
    assert plaza.run("status").returncode == 3
