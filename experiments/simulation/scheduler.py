"""Who runs next, and what time it is. One task runs at a time, until it takes a step; then a choice decides.

A task is a thread of a simulated process. It is a greenlet: to change from one to another costs almost nothing, and the
operating system has no say in it.
"""

import heapq
import itertools
import traceback
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from .choices import Choices

STEP_S = 0.001  # that each step takes
MOST_STEPS = 20_000  # of a run that comes to an end

Action = Callable[[], None]
Done = Callable[[Any], None]


class Died(BaseException):
    """The process ends here. No code of Plaza may catch this."""


class Process:
    """A process that can die. Its clock is `skew_s` ahead of the right time."""

    def __init__(self, name: str, project: str) -> None:
        self.name = name
        self.project = project
        self.skew_s = 0.0
        self.is_alive = True
        self.tasks: list[Task] = []


class Task:
    """`connection` is its database connection, once it needs one."""

    __slots__ = ("connection", "greenlet", "is_dead", "name", "on_done", "process", "result", "timed_out", "wait")

    def __init__(self, process: Process, name: str, on_done: Done | None) -> None:
        self.greenlet: Any = None
        self.process = process
        self.name = name
        self.on_done = on_done
        self.connection: Any = None
        self.is_dead = False
        self.timed_out = False
        self.wait: object = None
        self.result: Any = None


class Scheduler:
    """`weather` is asked at each step whether something happens. What it returns is done before anyone goes on."""

    def __init__(self) -> None:
        self.on_end: Callable[[Task], None] = lambda task: None
        self.on_turn: Callable[[Task], None] = lambda task: None
        self.begin(Choices(0))

    def begin(self, choices: Choices) -> None:
        """Forget the run before."""
        self.choices = choices
        self.weather: Callable[[], Action | None] = lambda: None
        self.now = 0.0
        self.steps = 0
        self.trace: list[str] = []
        self.failures: list[str] = []
        self.current: Task | None = None
        self.ready: list[Task] = []
        self._timers: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        self._action: Action | None = None
        self._goes_on: Task | None = None
        self._hub = getcurrent()

    # What tasks call.

    def step(self, what: str) -> None:
        """The task is about to do `what`. Before that, others may run and processes may die, this one too."""
        task = self.current
        if task is None:  # nothing is simulated yet
            return
        if task.is_dead:
            raise Died
        self.note(what)
        self.steps += 1
        self.now += STEP_S
        action = self.weather()
        if action is None and not (self._timers and self._timers[0][0] <= self.now):
            return
        self._action, self._goes_on = action, task
        self._hub.switch()

    def block(self, timeout_s: float | None = None) -> bool:
        """Wait until somebody calls `wake`. False if that took `timeout_s`."""
        task = self.current
        assert task is not None
        if task.is_dead:
            raise Died
        wait = task.wait = object()
        task.timed_out = False
        self.ready.remove(task)
        if timeout_s is not None:
            self.after(timeout_s, lambda: self._time_out(task, wait))
        self._hub.switch()
        return not task.timed_out

    def sleep(self, seconds: float) -> None:
        if self.current is not None:
            self.block(seconds)

    # What anyone calls.

    def note(self, what: str) -> None:
        task = self.current
        who = f"{task.process.name:<12} {task.name:<14}" if task else f"{'':<27}"
        self.trace.append(f"{self.now:9.3f}  {who} {what}")

    def after(self, seconds: float, action: Action) -> None:
        heapq.heappush(self._timers, (self.now + seconds, next(self._numbers), action))

    def wake(self, task: Task) -> None:
        if task.wait is not None and not task.is_dead:
            task.wait = None
            self.ready.append(task)

    def spawn(self, process: Process, name: str, work: Callable[[], Any], on_done: Done | None = None) -> Task:
        """`on_done` gets what `work` returns, or `Died`."""
        task = Task(process, name, on_done)
        task.greenlet = greenlet(lambda: self._work(task, work), self._hub)
        process.tasks.append(task)
        self.ready.append(task)
        return task

    def fail(self, what: str) -> None:
        self.failures.append(what)

    # What happens between the steps.

    def change_turns(self) -> None:
        """An action: someone else goes on, if there is anyone."""
        if len(self.ready) > 1 and self._goes_on in self.ready:
            others = [task for task in self.ready if task is not self._goes_on]
            self._goes_on = others[self.choices.below(len(others))]

    def leap(self) -> None:
        """An action: so slow are those who could go on that the next timer is first."""
        if self._timers:
            self.now = max(self.now, self._timers[0][0])

    def kill(self, process: Process) -> None:
        """An action: all that the process has in memory is gone."""
        process.is_alive = False
        for task in list(process.tasks):
            self._kill(task)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Until it is over, or nothing is left to do."""
        while not is_over():
            if self.steps > MOST_STEPS:
                self.fail("it does not come to an end")
                return
            self._fire()
            if self._action is not None:
                action, self._action = self._action, None
                action()
            elif self.ready:
                self._resume(self._next())
            elif self._timers:
                self.now = max(self.now, self._timers[0][0])
            else:
                return

    def _fire(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            _, _, action = heapq.heappop(self._timers)
            action()

    def _next(self) -> Task:
        task, self._goes_on = self._goes_on, None
        if task is not None and task in self.ready:
            return task
        return self.ready[0] if len(self.ready) == 1 else self.ready[self.choices.below(len(self.ready))]

    def _time_out(self, task: Task, wait: object) -> None:
        if task.wait is wait:
            task.timed_out = True
            self.wake(task)

    def _resume(self, task: Task) -> None:
        self._turn(task)
        task.greenlet.switch()
        self.current = None
        if task.greenlet.dead:
            self._finish(task)

    def _kill(self, task: Task) -> None:
        if task.is_dead:
            return
        task.is_dead = True
        if task in self.ready:
            self.ready.remove(task)
        if task.greenlet:  # it has begun, and is not over
            self._turn(task)
            task.greenlet.throw(Died)
            self.current = None
        task.result = Died
        self._finish(task)

    def _turn(self, task: Task) -> None:
        self.current = task
        self.on_turn(task)

    def _work(self, task: Task, work: Callable[[], Any]) -> None:
        try:
            task.result = work()
        except Died:
            pass
        except Exception:
            self.fail(f"{task.process.name} {task.name}: {traceback.format_exc()}")

    def _finish(self, task: Task) -> None:
        if task in self.ready:
            self.ready.remove(task)
        task.process.tasks.remove(task)
        self.on_end(task)
        if task.on_done is not None:
            task.on_done(task.result)


class Lock:
    """As `threading.Lock`, for tasks."""

    def __init__(self) -> None:
        self._is_held = False
        self._waiting: list[Task] = []

    def acquire(self, timeout: float = -1) -> bool:
        give_up_at = SCHEDULER.now + timeout
        while self._is_held:
            task = SCHEDULER.current
            assert task is not None
            self._waiting.append(task)
            try:
                in_time = SCHEDULER.block(None if timeout < 0 else max(0.0, give_up_at - SCHEDULER.now))
            finally:
                if task in self._waiting:
                    self._waiting.remove(task)
            if not in_time:
                return False
        self._is_held = True
        return True

    def release(self) -> None:
        self._is_held = False
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            SCHEDULER.wake(task)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


SCHEDULER = Scheduler()
