"""Which jobs a test run consists of."""

import hashlib
import os
import shlex
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from ..layout import PROJECTS, ROOT, manage
from . import markers
from .job import Job
from .lanes import LANES, MARKERS, Lane, postgres_url

# Roughly the seconds that each takes, so that the longest begin first.
SUITES = {"system": 120, "gateway": 60, "orders": 50, "products": 50, "users": 40, "operations": 30, "common": 20}
MEASURED = {
    "gateway": "gateway_project",
    "users": "users_project",
    "products": "products_project",
    "orders": "orders_project",
    "common": "common",
}
RUN_VARIABLE = "PLAZA_TEST_RUN"  # in every process of a run, by which strays are found
# What the caller's shell may hold for a running Plaza, and what no suite may depend on.
NOT_HANDED_ON = (
    "GATEWAY_DATABASE_URL",
    "USERS_DATABASE_URL",
    "PRODUCTS_DATABASE_URL",
    "ORDERS_DATABASE_URL",
    "REDIS_URL",
    "USERS_URL",
    "PRODUCTS_URL",
    "ORDERS_URL",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "CORS_ALLOWED_ORIGINS",
    "TRUSTED_PROXIES",
    "DEBUG",
    "LOG_LEVEL",
    "METRICS_TOKEN",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "DJANGO_SETTINGS_MODULE",
    "PLAZA_ADMIN_PASSWORD",
    "PLAZA_DATA_DIR",
    "PLAZA_SYSTEM",
)


@dataclass(frozen=True)
class Plan:
    """`scratch` is this run's own directory, a folder for each job; `run_id` marks all that it starts."""

    scratch: Path
    run_id: str

    @property
    def coverage_data(self) -> Path:
        return self.scratch / "coverage"

    def checks(self) -> Iterator[Job]:
        lint_imports = str(Path(sys.prefix) / "bin" / "lint-imports")
        yield self._job("mypy", [sys.executable, "-m", "mypy"], weight=100)
        yield self._job("lint-imports", [lint_imports, "--no-cache"], weight=5)
        yield self._job("ruff check", [sys.executable, "-m", "ruff", "check", "."], weight=1)
        yield self._job("ruff format", [sys.executable, "-m", "ruff", "format", "--check", "."], weight=1)
        for project in PROJECTS:
            deploy = shlex.join(manage(project, "check", "--deploy", "--fail-level", "WARNING"))
            migrations = shlex.join(manage(project, "makemigrations", "--check", "--dry-run"))
            job = self._job(f"check {project}", ["sh", "-c", f"{deploy} && {migrations}"], weight=6)
            yield job.with_environment(PUBLIC_URL="https://plaza.example")

    def suites(self, names: Collection[str]) -> Iterator[Job]:
        for name in names:
            yield self._suite(name, name, marker=all_but(MARKERS), is_measured=name in MEASURED)

    def lanes(self, names: Collection[str]) -> Iterator[Job]:
        for lane in LANES:
            missing = lane.missing()
            for job in (*self._whole_suites(lane, names), *self._marked_suites(lane, names)):
                yield replace(job, missing=missing).with_environment(**lane.environment())

    def _whole_suites(self, lane: Lane, names: Collection[str]) -> Iterator[Job]:
        marker = all_but([other for other in MARKERS if other != lane.marker])
        for name in lane.whole:
            if name in names:
                yield self._suite(f"{name} ({lane.marker})", name, marker=marker).with_environment(**database_urls())

    def _marked_suites(self, lane: Lane, names: Collection[str]) -> Iterator[Job]:
        for name in lane.marked:
            if name in names:
                job = self._suite(f"{name} ({lane.marker})", name, marker=lane.marker)
                yield replace(job, weight=lane.weight, alone_with=job.alone_with | lane.alone_with)

    def _suite(self, job_name: str, suite: str, *, marker: str, is_measured: bool = False) -> Job:
        python = [sys.executable, "-m"]
        if is_measured:
            python += ["coverage", "run", "--branch", "-m"]
        job = self._job(job_name, [*python, "pytest", f"tests/{suite}", "-q", "-m", marker], weight=SUITES[suite])
        options = [f"--junitxml={job.report}", "-p", "no:cacheprovider", "-p", markers.__name__]
        # The real processes of several suites at once would only measure each other.
        alone_with = frozenset({"system"} if suite == "system" else ())
        return replace(job, command=[*job.command, *options], alone_with=alone_with, is_suite=True)

    def _job(self, name: str, command: list[str], *, weight: int) -> Job:
        folder = self.scratch / name.translate(str.maketrans(" ", "-", "()"))
        environment = {variable: value for variable, value in os.environ.items() if variable not in NOT_HANDED_ON}
        return Job(name, command, folder, environment, weight).with_environment(
            **{RUN_VARIABLE: self.run_id},
            PLAZA_DATA_DIR=str(folder / "data"),
            COVERAGE_FILE=str(self.coverage_data / f".coverage.{folder.name}"),
        )


def all_but(markers: Collection[str]) -> str:
    return f"not ({' or '.join(markers)})"


def database_urls() -> dict[str, str]:
    """One database a suite and a checkout, since each suite makes its own `test_…` and throws it away."""
    server = urlsplit(postgres_url())
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    return {
        f"{name.upper()}_DATABASE_URL": server._replace(path=f"/plaza_{checkout}_{name}").geturl()
        for name in ("gateway", "users", "products", "orders")
    }
