"""Runs jobs side by side: the longest first, none beside another that shares what it can't."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .. import processes
from ..layout import ROOT
from .job import Counts, Job, Result, Verdict
from .reports import read_counts

MOST_SECONDS = 900
NO_TESTS = 5  # pytest's exit code
POLL_S = 0.05
LAST_WISH_S = 8.0


@dataclass
class Running:
    job: Job
    process: subprocess.Popen[bytes]
    started_s: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started_s


class Scheduler:
    def __init__(self, *, places: int, on_result: Callable[[Result], None]) -> None:
        self.places = places
        self.on_result = on_result
        self.waiting: list[Job] = []
        self.running: list[Running] = []
        self.results: list[Result] = []

    def run(self, jobs: Iterable[Job]) -> list[Result]:
        """In the order of their end. Interrupted, it takes all that it started with it."""
        for job in sorted(jobs, key=lambda job: -job.weight):
            if job.missing:
                self._finish(without_machine_part(job))
            else:
                self.waiting.append(job)
        try:
            while self.waiting or self.running:
                self._start_what_fits()
                time.sleep(POLL_S)
                for run in list(self.running):
                    self._look_at(run)
        finally:
            self._end_all()
        return self.results

    def _start_what_fits(self) -> None:
        for job in list(self.waiting):
            if len(self.running) >= self.places:
                return
            if not any(job.alone_with & run.job.alone_with for run in self.running):
                self.waiting.remove(job)
                self.running.append(start(job))

    def _look_at(self, run: Running) -> None:
        is_late = run.seconds > MOST_SECONDS
        if run.process.poll() is None and not is_late:
            return
        processes.send_group(run.process.pid, signal.SIGKILL)
        run.process.wait()
        self.running.remove(run)
        self._finish(judge(run, is_late=is_late))

    def _finish(self, result: Result) -> None:
        self.results.append(result)
        self.on_result(result)

    def _end_all(self) -> None:
        """SIGINT first, which lets a suite stop the processes that it started itself."""
        for run in self.running:
            processes.send_group(run.process.pid, signal.SIGINT)
        processes.wait_until(lambda: all(run.process.poll() is not None for run in self.running), timeout_s=LAST_WISH_S)
        for run in self.running:
            processes.send_group(run.process.pid, signal.SIGKILL)
            run.process.wait()


def start(job: Job) -> Running:
    (job.folder / "data").mkdir(mode=0o700, parents=True)
    with job.output.open("wb") as output:
        process = processes.spawn(job.command, directory=ROOT, environment=job.environment, stdout=output)
    return Running(job, process, time.monotonic())


def judge(run: Running, *, is_late: bool) -> Result:
    exit_code = run.process.returncode
    verdict = Verdict.PASSED if exit_code == 0 and not is_late else Verdict.FAILED
    counts = read_counts(run.job.report) if run.job.is_suite else Counts.of(verdict)
    if verdict is Verdict.FAILED and not counts.failed:  # it ended before or after its tests
        counts += Counts(failed=1)
    return Result(run.job, verdict, counts, run.seconds, explain(run.job, exit_code, is_late=is_late))


def explain(job: Job, exit_code: int, *, is_late: bool) -> str:
    if is_late:
        return f"still running after {MOST_SECONDS} s"
    if job.is_suite and exit_code == NO_TESTS:
        return "no tests"
    return f"ended by {signal.Signals(-exit_code).name}" if exit_code < 0 else ""


def without_machine_part(job: Job) -> Result:
    """Skipped on a laptop, failed where the whole is to be proven."""
    is_required = os.environ.get("CI", "").lower() in ("1", "true", "yes")
    verdict = Verdict.FAILED if is_required else Verdict.SKIPPED
    return Result(job, verdict, Counts.of(verdict), reason=job.missing or "")
