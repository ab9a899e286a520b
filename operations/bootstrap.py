"""The virtual environment `.venv`: made at first use, filled with what is pinned, entered by each command.

A stamp for each installed lock file says what was installed, where and for which Python, so that a later run
reads two small files and goes on. It is taken away before anything changes and written last: what was
interrupted is done again.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import OperationError
from .layout import ROOT
from .terminal import rewrite, say

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
INCOMPLETE = VENV / "plaza-incomplete"
RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
CONTAINED = {RUNTIME: (RUNTIME,), DEVELOPMENT: (DEVELOPMENT, RUNTIME)}
IS_USABLE = "import sys; sys.exit(sys.version_info < (3, 11) or sys.prefix != sys.argv[1])"
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
BASE_PYTHON: str = getattr(sys, "_base_executable", sys.executable)  # what a venv is made from
LAST_WORDS = 15


def enter(lock: str) -> None:
    """Go on inside `.venv`, with at least what `lock` pins; returns only when this process is there."""
    if not is_installed(lock):
        with exclusively():
            if not is_installed(lock):
                install(lock)
    if not is_inside():
        os.execv(PYTHON, [str(PYTHON), *sys.orig_argv[1:]])  # noqa: S606 (nothing to quote)


def is_inside() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def is_installed(lock: str) -> bool:
    try:
        *kept, version = stamp(lock).read_text().split("\n")
    except OSError:
        return False
    is_of_this_python = not is_inside() or version == this_version()
    return kept == [digest(lock), str(VENV)] and is_of_this_python and PYTHON.exists()


def stamp(lock: str) -> Path:
    return VENV / f"plaza-{lock}.sha256"


def digest(lock: str) -> str:
    try:
        return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()
    except FileNotFoundError:
        raise OperationError(f"{lock} is missing beside manage_all.py; restore it, for example from git.") from None


def this_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@contextlib.contextmanager
def exclusively() -> Iterator[None]:
    """One installation at a time; locks the repository's folder, which is there and never replaced."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another manage_all.py, which is installing the packages ...")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def install(lock: str) -> None:
    started_s = time.monotonic()
    for known in CONTAINED:
        stamp(known).unlink(missing_ok=True)
    if INCOMPLETE.exists() or not is_usable():
        make_venv()
    count = len(re.findall(r"^[\w.\[\]-]+==", (ROOT / lock).read_text(), re.MULTILINE))
    say(f"Installing {count} packages into {VENV.name}, once ...")
    fill(lock, count)
    version = subprocess.run([PYTHON, "-c", VERSION], capture_output=True, text=True, check=True).stdout.strip()
    for contained in CONTAINED[lock]:
        stamp(contained).write_text("\n".join((digest(contained), str(VENV), version)))
    say(f"Installed in {time.monotonic() - started_s:.0f} s.")


def is_usable() -> bool:
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", IS_USABLE, VENV], check=False).returncode == 0


def make_venv() -> None:
    """In two steps, so that one that was interrupted between them is known as incomplete."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise OperationError(
                f"This Python lacks its module `{module}`, which makes virtual environments; "
                "install it (Debian and Ubuntu: apt install python3-venv) and run the same command again."
            )
    run_step("Making a virtual environment", BASE_PYTHON, "-m", "venv", "--clear", "--without-pip", VENV)
    INCOMPLETE.touch()
    run_step("Installing pip", PYTHON, "-m", "ensurepip", "--default-pip")
    INCOMPLETE.unlink()


def run_step(what: str, *command: str | Path) -> None:
    step = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if step.returncode != 0:
        say(step.stdout.rstrip())
        raise OperationError(f"{what} in {VENV} failed, as shown above; mend that and run the same command again.")


def fill(lock: str, count: int) -> None:
    """pip takes only files whose hash the lock names; `PIP_…` variables and pip's own settings apply."""
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--no-color",
    ]
    command += ["--require-hashes", "--requirement", ROOT / lock]
    environment = {**os.environ, "PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as pip:
        lines = follow_pip(pip.stdout or (), count)
    if pip.returncode != 0:
        say("\n".join(lines[-LAST_WORDS:]))
        raise OperationError(
            "pip could not install the packages, as shown above; see to the network (or pip's settings) "
            "and run the same command again."
        )


def follow_pip(output: Iterable[str], count: int) -> list[str]:
    """All that pip says, while a terminal shows how far it is."""
    lines, collected = [], 0
    for line in output:
        lines.append(line.rstrip())
        collected += line.startswith("Collecting ")
        rewrite(f"{collected} of {count} ...")
    rewrite("")
    return lines
