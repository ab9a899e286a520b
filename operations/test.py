"""`test`: runs the jobs of tox.toml and sums up what they found.

tox runs them side by side, each with clean variables, and shows the output of the failed ones. This module skips lanes
whose server is missing and ends all processes of an interrupted run; `summary` counts tests and judges the coverage.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import processes, summary
from .console import OperationError
from .layout import ROOT, SERVERS
from .summary import LEAST_PERCENT, Outcome, Result

RUN_VARIABLE = "PLAZA_TEST_RUN"  # every process of a run has it, so that they can be found
POSTGRES_VARIABLE, POSTGRES_DEFAULT = "PLAZA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
REDIS_VARIABLE, REDIS_DEFAULT = "PLAZA_TEST_REDIS", "redis://127.0.0.1:6379/15"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Programs of the clients' lane, and Debian's packages of them.
CLIENTS = {
    **{name: name for name in ("curl", "haproxy", "nginx", "openssl", "npm")},
    "node": "nodejs",
    "javac": "default-jdk-headless",
}
PATIENCE_S = 8.0  # an interrupted suite gets this long to stop the processes that it started

DESCRIPTION = """\
Run the linters, the type checker, Django's deployment checks and every suite, each in its own process, side
by side. With PROJECT, run only these suites: {suites}.

Each suite gets a data directory of its own and no variable of a running Plaza. Coverage is reported for each
project and for common; in a run of everything, less than {percent:.0f} % of lines or branches fails it.

--all adds the lanes that need more than Python: the suites on PostgreSQL (PLAZA_TEST_POSTGRES), on Redis
(PLAZA_TEST_REDIS), in Chromium, behind nginx and HAProxy, the container files, and the long tests. A lane
whose server or browser is missing is skipped and says so; with CI=true it fails."""
EPILOG = """\
examples:
  python3 manage_all.py test
  python3 manage_all.py test orders common
  python3 manage_all.py test --all

exit codes: 0 nothing failed; 1 something did; 2 wrong usage; 130 interrupted"""


def configure(parser: argparse.ArgumentParser) -> None:
    suites = labels()["suites"]

    def suite(text: str) -> str:
        if text not in suites:
            raise argparse.ArgumentTypeError(f"there is no suite `{text}`; there are {', '.join(suites)}")
        return text

    parser.description = DESCRIPTION.format(suites=", ".join(suites), percent=LEAST_PERCENT)
    parser.epilog = EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("projects", nargs="*", type=suite, metavar="PROJECT", help="suites to run")
    parser.add_argument("--all", action="store_true", help="the additional lanes too")
    parser.add_argument("--lanes-only", action="store_true", help="only the additional lanes")


def labels() -> dict[str, list[str]]:
    """The names of the checks, suites and lanes."""
    with (ROOT / "tox.toml").open("rb") as file:
        found: dict[str, list[str]] = tomllib.load(file)["labels"]
    return found


def run(options: argparse.Namespace) -> int:
    processes.interrupt_at(signal.SIGTERM, signal.SIGHUP)
    run_id = str(uuid.uuid4())
    jobs = choose(labels(), options.projects, with_lanes=options.all, lanes_only=options.lanes_only)
    missing = {job: reason for job in jobs if (reason := missing_for(job))}
    with tempfile.TemporaryDirectory(prefix="plaza-test-", ignore_cleanup_errors=True) as scratch:
        try:
            found = run_tox([job for job in jobs if job not in missing], Path(scratch), run_id)
        finally:
            for pid in processes.tagged(RUN_VARIABLE, run_id):
                processes.send(pid, signal.SIGKILL)
        results = [
            without_its_server(job, missing[job]) if job in missing else Result.of(job, found[job], Path(scratch))
            for job in jobs
        ]
        is_whole = not options.projects and not options.lanes_only
        return summary.show(results, Path(scratch), packages_of(options.projects), is_whole=is_whole)


def choose(
    jobs: Mapping[str, list[str]], projects: Collection[str], *, with_lanes: bool, lanes_only: bool
) -> list[str]:
    """The jobs of these projects, or of all; checks only if no project is named."""
    suites = [suite for suite in jobs["suites"] if not projects or suite in projects]
    checks = [] if projects else jobs["checks"]
    lanes = [lane for lane in jobs["lanes"] if lane.partition("-")[0] in suites]
    return [*([] if lanes_only else [*checks, *suites]), *(lanes if with_lanes or lanes_only else [])]


def packages_of(projects: Collection[str]) -> list[str]:
    """The measured packages of these suites, or of all."""
    measured = {server.name: server.project for server in SERVERS} | {"common": "common"}
    return [package for suite, package in measured.items() if not projects or suite in projects]


def run_tox(jobs: Sequence[str], scratch: Path, run_id: str) -> dict[str, Any]:
    """What tox's report says of each job."""
    if not jobs:
        return {}
    report = scratch / "tox.json"
    command = [sys.executable, "-m", "tox", "run-parallel", "--parallel", str((os.cpu_count() or 1) + 1)]
    # In CI tox would list the dependencies of each job, and with them the output of those that pass.
    command += ["-qq", "--parallel-no-spinner", "--no-list-dependencies"]
    command += ["--workdir", str(scratch), "--result-json", str(report), "-e", ",".join(jobs)]
    sys.stdout.flush()
    tox = processes.spawn(command, directory=ROOT, environment=environment(run_id), stdout=None)
    try:
        tox.wait()
    except KeyboardInterrupt:
        stop(tox)
        raise
    if not report.exists():
        raise OperationError(f"tox ended with exit code {tox.returncode} and without a report.")
    found: dict[str, Any] = json.loads(report.read_text())["testenvs"]
    return found


