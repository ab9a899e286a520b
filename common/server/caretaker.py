"""The parent of the workers: says in time that the service ends, and begins again with new code on SIGHUP.

It is a program of its own, by the standard library alone, because it lives as long as the service: a parent that keeps
Django takes 60 MB, and this one takes 10. `arbiter` begins the workers and then becomes this. When new workers are
wanted, this becomes `manage.py serve` again, with the same number and the same sockets.

    python -S -E caretaker.py CHARGE manage.py serve ...
"""

import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.server import trial

LISTENERS_VARIABLE = "PLAZA_LISTENERS"  # descriptors of the sockets that the process before has handed on
KEPT_VARIABLE = "PLAZA_WORKERS_KEPT"  # workers that stay, each with the descriptor of its heartbeat
BEFORE_VARIABLE = "PLAZA_WORKERS_BEFORE"  # workers that serve until there are new ones
TABLES_VARIABLE = "PLAZA_TABLES_MADE"  # the tables are as this code wants them

NOTICE = signal.SIGUSR2
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
SIGNALS = {*ENDING, signal.SIGHUP, signal.SIGCHLD}
LOOK_S = 1.0
HUNG_S = 60.0
PAUSED_S = 10.0  # between two looks: then the whole container was paused, and the workers could not beat either
BOOT_FAILURES = (3, 4)  # with which gunicorn's workers end that can't begin


class Caretaker:
    """`charge` is `{"service", "program", "listeners", "workers", "before", "notice_s", "grace_s"}`.

    `workers` has the descriptor of each worker's heartbeat by its number. Those in `before` are told to leave.
    """

    def __init__(self, charge: dict[str, Any], command: list[str]) -> None:
        self.charge = charge
        self.command = command  # Python's arguments, which make this process `manage.py serve` again
        self.workers = {int(pid): descriptor for pid, descriptor in charge["workers"].items()}
        self.before = list(charge["before"])
        self.trial: trial.Trial | None = None
        self.keeps_workers = False  # after the trial
        self._looked_at = time.monotonic()
        self._late = b""  # signals that came when it was about to begin again
        self._happened, waker = os.pipe()
        os.set_blocking(self._happened, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # of which the system's own idea is to end the process
            signal.signal(number, signal.SIG_IGN)

    def run(self) -> int:
        """Until the service ends. Returns the exit code."""
        tell(self.before, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        while True:
            for number in self.wait():
                if number in ENDING:
                    return self.end(graceful=number == signal.SIGTERM)
                if number == signal.SIGHUP:
                    self.begin_trial(keeps_workers=False)
            failed = self.reap()
            if failed in BOOT_FAILURES:
                self.end(graceful=False)
                return failed
            self.look_at_heartbeats()
            if self.trial and self.trial.is_over():
                self.judge(self.trial)

    def wait(self) -> bytes:
        """For signals; their numbers."""
        if not self._late:
            select.select([self._happened], [], [], LOOK_S)
        late, self._late = self._late, b""
        return late + self.take()

    def take(self) -> bytes:
        """The numbers of the signals that have come."""
        try:
            return os.read(self._happened, 64)
        except BlockingIOError:
            return b""

    def begin_trial(self, *, keeps_workers: bool) -> None:
        from common.server import trial  # it takes 2 MB, and is seldom needed

        if self.trial:
            self.trial.end()
        self.keeps_workers = keeps_workers
        self.trial = trial.Trial(self.charge["program"])

    def reap(self) -> int:
        """Notice who has ended. If a worker has, let there be a new one. Returns its exit code if that is above 0."""
        code = 0
        for pid, status in ended_children():
            if pid in self.before:
                self.before.remove(pid)
            if pid in self.workers:
                os.close(self.workers.pop(pid))
                code = max(code, os.waitstatus_to_exitcode(status))
                self.note("warning", "a worker has ended", worker=pid, status=status)
                forget_gauges(pid)
        if self.is_short() and code not in BOOT_FAILURES and self.trial is None:
            if not self.workers:
                self.begin_again(keeps_workers=True)
            self.begin_trial(keeps_workers=True)
        return code

    def is_short(self) -> bool:
        return len(self.workers) < len(self.charge["workers"])

    def look_at_heartbeats(self) -> None:
        now = time.monotonic()
        was_paused = now - self._looked_at > PAUSED_S
        self._looked_at = now
        if was_paused:
            return
        for pid, descriptor in self.workers.items():
            if now - os.fstat(descriptor).st_mtime > HUNG_S:
                self.note("error", "a worker hangs, and is killed", worker=pid)
                tell([pid], signal.SIGKILL)

    def judge(self, ended: "trial.Trial") -> None:
        failure = ended.failure()
        ended.end()
        self.trial = None
        if not failure:
            self.note("info", "starting again, with the code on the disk")
            self.begin_again(keeps_workers=self.keeps_workers)
            return
        self.note("error", "the code on the disk does not start, so what runs goes on", failure=failure)
        self.charge["workers"] = dict(self.workers)  # as many as there are, until the next SIGHUP

    def begin_again(self, *, keeps_workers: bool) -> None:
        """Become `manage.py serve`. Signals wait until this is a caretaker again, except for one that just came."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._late = self.take()
        if any(number in ENDING for number in self._late):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            return
        before = self.before if keeps_workers else [*self.before, *self.workers]
        os.environ[LISTENERS_VARIABLE] = ",".join(map(str, self.charge["listeners"]))
        os.environ[BEFORE_VARIABLE] = ",".join(map(str, before))
        if keeps_workers:
            os.environ[KEPT_VARIABLE] = ",".join(f"{pid}:{fd}" for pid, fd in self.workers.items())
            os.environ[TABLES_VARIABLE] = "true"
        os.execv(sys.executable, [sys.executable, *self.command])  # noqa: S606 - no shell is meant

    def end(self, *, graceful: bool) -> int:
        if self.trial:
            self.trial.end()
        everyone = [*self.workers, *self.before]
        if graceful:
            tell(everyone, NOTICE)
            time.sleep(self.charge["notice_s"])
        for descriptor in self.charge["listeners"]:  # else who connects from now on would wait for nobody
            os.close(descriptor)
        tell(everyone, signal.SIGTERM if graceful else signal.SIGQUIT)
        give_up_at = time.monotonic() + self.charge["grace_s"]
        while everyone and time.monotonic() < give_up_at:
            everyone = [pid for pid in everyone if is_there(pid)]
            time.sleep(0.05)
        tell(everyone, signal.SIGKILL)
        return 0

    def note(self, level: str, event: str, **more: Any) -> None:
        """A line in the log, like all others."""
        seconds = time.time()
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1e6):06}Z"
        line = {"level": level, "logger": "plaza.caretaker", "timestamp": moment, "service": self.charge["service"]}
        sys.stdout.write(json.dumps({**more, "event": event, **line}) + "\n")
        sys.stdout.flush()


def tell(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def ended_children() -> list[tuple[int, int]]:
    """Numbers and wait statuses."""
    ended = []
    try:
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append(child)
    except ChildProcessError:
        pass
    return ended


def is_there(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return False


def forget_gauges(pid: int) -> None:
    """What prometheus_client's `mark_process_dead` does where several workers share their metrics."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        for name in os.listdir(folder):
            if name.startswith("gauge_live") and name.endswith(f"_{pid}.db"):
                os.remove(os.path.join(folder, name))


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(Caretaker(json.loads(sys.argv[1]), sys.argv[2:]).run())
