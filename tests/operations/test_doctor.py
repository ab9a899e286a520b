import fcntl
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations import bootstrap, findings, processes
from operations.doctor import look
from operations.findings import NOTE, OK, STOP, Finding
from operations.layout import System
from operations.ports import listener_of
from operations.status import Record, State
from tests.operations.fake_plaza import FakePlaza

LISTEN = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); print('on', flush=True); time.sleep(60)"


def states(plaza: FakePlaza, *arguments: str, **more: str) -> tuple[int, dict[str, str]]:
    """The exit code, and the last state of each finding."""
    answer = plaza.run("doctor", "--json", "--port", str(plaza.port), *arguments, **more)
    found = json.loads(answer.stdout)
    assert found["would_start"] is (answer.returncode == 0)
    return answer.returncode, {finding["name"]: finding["state"] for finding in found["findings"]}


@pytest.fixture
def system(tmp_path: Path) -> System:
    made = System(tmp_path / "data")
    made.create()
    (made.base / "secrets").mkdir(mode=0o700)
    return made


def details(found: Iterator[Finding], state: str) -> str:
    return "\n".join(finding.detail for finding in found if finding.state == state)


def test_where_nothing_is_wrong_each_line_says_ok_and_nothing_is_written(plaza: FakePlaza) -> None:
    code, found = states(plaza)
    assert code == 0
    assert found.pop("running", NOTE) == NOTE  # other systems of this machine
    assert found == dict.fromkeys(("Python", "packages", "ports", "disk", "lock", "files", "variables"), OK)
    lines = plaza.run("doctor", "--port", str(plaza.port)).stdout.splitlines()
    assert all(line.split()[0] in (OK, NOTE) for line in lines)
    assert not plaza.data_dir.exists()


def test_a_taken_port_is_named_with_who_has_it(plaza: FakePlaza) -> None:
    command = [sys.executable, "-c", LISTEN.format(port=plaza.port + 2)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        answer = plaza.run("doctor", "--port", str(plaza.port))
        other.kill()
    assert answer.returncode == 1
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith(STOP)]
    assert f"{plaza.port + 2} (products) is taken by process {other.pid} ({sys.executable} -c" in line
    assert f"--port {plaza.port + 1000}`" in line


def test_a_listener_that_nobody_knows_is_some_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        assert listener_of(own.getsockname()[1]).startswith(f"process {os.getpid()} (")
    assert listener_of(1) == "another program"


def test_a_running_system_is_told_and_its_ports_are_its_own(plaza: FakePlaza, second: FakePlaza) -> None:
    plaza.up()
    code, found = states(plaza)
    assert (code, found["running"], "ports" in found) == (0, NOTE, False)
    other = second.run("doctor", "--port", str(second.port)).stdout
    assert f"another system runs on port {plaza.port}, with its files in {plaza.data_dir}: `python3" in other


def test_a_lock_that_is_held_is_named_with_its_holder(system: System) -> None:
    assert details(findings.lock(system), OK) == "nobody else starts this system"
    with system.lock_file.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert details(findings.lock(system), STOP).startswith(f"process {os.getpid()} (")
    assert details(findings.lock(system), STOP) == ""


def test_what_a_killed_supervisor_left_stops_nothing(system: System) -> None:
    living = Record.of("users", os.getpid())
    State(Record("supervisor", 1, "another boot/1"), 8000, (living,)).write(system.state_file)
    assert "left its state and users still run: `up` and `down` tidy up" in details(findings.lock(system), NOTE)


@pytest.mark.parametrize(
    ("path", "mode", "mend"),
    [
        ("secrets/jwt-signing", 0o644, "has mode 644: `chmod 600 "),
        ("secrets", 0o777, "has mode 777: `chmod 700 "),
    ],
)
def test_a_secret_that_others_may_read_is_named_with_the_command_that_mends_it(
    system: System, path: str, mode: int, mend: str
) -> None:
    secret = system.base / "secrets/jwt-signing"
    secret.touch(mode=0o600)
    assert details(findings.files(system), STOP) == ""
    (system.base / path).chmod(mode)
    assert f"{system.base / path} {mend}{system.base / path}`" in details(findings.files(system), STOP)


