import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations import log_view
from operations.log_lines import Line, Style
from operations.log_rotation import rotate
from tests.operations.fake_plaza import FakePlaza, environment
from tests.support.plaza import eventually

REQUEST_ID = "01a21709-e2c9-7018-b825-17bde340e6c8"
OTHER_ID = "01a21709-e2c9-7018-b825-17bde340ffff"


def entry(second: float, **fields: Any) -> str:
    return json.dumps(
        {**fields, "level": fields.get("level", "info"), "timestamp": f"2026-11-25T08:47:{second:09.6f}Z"}
    )


def request(second: float, status: int = 200, request_id: str = REQUEST_ID, **fields: Any) -> str:
    more = {"method": "GET", "route": "api/products/", "status": status, "duration_ms": 20.4, "event": "request"}
    return entry(second, **more, request_id=request_id, trace_id="72" * 16, **fields)


def write(plaza: FakePlaza, name: str, *lines: str) -> Path:
    folder = plaza.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.log"
    with path.open("a") as log:
        log.writelines(f"{line}\n" for line in lines)
    return path


def in_a_terminal(plaza: FakePlaza, *arguments: str, columns: int = 80, **more: str) -> str:
    """What a person sees. The pseudo-terminal ends its lines with \\r\\n."""
    leader, terminal = pty.openpty()
    more = {"COLUMNS": str(columns), "TERM": "xterm", **more}
    run = subprocess.Popen(
        plaza.command(*arguments), env={**environment(plaza.root), **more}, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    seen = b""
    while True:
        try:
            seen += os.read(leader, 65536)
        except OSError:  # Linux says so at the end
            break
    os.close(leader)
    run.wait()
    return seen.decode().replace("\r\n", "\n")


@pytest.fixture
def three(plaza: FakePlaza) -> FakePlaza:
    """Three logs whose lines lie between each other."""
    write(plaza, "gateway", request(1.5), request(3, 503, OTHER_ID))
    write(plaza, "users", entry(1, event="Booting worker"), request(2, upstream="x"))
    write(plaza, "supervisor", "2026-11-25T08:47:02Z gateway started as process 7")
    return plaza


def test_lines_of_all_processes_are_merged_by_time(three: FakePlaza) -> None:
    said = f"GET /api/products/ 200 20.4 ms request_id={REQUEST_ID}"
    assert three.run("logs").stdout == (
        "2026-11-25T08:47:01.000000Z users      info     Booting worker\n"
        f"2026-11-25T08:47:01.500000Z gateway    info     {said}\n"
        "2026-11-25T08:47:02Z supervisor          gateway started as process 7\n"
        f"2026-11-25T08:47:02.000000Z users      info     {said.replace(' request_id', ' upstream=x request_id')}\n"
        f"2026-11-25T08:47:03.000000Z gateway    info     GET /api/products/ 503 20.4 ms request_id={OTHER_ID}\n"
    )
    assert three.run("logs", "--lines", "1").stdout.splitlines() == three.run("logs").stdout.splitlines()[-1:]
    assert three.run("logs", "users", "-n", "1").stdout.count("\n") == 1


def test_at_a_terminal_a_line_is_short_and_coloured_by_what_went_wrong(three: FakePlaza) -> None:
    seen = in_a_terminal(three, "logs", columns=62, NO_COLOR="1").splitlines()
    assert seen[1] == "11-25 08:47:01 gateway    info     e340e6c8 GET /api/products…"
    assert max(map(len, seen)) == 62
    assert in_a_terminal(three, "logs").splitlines()[-1].startswith("\033[31m11-25 08:47:03 gateway")
    assert "\033" not in in_a_terminal(three, "logs", NO_COLOR="1")
    assert "\033" not in three.run("logs").stdout


def test_one_request_is_found_in_all_logs_by_its_id_or_the_end_of_it(three: FakePlaza) -> None:
    whole = three.run("logs", "--request", REQUEST_ID).stdout.splitlines()
    assert [line.split()[1] for line in whole] == ["gateway", "users"]
    assert three.run("logs", "--request", REQUEST_ID[-8:]).stdout.splitlines() == whole
    assert len(three.run("logs", "--request", "72" * 16).stdout.splitlines()) == 3
    assert three.run("logs", "--request", REQUEST_ID, "--lines", "1").stdout.splitlines() == whole[-1:]


def test_a_request_that_nobody_wrote_about_is_said(three: FakePlaza) -> None:
    answer = three.run("logs", "--request", "not-there")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "Nothing about not-there" in answer.stderr
    assert three.run("logs", "--request", "abc").returncode == 2


def test_json_is_as_it_was_written_and_the_rest_is_made_json(three: FakePlaza) -> None:
    write(three, "relay", "a traceback's line")
    lines = [json.loads(line) for line in three.run("logs", "--json").stdout.splitlines()]
    assert lines[0] == {"event": "a traceback's line", "service": "relay"}
    assert json.dumps(lines[2]) == request(1.5)
    assert lines[3] == {
        "event": "gateway started as process 7",
        "service": "supervisor",
        "timestamp": "2026-11-25T08:47:02Z",
    }


def test_rotated_files_are_read_too(plaza: FakePlaza) -> None:
    log = write(plaza, "users", request(1), entry(2, event="two"))
    rotate(log, limit_bytes=1)
    write(plaza, "users", entry(3, event="three"))
    assert [line.split()[-1] for line in plaza.run("logs", "-n", "2").stdout.splitlines()] == ["two", "three"]
    assert plaza.run("logs", "--request", REQUEST_ID).stdout.count("\n") == 1


def test_following_merges_survives_rotation_and_ends_quietly(three: FakePlaza) -> None:
    run = three.start("logs", "--follow", "--lines", "1")
    assert run.stdout is not None
    assert OTHER_ID in run.stdout.readline()
    log = write(three, "users", entry(4, event="before"))
    assert run.stdout.readline().split()[-1] == "before"
    os.kill(run.pid, signal.SIGSTOP)  # so that it sees all of this at once
    write(three, "users", entry(5, event="last of the old file"))
    rotate(log, limit_bytes=1)
    write(three, "users", entry(7, event="first of the new one"))
    write(three, "gateway", entry(6, event="between"))
    os.kill(run.pid, signal.SIGCONT)
    assert [run.stdout.readline().split()[-1] for _ in range(3)] == ["file", "between", "one"]
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=5) == ("", "")
    assert run.returncode == 0


