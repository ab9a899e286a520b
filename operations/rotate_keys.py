"""`rotate-keys`: a new key for everything that is signed, while the old one still verifies.

Each secret is a file of one key a line: the first signs, all verify. In a running system the new key is first added
behind the old one and every process started again, so that all of them know it; then it is put before the old one and
they are started once more. At no time does a process meet a token that it can't verify.
"""

import argparse
import os
import secrets
import signal
from pathlib import Path

from . import processes
from .errors import OperationError
from .health import is_healthy
from .layout import System
from .options import add_data_dir, system_of
from .state import Record, State, read_living
from .terminal import say

DESCRIPTION = """\
Make a new key for each secret of a system: the tokens of people, the tokens between services, cursors. The key
before it still verifies, so nobody is signed out; the one before that is forgotten. A running system is started
again, one process after the other, twice. Secrets that are handed in as variables are their giver's to change."""
EPILOG = """\
exit codes: 0 done; 1 there are no secrets yet, or a process did not come back; 2 wrong usage"""
RESTART_WITHIN_S = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system = system_of(options)
    files = sorted(path for path in (system.base / "secrets").glob("[!.]*") if path.is_file())
    if not files:
        raise OperationError(f"There are no secrets in {system.base / 'secrets'}; the first `up` makes them.")
    is_running = read_living(system.state_file) is not None
    for path in files:
        current = path.read_text().splitlines()[0].strip()
        new = secrets.token_urlsafe(48)
        write(path, [current, new] if is_running else [new, current])
    if is_running:
        restart_all(system)
        for path in files:
            current, new = path.read_text().splitlines()
            write(path, [new, current])
        restart_all(system)
    print(f"{len(files)} keys are new; the ones before them still verify.")
    return 0


def write(path: Path, keys: list[str]) -> None:
    """Whoever reads meanwhile finds the old keys or the new ones, never half of either."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with open(descriptor, "w") as file:
        file.write("\n".join(keys))
    os.replace(draft, path)


def restart_all(system: System) -> None:
    """The services first and the gateway last, as they are started."""
    state = read_living(system.state_file)
    for record in state.services if state else ():
        say(f"Starting {record.name} again ...")
        restart(system, record)


def restart(system: System, record: Record) -> None:
    if record.pid is None or record.identity is None:
        return  # between two lives: its next one reads the new file
    processes.send(record.pid, signal.SIGTERM)

    def is_back() -> bool:
        state = State.read(system.state_file)
        now = next((other for other in state.services if other.name == record.name), None) if state else None
        return bool(now and now.is_alive() and now.pid != record.pid and is_healthy(now, timeout_s=1.0))

    if not processes.wait_until(is_back, timeout_s=RESTART_WITHIN_S):
        raise OperationError(
            f"{record.name} did not come back within {RESTART_WITHIN_S:.0f} s; "
            f"`{system.command('logs')} {record.name}` says why."
        )
