"""What a test run found: the results of its jobs, the coverage of each package, and the line that ends it."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Self

from .child import describe
from .console import OperationError, say, table
from .layout import ROOT

LEAST_PERCENT = 95.0
COUNTED = ("covered_lines", "num_statements", "covered_branches", "num_branches")


class Outcome(Enum):
    PASSED = "passed"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True)
class Result:
    """One job. A check, which has no tests, counts as one."""

    job: str
    outcome: Outcome
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    reason: str = ""

    @classmethod
    def of(cls, job: str, entry: Mapping[str, Any], scratch: Path) -> Self:
        """From a job's entry in tox's report, and the report that pytest left in `scratch`."""
        exit_code, seconds = entry["result"]["exit_code"], entry["result"]["duration"]
        outcome = Outcome.PASSED if exit_code == 0 else Outcome.FAILED
        passed, failed, skipped = read_counts(scratch / "junit" / f"{job}.xml") or (int(exit_code == 0), 0, 0)
        reason = ""
        if exit_code != 0 and not failed:  # it failed outside its tests
            failed, reason = 1, describe(exit_code)
        return cls(job, outcome, passed, failed, skipped, seconds, reason)


def read_counts(report: Path) -> tuple[int, int, int] | None:
    """Passed, failed and skipped tests of a JUnit report; None if pytest ended before it wrote one."""
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 (written by our own pytest)
    except (OSError, ElementTree.ParseError):
        return None
    total = Counter[str]()
    for suite in suites:
        total.update({name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")})
    failed = total["failures"] + total["errors"]
    return max(total["tests"] - failed - total["skipped"], 0), failed, total["skipped"]


@dataclass(frozen=True)
class Coverage:
    """In percent. A package without branches has covered all of them; one without lines was not measured."""

    package: str
    lines: float
    branches: float

    @property
    def is_enough(self) -> bool:
        return min(self.lines, self.branches) >= LEAST_PERCENT


def show(results: Sequence[Result], scratch: Path, packages: Collection[str], *, is_whole: bool) -> int:
    """The exit code. In a run of the whole, each package with too little coverage is a failure."""
    data = scratch / "coverage"
    coverage = measure(data, packages)
    failed = sum(result.failed for result in results)
    if is_whole:
        lacking = [each.package for each in coverage if not each.is_enough]
        for package in [] if failed else lacking:
            show_gaps(data, package)
        failed += len(lacking) if coverage else 1  # unknown coverage is a failure too
    show_results(results)
    show_coverage(coverage)
    passed, skipped = sum(result.passed for result in results), sum(result.skipped for result in results)
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def show_results(results: Sequence[Result]) -> None:
    rows = [("job", "result", "passed", "skipped", "failed", "seconds", "")]
    rows += [
        (
            result.job,
            result.outcome.value,
            str(result.passed),
            str(result.skipped),
            str(result.failed),
            f"{result.seconds:.1f}",
            result.reason,
        )
        for result in results
    ]
    print(f"\n{table(rows)}")


def show_coverage(coverage: Sequence[Coverage]) -> None:
    if coverage:
        rows = [("coverage", "lines %", "branches %", "")]
        rows += [
            (each.package, f"{each.lines:.1f}", f"{each.branches:.1f}", "" if each.is_enough else "too low")
            for each in coverage
        ]
        print(f"\n{table(rows)}\nat least {LEAST_PERCENT:.0f} % of each is required")


def measure(data: Path, packages: Collection[str]) -> list[Coverage]:
    """Combine what the suites left in the folder `data`. Empty if nothing was measured, or coverage.py failed."""
    if not data.exists():
        return []
    report = data.with_name("coverage.json")
    try:
        _coverage(data, "combine", "--quiet")
        _coverage(data, "json", "--quiet", "-o", str(report))
    except OperationError as error:  # the results of the suites must be shown all the same
        say(str(error))
        return []
    return summarize(json.loads(report.read_text())["files"], packages)


def summarize(files: Mapping[str, Mapping[str, Mapping[str, int]]], packages: Collection[str]) -> list[Coverage]:
    """`files` are those of coverage.py's JSON report."""
    totals = {package: Counter[str]() for package in packages}
    for path, entry in files.items():
        package = Path(path).parts[0]
        if package in totals:
            totals[package].update({key: value for key, value in entry["summary"].items() if key in COUNTED})
    return [
        Coverage(
            package,
            lines=percent(total["covered_lines"], total["num_statements"], of_nothing=0.0),
            branches=percent(total["covered_branches"], total["num_branches"], of_nothing=100.0),
        )
        for package, total in totals.items()
    ]


def percent(part: int, whole: int, *, of_nothing: float) -> float:
    return 100.0 * part / whole if whole else of_nothing


def show_gaps(data: Path, package: str) -> None:
    """The lines and branches that no test covers."""
    options = [f"--include={package}/*", "--show-missing", "--skip-covered"]
    say(_coverage(data, "report", *options).rstrip())


def _coverage(data: Path, action: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "coverage", action, *arguments]
    environment = {**os.environ, "COVERAGE_FILE": str(data / ".coverage")}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise OperationError(f"`coverage {action}` failed: {(run.stdout + run.stderr).strip()}")
    return run.stdout
