from pathlib import Path

import pytest

from operations.testing import lanes
from operations.testing.plan import SUITES, Plan


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path, "a-run")


def marker(command: object) -> str:
    assert isinstance(command, list)
    found: str = command[command.index("-m", command.index("pytest")) + 1]
    return found


def test_each_suite_has_its_own_data_and_nothing_of_a_running_plaza(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DEBUG", "REDIS_URL", "USERS_DATABASE_URL", "PLAZA_ADMIN_PASSWORD"):
        monkeypatch.setenv(name, "from the caller")
    jobs = list(plan.suites(SUITES))
    assert len({job.environment["PLAZA_DATA_DIR"] for job in jobs}) == len(SUITES)
    assert len({job.environment["COVERAGE_FILE"] for job in jobs}) == len(SUITES)
    assert all("from the caller" not in job.environment.values() for job in jobs)


def test_every_day_the_lanes_are_left_out(plan: Plan) -> None:
    (job,) = plan.suites(["system"])
    assert marker(job.command) == "not (postgres or redis or browser or compose or long)"


def test_what_runs_real_processes_is_not_measured_and_takes_turns(plan: Plan) -> None:
    system, users = plan.suites(["system", "users"])
    assert "coverage" not in system.command
    assert "coverage" in users.command
    assert list(system.alone_with) == ["system"]
    assert not users.alone_with


def test_the_lanes_of_everything(plan: Plan) -> None:
    jobs = {job.name: job for job in plan.lanes(SUITES)}
    assert list(jobs) == [
        *(f"{name} (postgres)" for name in ("gateway", "users", "products", "orders", "system")),
        *("gateway (redis)", "system (redis)", "system (browser)", "system (compose)", "system (long)"),
    ]
    assert marker(jobs["users (postgres)"].command) == "not (redis or browser or compose or long)"
    assert marker(jobs["system (long)"].command) == "long"
    assert jobs["system (redis)"].alone_with == {"system", "redis"}
    assert jobs["gateway (redis)"].alone_with == {"redis"}


def test_the_lanes_of_one_project(plan: Plan) -> None:
    assert [job.name for job in plan.lanes(["users"])] == ["users (postgres)"]


def test_each_suite_has_a_database_of_its_own_on_the_server(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAZA_TEST_POSTGRES", "postgresql://me:secret@db:5433/postgres?sslmode=disable")
    job = next(iter(plan.lanes(["users"])))
    urls = [job.environment[f"{name}_DATABASE_URL"] for name in ("GATEWAY", "USERS", "PRODUCTS", "ORDERS")]
    assert len(set(urls)) == 4
    assert urls[1].startswith("postgresql://me:secret@db:5433/plaza_")
    assert urls[1].endswith("_users?sslmode=disable")


def test_a_missing_server_is_named_with_the_mend() -> None:
    missing = lanes.missing_server("Redis", "redis://127.0.0.1:1/15", 6379, "PLAZA_TEST_REDIS")
    assert missing == "no Redis at 127.0.0.1:1; start one there or name another in PLAZA_TEST_REDIS"


def test_a_missing_browser_is_named_with_the_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert "apt install chromium" in (lanes.missing_browser() or "")
    (tmp_path / "chromium-1200").mkdir()
    assert lanes.missing_browser() is None


def test_the_deployment_checks_see_a_public_https_address(plan: Plan) -> None:
    job = next(job for job in plan.checks() if job.name == "check users_project")
    assert job.environment["PUBLIC_URL"] == "https://plaza.example"
    assert job.command[-1].count("users_project/manage.py") == 2
    assert " && " in job.command[-1]
