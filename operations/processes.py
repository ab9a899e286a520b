"""Processes of this machine: started so that they end with their parent, and told apart from each other.

The kernel reuses process numbers, so a process is remembered with the time of its start.
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
    """Start `command` in a session of its own. On Linux it gets SIGTERM when this process ends."""
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
    if os.getppid() != parent:  # it ended before the call above
        os._exit(1)


def identity(pid: int) -> str | None:
    """Distinguishes this process from a later one with the same number; None if it is gone or a zombie."""
    return _linux_identity(pid) if BOOT_ID.exists() else _ps_identity(pid)


def _linux_identity(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # proc(5): the name before it may contain anything
    state, started = fields[0], fields[19]
    return None if state == ZOMBIE else f"{BOOT_ID.read_text().strip()}/{started}"


def _ps_identity(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    return _identity_in_ps(subprocess.run(command, capture_output=True, text=True, check=False).stdout)


def _identity_in_ps(answer: str) -> str | None:
    state, _, started = answer.strip().partition(" ")
    return None if not state or state.startswith(ZOMBIE) else started.strip()


def tagged(variable: str, value: str) -> list[int]:
    """All processes whose environment has `variable=value`, however they were started; none if there is no /proc."""
    return [pid for pid in _all_pids() if f"{variable}={value}".encode() in _variables(pid)]


def values_of(variable: str) -> set[str]:
    """What `variable` is in the environments of this user's processes; empty if there is no /proc."""
    begin = f"{variable}=".encode()
    entries = (entry for pid in _all_pids() for entry in _variables(pid))
    return {os.fsdecode(entry.removeprefix(begin)) for entry in entries if entry.startswith(begin)}


def variables_of(pid: int) -> dict[str, str]:
    """The environment that a process was started with; empty if it is gone, another user's, or there is no /proc."""
    pairs = (os.fsdecode(entry).partition("=") for entry in _variables(pid) if b"=" in entry)
    return {name: value for name, _, value in pairs}


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if int(entry.name) != os.getpid()]


def _variables(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return []


def session_of(pid: int) -> int | None:
    """The process that began the session of `pid`, dead or alive; None if `pid` is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return None


def group_members(leader: int) -> list[int]:
    """The living processes of the group that `leader` heads; none where /proc is missing."""
    return [pid for pid in _all_pids() if _group_of(pid) == leader]


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # gone, or the number belongs to another user's process
        return


def send_group(pid: int, number: signal.Signals) -> None:
    """To the whole group whose leader is, or was, process `pid`."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS: PermissionError for a group of zombies
        return


def is_group(pid: int) -> bool:
    """Whether anything is left of the group whose leader is, or was, process `pid`."""
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def interrupt_at(*numbers: signal.Signals) -> None:
    """Let these signals end a command like Ctrl-C, so that it stops everything it started."""
    for number in numbers:
        signal.signal(number, signal.default_int_handler)


def wait_until(condition: Callable[[], bool], *, timeout_s: float, pause_s: float = 0.05) -> bool:
    give_up = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(pause_s)
    return True
