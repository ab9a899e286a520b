"""The jobs of tox.toml, as tox itself reads it."""

import json
import subprocess
import sys
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from operations.layout import ROOT, SERVERS
from operations.test import labels, packages_of
from tests.support.plaza import PLAZA_VARIABLES

JOBS = [job for jobs in labels().values() for job in jobs]
LANES = labels()["lanes"]
REAL_PROCESSES = [job for job in JOBS if job.partition("-")[0] == "system"]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    work = str(tmp_path_factory.mktemp("tox"))
    command = [sys.executable, "-m", "tox", "config", "--format", "json", "--workdir", work, "-e", ",".join(JOBS)]
    found: dict[str, dict[str, Any]] = json.loads(subprocess.check_output(command, cwd=ROOT))["env"]
    return found


def test_each_folder_of_tests_is_a_suite() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/pytest.ini")}
    assert folders == set(labels()["suites"])


def test_each_job_has_its_own_data_coverage_and_report(jobs: dict[str, dict[str, Any]]) -> None:
    for variable in ("PLAZA_DATA_DIR", "COVERAGE_FILE", "PYTEST_ADDOPTS"):
        assert len({job["set_env"][variable] for job in jobs.values()}) == len(JOBS)


def test_nothing_of_a_running_plaza_reaches_a_job(jobs: dict[str, dict[str, Any]]) -> None:
    def passed_on(job: str) -> set[str]:
        return {name for name in PLAZA_VARIABLES if any(fnmatchcase(name, known) for known in jobs[job]["pass_env"])}

    on_postgres = {job for job in LANES if job.endswith("-postgres") and not job.startswith("system")}
    databases = {f"{server.name.upper()}_DATABASE_URL" for server in SERVERS}
    assert {job: passed_on(job) for job in jobs} == {job: databases if job in on_postgres else set() for job in jobs}


def test_a_test_that_hangs_is_ended(jobs: dict[str, dict[str, Any]]) -> None:
    for job in jobs.values():
        options = job["set_env"]["PYTEST_ADDOPTS"].split()
        assert {"faulthandler_timeout=900", "faulthandler_exit_on_timeout=true"} <= set(options)


def test_every_day_the_lanes_are_left_out(jobs: dict[str, dict[str, Any]]) -> None:
    assert not set(LANES) & set(labels()["suites"] + labels()["checks"])
    assert "-m 'not (postgres or redis or browser or clients or compose or long)'" in command(jobs["system"])
    assert "-m 'not redis'" in command(jobs["gateway"])
    assert "-m 'not long'" in command(jobs["operations"])


def test_the_suites_of_the_projects_and_of_common_are_measured(jobs: dict[str, dict[str, Any]]) -> None:
    measured = {job for job in JOBS if "coverage run" in command(jobs[job])}
    assert measured == {*(server.name for server in SERVERS), "common"}
    assert packages_of([]) == [*(server.project for server in SERVERS), "common"]
    assert packages_of(["orders", "operations"]) == ["orders_project"]


def test_jobs_with_real_processes_take_turns(jobs: dict[str, dict[str, Any]]) -> None:
    for one, other in combinations(REAL_PROCESSES, 2):
        assert (one in jobs[other]["depends"]) != (other in jobs[one]["depends"]), (one, other)
    assert "gateway-redis" in jobs["system-redis"]["depends"]  # both use the one database of the server


def test_each_lane_runs_its_suite_with_its_marker(jobs: dict[str, dict[str, Any]]) -> None:
    whole_suites = ["gateway-postgres", "users-postgres", "products-postgres", "orders-postgres"]
    on_this_machine = ["browser", "clients", "compose", "long"]
    marked = ["gateway-redis", *(f"system-{marker}" for marker in ("postgres", "redis", *on_this_machine))]
    assert {*whole_suites, *marked, "operations-long"} == set(LANES)
    for job in LANES:
        suite, _, marker = job.partition("-")
        without_redis = " -m 'not redis'" if suite == "gateway" else ""
        expected = without_redis if job in whole_suites else f" -m {marker}"
        assert command(jobs[job]) == f"pytest tests/{suite}{expected}"


def test_the_deployment_checks_see_a_public_https_address(jobs: dict[str, dict[str, Any]]) -> None:
    script = command(jobs["django"])
    assert "export PUBLIC_URL=https://plaza.example" in script
    assert "for manage in *_project/manage.py" in script
    assert "$manage check --deploy --fail-level WARNING" in script
    assert "$manage makemigrations --check --dry-run" in script


def test_no_job_installs_anything(jobs: dict[str, dict[str, Any]]) -> None:
    for job in jobs.values():
        assert (job.get("deps"), job["set_env"]["VIRTUALENV_NO_SEED"]) in ((None, "1"), ("", "1"), ([], "1"))
        assert job["set_env"]["PATH"].startswith(str(Path(ROOT) / ".venv/bin"))


def command(job: dict[str, Any]) -> str:
    (only,) = job["commands"]
    assert isinstance(only, str)
    return only
