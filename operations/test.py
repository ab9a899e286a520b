"""`test`: everything that proves that Plaza works, in one run."""

import argparse
import os
import signal
import tempfile
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from types import FrameType

from . import processes
from .testing import measurement, summary
from .testing.job import Counts, Job, Result
from .testing.measurement import LEAST_PERCENT
from .testing.plan import MEASURED, RUN_VARIABLE, SUITES, Plan
from .testing.scheduler import Scheduler

DESCRIPTION = f"""\
Run the linters, the type checker, Django's deployment checks and every suite, each in its own process, side
by side. With PROJECT, run only these suites: {", ".join(SUITES)}.

Each suite gets a data directory of its own and no variable of a running Plaza. Coverage is reported for each
project and for common; in a run of everything, less than {LEAST_PERCENT:.0f} % of lines or branches fails it.

--all adds the lanes that need more than Python: the suites on PostgreSQL (PLAZA_TEST_POSTGRES), on Redis
(PLAZA_TEST_REDIS), in Chromium, the container files, and the long tests. A lane whose server or browser is
missing is skipped and says so; with CI=true it fails."""
EPILOG = """\
examples:
  python3 manage_all.py test
  python3 manage_all.py test orders common
  python3 manage_all.py test --all

exit codes: 0 nothing failed; 1 something did; 2 wrong usage; 130 interrupted"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("projects", nargs="*", choices=[*SUITES, []], metavar="PROJECT", help="suites to run")
    parser.add_argument("--all", action="store_true", help="the additional lanes too")
    parser.add_argument("--lanes-only", action="store_true", help="nothing but the additional lanes")


def run(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    run_id = str(uuid.uuid4())
    try:
        with tempfile.TemporaryDirectory(prefix="plaza-test-", ignore_cleanup_errors=True) as scratch:
            return run_in(Path(scratch), run_id, options)
    finally:
        for pid in processes.tagged(RUN_VARIABLE, run_id):
            processes.send(pid, signal.SIGKILL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run_in(scratch: Path, run_id: str, options: argparse.Namespace) -> int:
    settings = None if options.lanes_only else measurement.write_settings(scratch)
    jobs = choose(Plan(scratch, run_id, settings), options)
    results = run_jobs(jobs)
    measurements = measurement.measure(settings, packages_of(options.projects)) if settings else []
    summary.show_failures(results)
    lacking = [] if options.projects else [each.package for each in measurements if not each.is_enough]
    if settings:
        for package in lacking:
            measurement.show_gaps(settings, package)
    summary.show_results(results)
    summary.show_measurements(measurements)
    counts = sum((result.counts for result in results), Counts(failed=len(lacking)))
    summary.show_total(counts)
    return 1 if counts.failed else 0


def choose(plan: Plan, options: argparse.Namespace) -> list[Job]:
    names: Collection[str] = options.projects or SUITES
    jobs: list[Job] = []
    if not options.lanes_only:
        jobs += [] if options.projects else plan.checks()
        jobs += plan.suites(names)
    if options.all or options.lanes_only:
        jobs += plan.lanes(names)
    return jobs


def packages_of(projects: Sequence[str]) -> list[str]:
    return [package for suite, package in MEASURED.items() if not projects or suite in projects]


def run_jobs(jobs: Sequence[Job]) -> list[Result]:
    """In the order of the plan, whatever the order of their end."""
    done = 0

    def count(result: Result) -> None:
        nonlocal done
        done += 1
        summary.show_progress(result, done=done, total=len(jobs))

    places = (os.cpu_count() or 1) + 1
    results = Scheduler(places=places, on_result=count).run(jobs)
    order = [job.name for job in jobs]
    return sorted(results, key=lambda result: order.index(result.job.name))
