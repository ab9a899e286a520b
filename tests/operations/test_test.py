"""`test`: which jobs it chooses, what it makes of their reports, and whole runs over a small repository."""

import os
import re
import signal
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations import processes, summary, test
from operations.summary import Coverage, Outcome, Result, read_counts, summarize
from operations.test import RUN_VARIABLE
from tests.operations.fake_plaza import FakePlaza
from tests.support.plaza import eventually

GOOD = "from users_project.shop import price\n\ndef test_price():\n    assert price(2) == 20\n"
BAD = "def test_bad():\n    assert 1 == 2, 'one is not two'\n"
CLEAN = "import os\n\ndef test_clean():\n    assert 'DEBUG' not in os.environ\n"
SLOW = """
import os, pytest, subprocess, time

def note(text):
    with open(os.environ["PLAZA_TEST_NOTE"], "a") as notes:
        notes.write(text)

@pytest.fixture
def services():
    yield
    time.sleep(1.5)
    note(" services stopped")

def test_slow(services):
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    note(os.environ["PLAZA_TEST_RUN"])
    time.sleep(60)
"""


@pytest.fixture
def project(plaza: FakePlaza) -> Iterator[Path]:
    """The folder of the users' suite in a repository whose `.venv` has pytest, coverage and tox."""
    lend_packages(plaza.root)
    package, suite = plaza.root / "users_project", plaza.root / "tests/users"
    (package / "__init__.py").touch()
    (package / "shop.py").write_text("def price(n):\n    if n > 5:\n        return 9 * n\n    return 10 * n\n")
    suite.mkdir(parents=True, exist_ok=True)
    (plaza.root / "pyproject.toml").write_text(
        "[tool.coverage.run]\nbranch = true\nsource = ['users_project']\nomit = ['*/manage.py']\n"
    )
    (suite / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload\n")
    yield suite
    for file in suite.glob("*.py"):
        file.unlink()


def lend_packages(root: Path) -> None:
    """Let the repository's `.venv` use the packages of this process."""
    (target,) = (root / ".venv/lib").glob("python*/site-packages")
    (target / "lent.pth").write_text(sysconfig.get_path("purelib"))
    for name in ("pytest", "coverage"):
        script = root / ".venv/bin" / name
        script.write_text(f'#!/bin/sh\nexec "{root}/.venv/bin/python" -m {name} "$@"\n')
        script.chmod(0o755)


def test_a_run_ends_with_a_table_the_coverage_and_the_counts(plaza: FakePlaza, project: Path) -> None:
    (project / "test_good.py").write_text(GOOD)
    (project / "test_clean.py").write_text(CLEAN)
    answer = FakePlaza(plaza.root, None).run("test", "users", DEBUG="true", CI="true")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    lines = answer.stdout.splitlines()
    rows = [line.split() for line in lines]
    assert ["job", "result", "passed", "skipped", "failed", "seconds"] in rows
    assert ["users", "passed", "2", "0", "0"] in [row[:5] for row in rows]
    assert ["users_project", "75.0", "50.0", "too", "low"] in rows
    assert lines[-1] == "2 passed, 0 failed, 0 skipped"
    assert "[100%]" not in answer.stdout  # what a passing suite printed is not shown


def test_what_a_failing_suite_printed_comes_before_the_summary(plaza: FakePlaza, project: Path) -> None:
    (project / "test_good.py").write_text(GOOD)
    (project / "test_bad.py").write_text(BAD)
    answer = FakePlaza(plaza.root, None).run("test", "users")
    assert answer.returncode == 1
    assert re.search(r"^users: exit 1 ", answer.stdout, re.MULTILINE)
    assert answer.stdout.index("AssertionError: one is not two") < answer.stdout.index("job    result")
    assert answer.stdout.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_suite_that_is_killed_has_failed_and_its_coverage_is_unknown(plaza: FakePlaza, project: Path) -> None:
    (project / "test_killed.py").write_text("import os\n\ndef test_killed():\n    os.kill(os.getpid(), 9)\n")
    answer = FakePlaza(plaza.root, None).run("test", "users")
    rows = [line.split() for line in answer.stdout.splitlines()]
    assert (answer.returncode, rows[-1][2:4]) == (1, ["1", "failed,"])
    (row,) = [row for row in rows if row[:2] == ["users", "FAILED"]]
    assert (row[2:5], row[-1]) == (["0", "0", "1"], "SIGKILL")
    assert "coverage" not in [row[0] for row in rows if row]


def test_a_lane_that_can_not_run_is_skipped_and_says_so_but_fails_in_ci(plaza: FakePlaza, project: Path) -> None:
    nowhere = "postgresql://postgres@127.0.0.1:1/postgres"
    arguments = ("test", "users", "--lanes-only")
    answer = FakePlaza(plaza.root, None).run(*arguments, PLAZA_TEST_POSTGRES=nowhere)
    assert answer.returncode == 0
    assert re.search(r"^users-postgres +SKIPPED .* no PostgreSQL at 127\.0\.0\.1:1; ", answer.stdout, re.MULTILINE)
    assert answer.stdout.splitlines()[-1] == "0 passed, 0 failed, 1 skipped"
    answer = FakePlaza(plaza.root, None).run(*arguments, PLAZA_TEST_POSTGRES=nowhere, CI="true")
    assert answer.returncode == 1
    assert answer.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_lets_suites_stop_what_they_started_and_ends_the_rest(
    plaza: FakePlaza, project: Path, tmp_path: Path, number: signal.Signals
) -> None:
    (project / "test_slow.py").write_text(SLOW)
    note = tmp_path / "note"
    run = FakePlaza(plaza.root, None).start("test", "users", PLAZA_TEST_NOTE=str(note))
    run_id = eventually(lambda: note.exists() and note.read_text())
    assert len(processes.tagged(RUN_VARIABLE, run_id)) == 3  # tox, the suite, and what the suite started
    os.kill(run.pid, number)
    printed = run.communicate(timeout=60)
    assert (run.returncode, "Traceback" in printed[1]) == (130, False)
    assert note.read_text() == f"{run_id} services stopped"
    eventually(lambda: processes.tagged(RUN_VARIABLE, run_id) == [])


def test_an_unknown_project_is_refused(plaza: FakePlaza) -> None:
    answer = FakePlaza(plaza.root, None).run("test", "payments")
    assert answer.returncode == 2
    assert "there is no suite `payments`; there are system, gateway" in answer.stderr


def test_the_jobs_of_a_run() -> None:
    jobs = {"checks": ["mypy"], "suites": ["system", "users"], "lanes": ["users-postgres", "system-redis"]}
    assert test.choose(jobs, [], with_lanes=False, lanes_only=False) == ["mypy", "system", "users"]
    assert test.choose(jobs, ["users"], with_lanes=False, lanes_only=False) == ["users"]
    assert test.choose(jobs, ["users"], with_lanes=True, lanes_only=False) == ["users", "users-postgres"]
    assert test.choose(jobs, [], with_lanes=True, lanes_only=True) == ["users-postgres", "system-redis"]


def test_each_suite_has_a_database_of_its_own_on_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAZA_TEST_POSTGRES", "postgresql://me:secret@db:5433/postgres?sslmode=disable")
    variables = test.environment("a-run")
    urls = [variables[f"{name}_DATABASE_URL"] for name in ("GATEWAY", "USERS", "PRODUCTS", "ORDERS")]
    assert len(set(urls)) == 4
    assert urls[1].startswith("postgresql://me:secret@db:5433/plaza_")
    assert urls[1].endswith("_users?sslmode=disable")


def test_tox_gets_the_servers_and_no_option_of_another_tox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAZA_TEST_REDIS", raising=False)
    monkeypatch.setenv("TOX_WORK_DIR", "/elsewhere")
    variables = test.environment("a-run")
    assert variables["PLAZA_TEST_REDIS"] == "redis://127.0.0.1:6379/15"
    assert "TOX_WORK_DIR" not in variables


def test_a_missing_server_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAZA_TEST_REDIS", "redis://127.0.0.1:1/15")
    missing = "no Redis at 127.0.0.1:1; start one there or name another in PLAZA_TEST_REDIS"
    assert test.missing_for("system-redis") == missing
    assert test.missing_for("system") is None
    assert test.missing_for("system-long") is None


def test_a_missing_browser_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert "apt install chromium" in (test.missing_for("system-browser") or "")
    (tmp_path / "chromium-1200").mkdir()
    assert test.missing_for("system-browser") is None


def entry(exit_code: int) -> dict[str, dict[str, float]]:
    return {"result": {"exit_code": exit_code, "duration": 1.5}}


def test_a_check_counts_as_one(tmp_path: Path) -> None:
    assert Result.of("mypy", entry(0), tmp_path) == Result("mypy", Outcome.PASSED, passed=1, seconds=1.5)
    assert Result.of("mypy", entry(2), tmp_path) == Result(
        "mypy", Outcome.FAILED, failed=1, seconds=1.5, reason="exit code 2"
    )


def test_a_suite_without_tests_has_failed(tmp_path: Path) -> None:
    write_report(tmp_path / "junit/users.xml", "tests='0'")
    result = Result.of("users", entry(5), tmp_path)
    assert (result.outcome, result.failed, result.reason) == (Outcome.FAILED, 1, "exit code 5")


def test_a_suite_whose_tests_passed_but_whose_end_failed_has_failed(tmp_path: Path) -> None:
    write_report(tmp_path / "junit/users.xml", "tests='3' skipped='1'")
    result = Result.of("users", entry(1), tmp_path)
    assert (result.outcome, result.passed, result.failed, result.skipped) == (Outcome.FAILED, 2, 1, 1)


def test_errors_count_as_failures_and_the_rest_has_passed(tmp_path: Path) -> None:
    write_report(tmp_path / "report.xml", "errors='1' failures='2' skipped='3' tests='10'")
    assert read_counts(tmp_path / "report.xml") == (4, 3, 3)


def test_a_missing_or_cut_report_counts_nothing(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    assert read_counts(report) is None
    report.write_text("<testsuites><testsuite")
    assert read_counts(report) is None


def write_report(path: Path, counts: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"<testsuites><testsuite name='pytest' {counts}/></testsuites>")


def covered(lines: int, statements: int, branches: int, all_branches: int) -> dict[str, dict[str, int]]:
    return {
        "summary": {
            "covered_lines": lines,
            "num_statements": statements,
            "covered_branches": branches,
            "num_branches": all_branches,
            "excluded_lines": 7,
        }
    }


def test_coverage_is_summed_by_package() -> None:
    files = {
        "common/api/errors.py": covered(50, 50, 10, 10),
        "common/resilience/circuit.py": covered(40, 50, 5, 10),
        "users_project/settings.py": covered(10, 10, 0, 0),
        "elsewhere/file.py": covered(0, 10, 0, 2),
    }
    assert summarize(files, ["common", "users_project", "orders_project"]) == [
        Coverage("common", lines=90.0, branches=75.0),
        Coverage("users_project", lines=100.0, branches=100.0),
        Coverage("orders_project", lines=0.0, branches=100.0),
    ]


def test_lines_and_branches_must_both_be_enough() -> None:
    assert Coverage("common", lines=95.0, branches=95.0).is_enough
    assert not Coverage("common", lines=100.0, branches=94.9).is_enough
    assert not Coverage("common", lines=94.9, branches=100.0).is_enough


@pytest.mark.parametrize(
    ("coverage", "is_whole", "exit_code", "total"),
    [
        ([Coverage("common", 95.0, 95.0)], True, 0, "1 passed, 0 failed, 0 skipped"),
        ([Coverage("common", 94.9, 100.0)], True, 1, "1 passed, 1 failed, 0 skipped"),
        ([Coverage("common", 94.9, 100.0)], False, 0, "1 passed, 0 failed, 0 skipped"),
        ([], True, 1, "1 passed, 1 failed, 0 skipped"),
    ],
)
def test_in_a_run_of_everything_too_little_coverage_is_a_failure(
    coverage: list[Coverage],
    is_whole: bool,
    exit_code: int,
    total: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(summary, "measure", lambda data, packages: coverage)
    monkeypatch.setattr(summary, "show_gaps", lambda data, package: shown.append(package))
    results = [Result("mypy", Outcome.PASSED, passed=1)]
    assert summary.show(results, tmp_path, ["common"], is_whole=is_whole) == exit_code
    assert capsys.readouterr().out.splitlines()[-1] == total
    assert shown == (["common"] if coverage and exit_code else [])
