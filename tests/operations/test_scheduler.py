import os
import sys
import time
from pathlib import Path

import pytest

from operations import processes
from operations.testing import scheduler
from operations.testing.job import Counts, Job, Result, Verdict
from operations.testing.scheduler import Scheduler

NOTE = "import sys, time; open(sys.argv[1], 'a').write(sys.argv[2] + '+'); time.sleep(0.15); \
open(sys.argv[1], 'a').write(sys.argv[2] + '-')"


class Bench:
    """Makes jobs that note their begin and end in one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"

    def job(self, name: str, *, weight: int = 1, alone_with: frozenset[str] = frozenset()) -> Job:
        command = [sys.executable, "-S", "-c", NOTE, str(self.notes), name]
        return Job(name, command, self.folder / name, dict(os.environ), weight, alone_with)

    def python(self, code: str, *, is_suite: bool = False, missing: str | None = None) -> Job:
        command = [sys.executable, "-S", "-c", code]
        return Job("job", command, self.folder / "job", dict(os.environ), is_suite=is_suite, missing=missing)


def run(*jobs: Job, places: int = 3) -> list[Result]:
    return Scheduler(places=places, on_result=lambda result: None).run(jobs)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_longest_begins_first(bench: Bench) -> None:
    run(bench.job("a", weight=1), bench.job("b", weight=9), bench.job("c", weight=5), places=1)
    assert bench.notes.read_text() == "b+b-c+c-a+a-"


def test_no_more_run_at_once_than_there_are_places(bench: Bench) -> None:
    run(*(bench.job(name) for name in "abcd"), places=2)
    open_jobs = most = 0
    for sign in bench.notes.read_text()[1::2]:
        open_jobs += 1 if sign == "+" else -1
        most = max(most, open_jobs)
    assert most == 2


def test_jobs_that_share_something_take_turns(bench: Bench) -> None:
    redis = frozenset({"redis"})
    run(bench.job("a", weight=2, alone_with=redis), bench.job("b", alone_with=redis))
    assert bench.notes.read_text() == "a+a-b+b-"


def test_a_check_counts_as_one(bench: Bench) -> None:
    (passed,) = run(bench.python("pass"))
    assert (passed.verdict, passed.counts) == (Verdict.PASSED, Counts(passed=1))


def test_a_failed_check_keeps_what_it_said(bench: Bench) -> None:
    (failed,) = run(bench.python("raise SystemExit('no good')"))
    assert (failed.verdict, failed.counts) == (Verdict.FAILED, Counts(failed=1))
    assert failed.job.output.read_text() == "no good\n"


def test_a_suite_without_tests_has_failed(bench: Bench) -> None:
    (result,) = run(bench.python("raise SystemExit(5)", is_suite=True))
    assert (result.verdict, result.counts, result.reason) == (Verdict.FAILED, Counts(failed=1), "no tests")


def test_a_suite_that_was_killed_has_failed(bench: Bench) -> None:
    (result,) = run(bench.python("import os; os.kill(os.getpid(), 9)", is_suite=True))
    assert (result.verdict, result.counts, result.reason) == (
        Verdict.FAILED, Counts(failed=1), "ended by SIGKILL",
    )  # fmt: skip


def test_a_job_that_never_ends_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "MOST_SECONDS", 0.1)
    (result,) = run(bench.python("import time; time.sleep(60)"))
    assert (result.verdict, result.reason) == (Verdict.FAILED, "still running after 0.1 s")


def test_a_lane_whose_server_is_missing_is_skipped_but_fails_where_all_must_be_proven(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.python("pass", missing="no Redis")
    monkeypatch.delenv("CI", raising=False)
    (skipped,) = run(job)
    assert (skipped.verdict, skipped.counts, skipped.reason) == (
        Verdict.SKIPPED,
        Counts(skipped=1),
        "no Redis",
    )
    monkeypatch.setenv("CI", "true")
    (failed,) = run(job)
    assert (failed.verdict, failed.counts, failed.reason) == (Verdict.FAILED, Counts(failed=1), "no Redis")
    assert not job.folder.exists()


def test_an_interruption_ends_what_runs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def interrupted(pause_s: float) -> None:
        started.extend(run.process.pid for run in jobs.running)
        raise KeyboardInterrupt

    jobs = Scheduler(places=1, on_result=lambda result: None)
    monkeypatch.setattr(time, "sleep", interrupted)
    monkeypatch.setattr(processes, "wait_until", lambda condition, timeout_s: True)
    with pytest.raises(KeyboardInterrupt):
        jobs.run([bench.python("import time; time.sleep(60)")])
    assert [processes.identity(pid) for pid in started] == [None]
