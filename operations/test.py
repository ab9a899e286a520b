"""`test`: everything that proves that Plaza works, in one run."""

import argparse
import os
import signal
import tempfile
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path

from . import processes
from .errors import OperationError
from .terminal import say
from .testing import measurement, summary
from .testing.job import Counts, Job, Result
from .testing.measurement import LEAST_PERCENT, Measurement
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
    parser.add_argument("projects", nargs="*", type=suite, metavar="PROJECT", help="suites to run")
    parser.add_argument("--all", action="store_true", help="the additional lanes too")
    parser.add_argument("--lanes-only", action="store_true", help="nothing but the additional lanes")


def suite(text: str) -> str:
    if text not in SUITES:
        raise argparse.ArgumentTypeError(f"there is no suite `{text}`; there are {', '.join(SUITES)}")
    return text


def run(options: argparse.Namespace) -> int:
    processes.interrupt_at(signal.SIGTERM, signal.SIGHUP)
    run_id = str(uuid.uuid4())
    try:
        with tempfile.TemporaryDirectory(prefix="plaza-test-", ignore_cleanup_errors=True) as scratch:
            return run_in(Path(scratch), run_id, options)
    finally:
        for pid in processes.tagged(RUN_VARIABLE, run_id):
            processes.send(pid, signal.SIGKILL)


def run_in(scratch: Path, run_id: str, options: argparse.Namespace) -> int:
    plan = Plan(scratch, run_id)
    plan.coverage_data.mkdir()
    results = run_jobs(choose(plan, options))
    summary.show_failures(results)
    counts = sum((result.counts for result in results), Counts())
    measurements = measure(plan, packages_of(options.projects))
    if not options.projects and not options.lanes_only:
        counts += judge_coverage(plan, measurements, show_gaps=not counts.failed)
    summary.show_results(results)
    summary.show_measurements(measurements)
    summary.show_total(counts)
    return 1 if counts.failed else 0


def measure(plan: Plan, packages: Sequence[str]) -> list[Measurement]:
    try:
        return measurement.measure(plan.coverage_data, packages)
    except OperationError as error:  # it must not hide what the suites said
        say(str(error))
        return []


def judge_coverage(plan: Plan, measurements: Sequence[Measurement], *, show_gaps: bool) -> Counts:
    """Each package that isn't covered enough is a failure, and so is not to know."""
    lacking = [each.package for each in measurements if not each.is_enough]
    for package in lacking if show_gaps else ():
        measurement.show_gaps(plan.coverage_data, package)
    return Counts(failed=len(lacking) if measurements else 1)


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
