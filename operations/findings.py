"""What `doctor` looks at: this machine, and what a system has on it. Nothing is changed."""

import configparser
import fcntl
import importlib.util
import os
import shutil
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import bootstrap
from .console import OperationError
from .layout import ROOT, SERVERS, System
from .ports import command_of, listener_of
from .prepare import require_free
from .status import State, read_living, running_besides

OK, NOTE, STOP = "ok", "note", "stop"
MB = 1024 * 1024
DATA_MB, PACKAGES_MB = 100, 500
PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
PYPI = "https://pypi.org/simple"
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Finding:
    """`state` is `ok`, `note` for what is worth knowing, or `stop` for what would keep it from starting."""

    name: str
    state: str
    detail: str


def python() -> Iterator[Finding]:
    yield Finding("Python", OK, f"{sys.version.split()[0]}, {sys.executable}")


def packages() -> Iterator[Finding]:
    try:
        if bootstrap.is_installed(bootstrap.RUNTIME):
            yield Finding("packages", OK, f"all that {bootstrap.RUNTIME} lists are in {bootstrap.VENV}")
            return
    except OperationError as error:
        yield Finding("packages", STOP, str(error))
        return
    if missing := [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]:
        mend = "install it (Debian and Ubuntu: apt install python3-venv)"
        yield Finding("packages", STOP, f"this Python lacks its module `{missing[0]}`: {mend}")
    if not os.access(ROOT, os.W_OK):
        yield Finding("packages", STOP, f"{ROOT} is not writable: give this user the right to make .venv there")
    what = "is damaged, or from another folder or Python" if bootstrap.VENV.exists() else "is not there yet"
    yield Finding("packages", NOTE, f"{bootstrap.VENV} {what}: the next command makes it anew, in half a minute")
    yield _index()


def _index() -> Finding:
    """Whether pip would get an answer where it looks for packages."""
    if os.environ.get("PIP_NO_INDEX"):
        return Finding("pip", NOTE, f"looks for packages in {os.environ.get('PIP_FIND_LINKS', 'no place')} only")
    url = os.environ.get("PIP_INDEX_URL") or _configured_index() or PYPI
    scheme, _, where = url.partition("://")
    shown = f"{scheme}://{where.rpartition('@')[2]}"  # without a password, which nobody should read here
    try:
        with urllib.request.urlopen(f"{shown.rstrip('/')}/pip/", timeout=PATIENCE_S):  # noqa: S310 - pip's own setting
            return Finding("pip", OK, f"{shown} answers")
    except urllib.error.HTTPError as error:
        return Finding("pip", NOTE, f"{shown} answers {error.code}; if the installation fails, see pip's settings")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        mend = "check the network, its proxy (HTTPS_PROXY), or name another index in PIP_INDEX_URL"
        return Finding("pip", STOP, f"{shown} can't be reached ({reason}): {mend}")


def _configured_index() -> str:
    settings = configparser.RawConfigParser(strict=False)
    names = (*PIP_FILES, os.environ.get("PIP_CONFIG_FILE", ""))
    try:
        settings.read([Path(name).expanduser() for name in names if name])
    except configparser.Error:
        return ""
    return settings.get("global", "index-url", fallback="")


def ports(system: System, first_port: int) -> Iterator[Finding]:
    if state := read_living(system.state_file):
        yield Finding("running", NOTE, f"this system runs, on port {state.port}: `{system.command('status')}`")
        return
    taken = []
    for server in SERVERS:
        port = first_port + (server.offset or 0)
        try:
            require_free(port, server.name, suggestion=0)
        except OperationError:
            taken.append(port)
            mend = f"end it, or choose four others, for example `{system.command('up')} --port {first_port + 1000}`"
            yield Finding("ports", STOP, f"{port} ({server.name}) is taken by {listener_of(port)}: {mend}")
    if not taken:
        yield Finding("ports", OK, f"{first_port} to {first_port + len(SERVERS) - 1} are free")


def others(system: System) -> Iterator[Finding]:
    for other, state in running_besides(system):
        where = f"port {state.port}, with its files in {other.base}: `{other.command('status')}`"
        yield Finding("running", NOTE, f"another system runs on {where}")


def disk(system: System) -> Iterator[Finding]:
    needed = {_existing(system.base): DATA_MB}
    if not bootstrap.RECORD.exists():
        needed[ROOT] = PACKAGES_MB
    for there, least in needed.items():
        free = shutil.disk_usage(there).free // MB
        state = OK if free >= least else STOP
        mend = "" if state == OK else f", and {least} MB are needed: make room, or choose another --data-dir"
        yield Finding("disk", state, f"{free:,} MB are free at {there}{mend}")


def lock(system: System) -> Iterator[Finding]:
    """The lock ends with its process. What a killed supervisor leaves is its state."""
    state = State.read(system.state_file)
    if state and not state.supervisor.is_alive():
        left = [record.name for record in state.services if record.is_alive()]
        what = f"and {', '.join(left)} still run" if left else "and no process"
        yield Finding("lock", NOTE, f"a supervisor that was killed left its state {what}: `up` and `down` tidy up")
    elif state is None and (holder := _lock_holder(system.lock_file)):
        yield Finding("lock", STOP, f"{holder} holds {system.lock_file}: wait until it has started or ended, or end it")
    else:
        yield Finding("lock", OK, "nobody else starts this system")


def _lock_holder(path: Path) -> str:
    """Empty if nobody holds it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return ""
    except BlockingIOError:
        inode = f":{path.stat().st_ino}"
        table = Path("/proc/locks")
        rows = [line.split() for line in table.read_text().splitlines()] if table.exists() else []
        pids = [int(row[4]) for row in rows if row[1] == "FLOCK" and row[5].endswith(inode)]
        return f"process {pids[0]} ({command_of(pids[0])})" if pids else "another process"
    except OSError:  # it is not there
        return ""


def files(system: System) -> Iterator[Finding]:
    """The rights of directories, databases and secrets: this user's alone."""
    faults = [*_unusable(system)]
    yield from (Finding("files", STOP, fault) for fault in faults)
    if not faults:
        yield Finding("files", OK, f"databases, secrets and logs of {system.base} are this user's")


def _unusable(system: System) -> Iterator[str]:
    there = _existing(system.base)
    if not there.is_dir():
        yield f"{there} is a file, where a directory is meant: name another with --data-dir"
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield f"{there} is not writable: `chown` it to this user, or name another with --data-dir"
    databases = [(system.data_dir or ROOT) / server.project / "Data-base.db" for server in SERVERS]
    secrets = system.base / "secrets"
    if secrets.exists():
        yield from _fault(secrets, 0o022, "700")
        for path in sorted(secrets.glob("[!.]*")):
            yield from _fault(path, 0o077, "600")
    for path in databases:
        if path.exists():
            yield from _fault(path, 0, "600")


def _fault(path: Path, forbidden: int, mode: str) -> Iterator[str]:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        yield f"{path} is a link: put the thing itself there"
    elif found.st_uid != os.geteuid():
        yield f"{path} is another user's: `chown {os.geteuid()} {path}`"
    elif found.st_mode & forbidden or not os.access(path, os.R_OK | os.W_OK):
        yield f"{path} has mode {stat.S_IMODE(found.st_mode):03o}: `chmod {mode} {path}`"


def _existing(path: Path) -> Path:
    """The path, or the nearest of the folders above that there is."""
    return next(each for each in (path, *path.parents) if each.exists())
