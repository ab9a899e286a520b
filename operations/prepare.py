"""What must be there before the first process starts: tables, the user `admin`, the demo catalogue."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO

from . import processes
from .errors import OperationError
from .layout import PROJECTS, ROOT, manage
from .terminal import say


@dataclass
class Task:
    """A `manage.py` command. What it prints is shown when it fails, or as it comes if `is_heard`."""

    project: str
    command: str
    is_heard: bool = False
    output: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def start(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return processes.spawn(
            manage(self.project, self.command),
            directory=ROOT,
            environment=environment,
            stdout=None if self.is_heard else self.output,
            stderr=self.output,
        )

    def fail(self, exit_code: int) -> None:
        self.output.seek(0)
        say(self.output.read().decode(errors="replace").rstrip())
        raise OperationError(
            f"`{self.project}/manage.py {self.command}` failed with exit code {exit_code}, as shown above."
        )


def run_together(tasks: Sequence[Task], environment: Mapping[str, str]) -> None:
    """Side by side, each to its end; if the user interrupts, none is left running."""
    sys.stdout.flush()
    with ExitStack() as stack:
        started = []
        for task in tasks:
            stack.enter_context(task.output)
            process = task.start(environment)
            stack.callback(_end, process)
            started.append((task, process))
        for _, process in started:
            process.wait()
        for task, process in started:
            if process.returncode != 0:
                task.fail(process.returncode)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait()


def make_tables(environment: Mapping[str, str]) -> None:
    run_together([Task(project, "migrate") for project in PROJECTS], environment)


def fill(environment: Mapping[str, str], *, with_demo: bool) -> None:
    """The user `admin`, whose password is printed if it is new, and the demo catalogue; both only once."""
    demo = [Task("products_project", "demo")] if with_demo else []
    run_together([Task("users_project", "ensure_admin", is_heard=True), *demo], environment)
