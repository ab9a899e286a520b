"""Which lines and branches the suites went through; `[tool.coverage]` in pyproject.toml says what counts."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import OperationError
from ..layout import ROOT
from ..terminal import say

LEAST_PERCENT = 95.0
COUNTED = ("covered_lines", "num_statements", "covered_branches", "num_branches")


@dataclass(frozen=True)
class Measurement:
    """In percent. A package without branches has gone through all of them; one without lines was not measured."""

    package: str
    lines: float
    branches: float

    @property
    def is_enough(self) -> bool:
        return min(self.lines, self.branches) >= LEAST_PERCENT


def measure(data: Path, packages: Collection[str]) -> list[Measurement]:
    """Join what each suite left in the folder `data`; nothing if no suite got as far as measuring."""
    if not any(data.iterdir()):
        return []
    report = data.with_name("coverage.json")
    _coverage(data, "combine", "--quiet")
    _coverage(data, "json", "--quiet", "-o", str(report))
    return summarize(json.loads(report.read_text())["files"], packages)


def summarize(files: dict[str, dict[str, dict[str, int]]], packages: Collection[str]) -> list[Measurement]:
    """`files` as coverage.py's JSON report has them."""
    totals = {package: Counter[str]() for package in packages}
    for path, entry in files.items():
        package = Path(path).parts[0]
        if package in totals:
            totals[package].update({key: value for key, value in entry["summary"].items() if key in COUNTED})
    return [
        Measurement(
            package,
            lines=percent(total["covered_lines"], total["num_statements"], of_nothing=0.0),
            branches=percent(total["covered_branches"], total["num_branches"], of_nothing=100.0),
        )
        for package, total in totals.items()
    ]


def percent(part: int, whole: int, *, of_nothing: float) -> float:
    return 100.0 * part / whole if whole else of_nothing


def show_gaps(data: Path, package: str) -> None:
    """The lines and branches that no test went through."""
    options = [f"--include={package}/*", "--show-missing", "--skip-covered"]
    say(_coverage(data, "report", *options).rstrip())


def _coverage(data: Path, action: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "coverage", action, *arguments]
    environment = {**os.environ, "COVERAGE_FILE": str(data / ".coverage")}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise OperationError(f"`coverage {action}` failed: {(run.stdout + run.stderr).strip()}")
    return run.stdout
