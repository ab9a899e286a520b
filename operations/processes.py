"""Processes as this machine knows them: none outlives its parent, and none is taken for another.

A process number is given out again after a while, so each is remembered with its time of birth.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1  # prctl(2)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ZOMBIE = "Z"

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    stdout: int | IO[bytes] | None,
    stderr: int | IO[bytes] | None = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; on Linux it is told to end when this process dies."""
    return subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=partial(_end_with_parent, os.getpid()),
    )


def _end_with_parent(parent: int) -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def identity(pid: int) -> str | None:
    """What tells this process from a later one with the same number; None if it is gone or only a zombie."""
    return _linux_identity(pid) if BOOT_ID.exists() else _ps_identity(pid)


def _linux_identity(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # proc(5): the name before it may hold anything
    state, born = fields[0], fields[19]
    return None if state == ZOMBIE else f"{BOOT_ID.read_text().strip()}/{born}"


def _ps_identity(pid: int) -> str | None:
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, born = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith(ZOMBIE) else born.strip()


def tagged(variable: str, value: str) -> list[int]:
    """All processes that were started with `variable=value`, by whatever detour; none where /proc isn't."""
    return [pid for pid in _all_pids() if f"{variable}={value}".encode() in _variables(pid)]


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if int(entry.name) != os.getpid()]


def _variables(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return []


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # gone, or its number is someone else's by now
        return


def send_group(pid: int, number: signal.Signals) -> None:
    """To the whole group that process `pid` heads, or headed until just now."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS says PermissionError of a group of zombies
        return


def interrupt_at(*numbers: signal.Signals) -> None:
    """Let these end a command as Ctrl-C does, so that nothing which it started stays behind."""
    for number in numbers:
        signal.signal(number, signal.default_int_handler)


def wait_until(condition: Callable[[], bool], *, timeout_s: float, pause_s: float = 0.05) -> bool:
    give_up = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(pause_s)
    return True
