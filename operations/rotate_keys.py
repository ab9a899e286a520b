"""`rotate-keys`: a new key for everything that is signed. The old key still verifies.

Each secret is a file with one key a line: the first one signs, all of them verify. A running system takes two steps.
The new key is written after the old one, and every process is restarted: now all of them know it. Then the new key is
written first, and every process is restarted again. So no process ever gets a token that it can't verify.
"""

import argparse
import os
import secrets
import signal
from pathlib import Path

from . import processes
from .cli import add_data_dir
from .console import OperationError, say
from .layout import System
from .status import Record, State, read_living

DESCRIPTION = """\
Make a new key for each secret of a system: people's tokens, tokens between services, cursors. The previous key
still verifies, so nobody is signed out; the key before it is forgotten. In a running system each process is
restarted twice, one after the other. Secrets that come from variables are not changed."""
EPILOG = """\
exit codes: 0 done; 1 there are no secrets yet, or a process did not restart; 2 wrong usage"""
RESTART_WITHIN_S = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system: System = options.system
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
    print(f"{len(files)} keys are new; the previous ones still verify.")
    return 0


def write(path: Path, keys: list[str]) -> None:
    """Readers find the old keys or the new ones, never half of either."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with open(descriptor, "w") as file:
        file.write("\n".join(keys))
    os.replace(draft, path)


def restart_all(system: System) -> None:
    """In the order of their start: the services first and the gateway last."""
    state = read_living(system.state_file)
    for record in state.services if state else ():
        say(f"Restarting {record.name} ...")
        restart(system, record)


def restart(system: System, record: Record) -> None:
    if record.pid is None or record.identity is None:
        return  # it waits to be started again, and will read the new file
    processes.send(record.pid, signal.SIGTERM)

    def is_back() -> bool:
        state = State.read(system.state_file)
        now = next((other for other in state.services if other.name == record.name), None) if state else None
        return bool(now and now.is_alive() and now.pid != record.pid and now.is_healthy(timeout_s=1.0))

    if not processes.wait_until(is_back, timeout_s=RESTART_WITHIN_S):
        raise OperationError(
            f"{record.name} did not come back within {RESTART_WITHIN_S:.0f} s; "
            f"`{system.command('logs')} {record.name}` says why."
        )