def stop(tox: "subprocess.Popen[bytes]") -> None:
    """End the run. tox is killed first: it would interrupt a suite again while that stops its own processes."""
    tox.kill()
    tox.wait()
    processes.send_group(tox.pid, signal.SIGINT)
    processes.wait_until(lambda: not processes.is_group(tox.pid), timeout_s=PATIENCE_S)
    processes.send_group(tox.pid, signal.SIGKILL)


def environment(run_id: str) -> dict[str, str]:
    """tox's own variables; tox.toml says which of them a job gets."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TOX_")}
    servers = {POSTGRES_VARIABLE: postgres_url(), REDIS_VARIABLE: redis_url(), **database_urls()}
    return {**own, **servers, RUN_VARIABLE: run_id, "PYTHONUNBUFFERED": "1"}


def database_urls() -> dict[str, str]:
    """One database for each suite and checkout, since each suite creates and drops its own `test_…`."""
    server = urlsplit(postgres_url())
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    return {
        f"{each.name.upper()}_DATABASE_URL": server._replace(path=f"/plaza_{checkout}_{each.name}").geturl()
        for each in SERVERS
    }


def postgres_url() -> str:
    return os.environ.get(POSTGRES_VARIABLE) or POSTGRES_DEFAULT


def redis_url() -> str:
    return os.environ.get(REDIS_VARIABLE) or REDIS_DEFAULT


def missing_for(job: str) -> str | None:
    """What this machine lacks for a lane, and the remedy; None if nothing is missing."""
    need = job.partition("-")[2]
    return NEEDS[need]() if need in NEEDS else None


def missing_server(what: str, url: str, default_port: int, variable: str) -> str | None:
    """Whether it listens. A wrong password or database is the suite's failure, and no reason to skip it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or default_port
    try:
        socket.create_connection((host, port), timeout=2.0).close()
    except OSError:
        return f"no {what} at {host}:{port}; start one there or name another in {variable}"
    return None


def missing_browser() -> str | None:
    own = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    if any(shutil.which(name) for name in BROWSERS) or any(own.glob("chromium-*")):
        return None
    return "no Chromium; install one (apt install chromium, or .venv/bin/playwright install chromium)"


def missing_clients() -> str | None:
    """A distribution may keep servers where only root's PATH leads."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    missing = [name for name in CLIENTS if not shutil.which(name, path=path)]
    packages = " ".join(CLIENTS[name] for name in missing)
    return f"no {' and no '.join(missing)}; install it (apt install {packages})" if missing else None


NEEDS: dict[str, Callable[[], str | None]] = {
    "postgres": lambda: missing_server("PostgreSQL", postgres_url(), 5432, POSTGRES_VARIABLE),
    "redis": lambda: missing_server("Redis", redis_url(), 6379, REDIS_VARIABLE),
    "browser": missing_browser,
    "clients": missing_clients,
}


def without_its_server(job: str, reason: str) -> Result:
    """Skipped on a laptop, failed in CI, which must prove everything."""
    is_required = os.environ.get("CI", "").lower() in ("1", "true", "yes")
    outcome = Outcome.FAILED if is_required else Outcome.SKIPPED
    return Result(job, outcome, failed=int(is_required), skipped=int(not is_required), reason=reason)