def test_links_and_files_in_the_way_are_named(system: System, tmp_path: Path) -> None:
    (system.base / "secrets/jwt-signing").symlink_to("/etc/hostname")
    assert "is a link" in details(findings.files(system), STOP)
    (tmp_path / "file").touch()
    assert "is a file, where a directory is meant" in details(findings.files(System(tmp_path / "file")), STOP)


def test_a_directory_that_is_not_writable_is_named(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings.os, "access", lambda path, mode: False)  # root may write everywhere
    assert "is not writable" in details(findings.files(system), STOP)


def test_too_little_room_is_named(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 3 * findings.MB}))
    assert "3 MB are free at" in details(findings.disk(system), STOP)


# Packages


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "RECORD", tmp_path / "record.json")
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(findings, "_configured_index", lambda: "")


def test_without_packages_pip_s_index_must_answer(without_packages: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/simple/pip/" else 404)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = f"127.0.0.1:{server.server_port}"
        monkeypatch.setenv("PIP_INDEX_URL", f"http://me:secret@{where}/simple/")
        assert f"http://{where}/simple/ answers" in details(findings.packages(), OK)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://{where}/other")
        assert "answers 404" in details(findings.packages(), NOTE)
        server.shutdown()
    assert "can't be reached" in details(findings.packages(), STOP)
    assert "makes it anew" in details(findings.packages(), NOTE)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    assert details(findings.packages(), STOP) == ""
    assert "in wheels only" in details(findings.packages(), NOTE)


def test_the_index_of_pip_s_own_settings_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://packages.example/simple\n")
    monkeypatch.setattr(findings, "PIP_FILES", ())
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert findings._configured_index() == "https://packages.example/simple"
    (tmp_path / "pip.conf").write_text("[global\n")
    assert findings._configured_index() == ""


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_named(without_packages: None, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(findings.importlib.util, "find_spec", lambda name: None if name == module else object())
    assert f"lacks its module `{module}`: install it" in details(findings.packages(), STOP)


def test_a_damaged_environment_is_told(plaza: FakePlaza) -> None:
    record = plaza.root / ".venv/plaza-installed.json"
    kept = record.read_text()
    record.write_text("{}")
    try:
        code, found = states(plaza)
        assert "is damaged" in plaza.run("doctor").stdout
    finally:
        record.write_text(kept)
    assert (code, found["packages"], found["variables"]) == (0, NOTE, NOTE)


# Variables


def test_a_variable_that_a_project_refuses_is_said_once(plaza: FakePlaza) -> None:
    answer = plaza.run("doctor", "--port", str(plaza.port), FAKE_USERS="broken", FAKE_ORDERS="broken")
    assert answer.returncode == 1
    stops = [line for line in answer.stdout.splitlines() if line.startswith(STOP)]
    assert stops == [
        f"stop  variables  {name}: PUBLIC_URL is 'x': it does not begin with http" for name in ("users", "orders")
    ]


def test_redis_is_asked_for_an_answer_and_stops_nothing(plaza: FakePlaza) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert states(plaza, REDIS_URL=f"redis://127.0.0.1:{port}/0")[1]["Redis"] == OK
    assert states(plaza, REDIS_URL=f"redis://127.0.0.1:{port}/0")[1]["Redis"] == NOTE
    assert states(plaza, REDIS_URL="redis://127.0.0.1:a/0")[1]["Redis"] == NOTE


def test_all_is_looked_at_even_if_something_is_wrong(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "values_of", lambda variable: set())
    monkeypatch.setattr(bootstrap, "is_installed", lambda lock: False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (system.base / "secrets").chmod(0o777)
    names = {finding.name for finding in look(system, 64_000)}
    assert names == {"Python", "packages", "pip", "ports", "disk", "lock", "files", "variables"}


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_can_not_be_read_is_one_finding_of_many(
    content: bytes | None, plaza: FakePlaza, tmp_path: Path
) -> None:
    if content:
        (tmp_path / "url").write_bytes(content)
    code, found = states(plaza, USERS_DATABASE_URL_FILE=str(tmp_path / "url"))
    assert (code, found["variables"], found["files"]) == (1, STOP, OK)