def test_following_one_request_shows_no_other(three: FakePlaza) -> None:
    run = three.start("logs", "--follow", "--request", OTHER_ID, "--json")
    assert run.stdout is not None
    assert OTHER_ID in run.stdout.readline()
    write(three, "users", request(8), request(9, request_id=OTHER_ID))
    assert json.loads(run.stdout.readline())["timestamp"].startswith("2026-11-25T08:47:09")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=5)


def test_without_logs_the_remedy_is_named(plaza: FakePlaza) -> None:
    answer = plaza.run("logs")
    assert answer.returncode == 1
    assert "start Plaza with `python3 manage_all.py up --data-dir" in answer.stderr


def test_a_reader_that_stops_early_causes_no_error(plaza: FakePlaza) -> None:
    write(plaza, "users", *["a line that fills the pipe"] * 10_000)
    command = " ".join(plaza.command("logs", "users", "--lines", "10000")) + " | head -n 1"
    answer = subprocess.run(
        command, shell=True, env=environment(plaza.root), capture_output=True, text=True, check=False
    )
    assert (answer.stdout.count("\n"), answer.stderr) == (1, "")


def test_the_services_print_into_their_logs(plaza: FakePlaza) -> None:
    plaza.up()
    eventually(lambda: plaza.run("logs", "relay").stdout.endswith("relay begins\n"))
    assert plaza.run("logs", "users").stdout.endswith(f"users serves on {plaza.port + 1}\n")


def test_a_line_without_a_time_keeps_its_place_after_the_one_before_it() -> None:
    first = Line.read("users", entry(1, event="x"), after="")
    assert (
        Line.read("users", "  File ...", after=first.written_at).written_at
        == first.written_at
        == "2026-11-25T08:47:01.000000"
    )
    assert Line.read("users", "{broken", after="").fields == {}
    assert Line.read("users", "laterZ than", after="").text == "laterZ than"


def test_an_error_is_one_line_with_its_last_words() -> None:
    text = entry(1, event="it broke", level="error", user_id=REQUEST_ID, exception="Traceback\n  File\nKeyError: 'x'")
    shown = Style(today="2026-11-25", is_short=True, columns=200).show(Line.read("users", text, after=""))
    assert shown == "08:47:01.000 users      error             it broke user_id=e340e6c8 KeyError: 'x'"
    assert Style().show(Line.read("users", "plain", after="")) == "- users               plain"
    assert log_view.NAMES[-1] == "supervisor"
