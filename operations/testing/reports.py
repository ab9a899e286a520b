"""The counts in the JUnit report that pytest leaves behind."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from .job import Counts


def read_counts(report: Path) -> Counts:
    """All zero if there is no report, since pytest then ended before it could write one."""
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 (written by our own pytest)
    except (OSError, ElementTree.ParseError):
        return Counts()
    return sum((_counts_of(suite) for suite in suites), Counts())


def _counts_of(suite: ElementTree.Element) -> Counts:
    tests, failures, errors, skipped = (int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped"))
    return Counts(passed=max(tests - failures - errors - skipped, 0), failed=failures + errors, skipped=skipped)
