"""What a system needs before its first process: free ports, tables, the user `admin`, the demo catalogue.

`migrate` and `demo` are parts of it by themselves.
"""

import argparse
import errno
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO

from . import admin_password, databases, processes
from .cli import add_data_dir
from .console import OperationError, say
from .layout import LOOPBACK, ROOT, SERVERS, SERVICES, System, manage

EXIT_CODES = "exit codes: 0 done; 1 a project failed, and its output is shown; 2 wrong usage"
REMEDIES = {
    errno.EADDRINUSE: "is taken by another program; end it or choose four others, for example with --port {}",
    errno.EACCES: "is reserved for root; choose four others, for example with --port {}",
}


def configure_migrate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Create or change the tables of all four projects; `up` does so by itself."
    parser.epilog = EXIT_CODES
    parser.set_defaults(run=migrate)
    add_data_dir(parser)


def migrate(options: argparse.Namespace) -> int:
    system: System = options.system
    system.create()
    make_tables(databases.environment(system))
    print("The tables of all four projects are up to date.")
    return 0


def configure_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = "Put the demo catalogue into products. Existing rows stay as they are. `up` does so by itself."
    parser.epilog = EXIT_CODES
    parser.set_defaults(run=demo)
    add_data_dir(parser)


def demo(options: argparse.Namespace) -> int:
    system: System = options.system
    system.create()
    environment = databases.environment(system)
    run_together([Task("products_project", "migrate")], environment)
    run_together([Task("products_project", "demo", is_shown=True)], environment)
    return 0


def make_tables(environment: Mapping[str, str]) -> None:
    run_together([Task(server.project, "migrate") for server in SERVERS], environment)


def fill(environment: Mapping[str, str], *, with_demo: bool) -> str:
    """The user `admin` and the demo catalogue. Both happen once. Returns what to say of a new user: the password."""
    demo = [Task("products_project", "demo")] if with_demo else []
    admin = Task("users_project", "ensure_admin", is_kept=True, variables=admin_password.hidden())
    try:
        run_together([admin, *demo], environment)
    except BaseException:
        print(admin.printed, end="", flush=True)  # it is said only once
        raise
    return admin.printed


@dataclass
class Task:
    """A `manage.py` command, with its arguments. Its output is shown if it fails.

    With `is_shown`, what it prints is shown at once; with `is_kept`, it is `printed` when it has ended.
    """

    project: str
    command: str
    arguments: Sequence[str] = ()
    is_shown: bool = False
    is_kept: bool = False
    printed: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)  # besides those that all have
    output: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    kept: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def start(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return processes.spawn(
            manage(self.project, self.command, *self.arguments),
            directory=ROOT,
            environment={**environment, **self.variables},
            stdout=None if self.is_shown else self.kept if self.is_kept else self.output,
            stderr=self.output,
        )

    def end(self) -> None:
        self.kept.seek(0)
        self.printed = self.kept.read().decode(errors="replace")

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
            stack.enter_context(task.kept)
            process = task.start(environment)
            stack.callback(_end, process)
            started.append((task, process))
        for task, process in started:
            process.wait()
            task.end()
        for task, process in started:
            if process.returncode != 0:
                task.fail(process.returncode)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait()


def require_free_ports(first_port: int) -> None:
    for service in SERVICES:
        port = service.port(first_port)
        if port is not None:
            require_free(port, service.name, suggestion=first_port + 1000 if first_port < 60_000 else 9000)


def require_free(port: int, name: str, *, suggestion: int) -> None:
    """Raises `OperationError` if something listens on it, or only root may."""
    with socket.socket() as attempt:
        # The servers set this too: a port counts as free while its last connections are still closing.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((LOOPBACK, port))
        except OSError as error:
            remedy = REMEDIES.get(error.errno or 0, "can't be used (" + str(error) + "); choose others with --port {}")
            raise OperationError(f"Port {port} ({name}) {remedy.format(suggestion)}.") from error
