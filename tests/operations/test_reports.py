from pathlib import Path

from operations.testing.job import Counts
from operations.testing.reports import read_counts


def test_errors_count_as_failures_and_the_rest_has_passed(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10"/></testsuites>'
    )
    assert read_counts(report) == Counts(passed=4, failed=3, skipped=3)


def test_a_missing_or_cut_report_counts_nothing(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    assert read_counts(report) == Counts()
    report.write_text("<testsuites><testsuite")
    assert read_counts(report) == Counts()
