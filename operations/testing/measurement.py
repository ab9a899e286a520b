"""Which of the projects' lines and branches the suites went through."""

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
from .plan import MEASURED

LEAST_PERCENT = 95.0
COUNTED = ("covered_lines", "num_statements", "covered_branches", "num_branches")
SETTINGS = f"""\
[run]
branch = true
parallel = true
relative_files = true
source = {", ".join(MEASURED.values())}
omit = */migrations/*, */manage.py, */wsgi.py
[report]
exclude_also =
    if TYPE_CHECKING:
    \\.\\.\\.$
"""


@dataclass(frozen=True)
class Measurement:
    """Percent of what can be gone through; a package without branches has gone through all of them."""

    package: str
    lines: float
    branches: float

    @property
    def is_enough(self) -> bool:
        return min(self.lines, self.branches) >= LEAST_PERCENT


def write_settings(scratch: Path) -> Path:
    settings = scratch / "coverage.ini"
    settings.write_text(SETTINGS)
    (scratch / "coverage").mkdir()
    return settings


def measure(settings: Path, packages: Collection[str]) -> list[Measurement]:
    """Join what each suite measured; nothing if no suite got as far as measuring."""
    folder = settings.parent / "coverage"
    if not any(folder.iterdir()):
        return []
    report = settings.with_name("coverage.json")
    _coverage(settings, "combine", "--quiet", str(folder))
    _coverage(settings, "json", "--quiet", "-o", str(report))
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
            lines=percent(total["covered_lines"], total["num_statements"]),
            branches=percent(total["covered_branches"], total["num_branches"]),
        )
        for package, total in totals.items()
    ]


def percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def show_gaps(settings: Path, package: str) -> None:
    """The lines and branches that no test went through."""
    report = ["report", f"--include={package}/*", "--show-missing", "--skip-covered"]
    say(_coverage(settings, *report).rstrip())


def _coverage(settings: Path, action: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "coverage", action, f"--rcfile={settings}", *arguments]
    environment = {**os.environ, "COVERAGE_FILE": str(settings.with_name(".coverage"))}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise OperationError(f"`coverage {action}` failed: {(run.stdout + run.stderr).strip()}")
    return run.stdout
