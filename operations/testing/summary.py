"""What a person reads of a test run."""

from collections.abc import Sequence

from ..terminal import rewrite, table
from .job import Counts, Result, Verdict
from .measurement import LEAST_PERCENT, Measurement

RULE = "-" * 78


def show_progress(result: Result, *, done: int, total: int) -> None:
    rewrite("")
    line = f"[{done}/{total}] {result.verdict.value:<7}  {result.job.name:<24} {result.seconds:6.1f} s"
    print(f"{line}  {result.reason}".rstrip(), flush=True)


def show_failures(results: Sequence[Result]) -> None:
    for result in results:
        if result.verdict is Verdict.FAILED and result.job.output.exists():
            print(f"\n{RULE}\n{result.job.name}: {result.reason or 'failed'}\n{RULE}")
            print(result.job.output.read_text(errors="replace").rstrip())


def show_results(results: Sequence[Result]) -> None:
    rows = [("job", "result", "passed", "skipped", "failed", "seconds", "")]
    rows += [
        (
            result.job.name,
            result.verdict.value,
            str(result.counts.passed),
            str(result.counts.skipped),
            str(result.counts.failed),
            f"{result.seconds:.1f}",
            result.reason,
        )
        for result in results
    ]
    print(f"\n{table(rows)}")


def show_measurements(measurements: Sequence[Measurement]) -> None:
    if measurements:
        rows = [("coverage", "lines %", "branches %", "")]
        rows += [
            (each.package, f"{each.lines:.1f}", f"{each.branches:.1f}", "" if each.is_enough else "too low")
            for each in measurements
        ]
        print(f"\n{table(rows)}\nat least {LEAST_PERCENT:.0f} % of each is asked for")


def show_total(counts: Counts) -> None:
    print(f"\n{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
