"""The whole `test` command, over a small repository with suites of its own."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations import processes
from operations.testing.plan import RUN_VARIABLE
from tests.operations.plaza import Plaza, eventually, lend_packages

GOOD = "from users_project.shop import price\n\ndef test_price():\n    assert price(2) == 20\n"
BAD = "def test_bad():\n    assert 1 == 2, 'one is not two'\n"
SLOW = """
import os, signal, subprocess, time
def test_slow():
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    open(os.environ["NOTE"], "w").write(f"{os.getpid()} {os.environ['PLAZA_TEST_RUN']}")
    time.sleep(60)
"""


@pytest.fixture
def project(plaza: Plaza) -> Iterator[Path]:
    """The folder of the users' suite in a repository whose `.venv` has pytest."""
    lend_packages(plaza.root)
    package, suite = plaza.root / "users_project", plaza.root / "tests/users"
    (package / "__init__.py").touch()
    (package / "shop.py").write_text("def price(n):\n    if n > 5:\n        return 9 * n\n    return 10 * n\n")
    suite.mkdir(parents=True, exist_ok=True)
    (plaza.root / "pyproject.toml").write_text(
        "[tool.coverage.run]\nsource = ['users_project']\nomit = ['*/manage.py']\n"
    )
    (suite / "pytest.ini").write_text("[pytest]\nmarkers =\n    postgres\n")
    yield suite
    for file in suite.glob("*.py"):
        file.unlink()


def test_a_run_ends_with_a_table_the_coverage_and_the_counts(plaza: Plaza, project: Path) -> None:
    (project / "test_good.py").write_text(GOOD)
    answer = Plaza(plaza.root, None).run("test", "users")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    lines = answer.stdout.splitlines()
    assert re.fullmatch(r"\[1/1\] passed   users +[\d.]+ s", lines[0])
    rows = [line.split() for line in lines]
    assert ["job", "result", "passed", "skipped", "failed", "seconds"] in rows
    assert ["users", "passed", "1", "0", "0"] in [row[:5] for row in rows]
    assert ["users_project", "75.0", "50.0", "too", "low"] in rows
    assert lines[-1] == "1 passed, 0 failed, 0 skipped"


def test_what_a_failing_suite_said_comes_before_the_summary(plaza: Plaza, project: Path) -> None:
    (project / "test_good.py").write_text(GOOD)
    (project / "test_bad.py").write_text(BAD)
    answer = Plaza(plaza.root, None).run("test", "users")
    assert answer.returncode == 1
    assert answer.stdout.index("AssertionError: one is not two") < answer.stdout.index("job    result")
    assert answer.stdout.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_lane_that_can_not_run_is_reported(plaza: Plaza, project: Path) -> None:
    (project / "test_good.py").write_text(GOOD)
    nowhere = "postgresql://postgres@127.0.0.1:1/postgres"
    answer = Plaza(plaza.root, None).run("test", "users", "--lanes-only", PLAZA_TEST_POSTGRES=nowhere)
    assert answer.returncode == 0
    assert "no PostgreSQL at 127.0.0.1:1" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "0 passed, 0 failed, 1 skipped"


def test_interrupted_it_takes_all_that_it_started_with_it(plaza: Plaza, project: Path, tmp_path: Path) -> None:
    (project / "test_slow.py").write_text(SLOW)
    note = tmp_path / "note"
    run = Plaza(plaza.root, None).start("test", "users", NOTE=str(note))
    eventually(lambda: note.exists() and note.read_text().count(" "))
    pid, run_id = note.read_text().split()
    assert len(processes.tagged(RUN_VARIABLE, run_id)) == 2  # the suite, and what it let loose
    os.kill(run.pid, signal.SIGINT)
    said = run.communicate(timeout=15)
    assert (run.returncode, "Traceback" in said[1]) == (130, False)
    eventually(lambda: processes.tagged(RUN_VARIABLE, run_id) == [])
    assert processes.identity(int(pid)) is None


def test_an_unknown_project_is_refused(plaza: Plaza) -> None:
    answer = Plaza(plaza.root, None).run("test", "payments")
    assert answer.returncode == 2
    assert "there is no suite `payments`; there are system, gateway" in answer.stderr
