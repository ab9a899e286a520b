"""The virtual environment `.venv`: created at first use, filled with the pinned packages, entered by each command.

A record in it says which lock was installed, where, for which Python, and which files its packages then had. So a
later run checks it by reading one small file and one folder. The record is removed before anything changes and
written last: an interrupted installation is repeated. An environment that was moved or lost a package is recreated.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import admin_password
from .console import OperationError, rewrite, say
from .layout import ROOT

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RECORD = VENV / "plaza-installed.json"
RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
CONTAINED = {RUNTIME: (RUNTIME,), DEVELOPMENT: (DEVELOPMENT, RUNTIME)}
SURVEY = """
import importlib.metadata, json, sys, sysconfig
found = importlib.metadata.distributions(path=[sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
installed = [each for each in found if each.name not in ("pip", "setuptools")]
names = {file.parts[0] for each in installed for file in each.files or ()} - {"..", "__pycache__"}
print(json.dumps({"python": "%d.%d" % sys.version_info[:2], "entries": sorted(names)}))
"""
BASE_PYTHON: str = getattr(sys, "_base_executable", sys.executable)  # creates the venv
LAST_WORDS = 15


def enter(lock: str) -> None:
    """Continue inside `.venv`, with all packages that `lock` pins. Returns only if this process runs there."""
    if not is_installed(lock):
        with exclusively():
            if not is_installed(lock):
                install(lock)
    if not is_inside() or admin_password.is_in_the_environment():
        admin_password.hide()
        os.execv(PYTHON, [str(PYTHON), *sys.orig_argv[1:]])  # noqa: S606 (nothing to quote)


def is_inside() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def is_installed(lock: str) -> bool:
    record = read_record()
    return record.get("locks", {}).get(lock) == digest(lock) and is_intact(record)


def read_record() -> dict[str, Any]:
    """`{"venv", "python", "locks": {lock file: digest}, "entries"}`, or an empty dict if it is missing or damaged."""
    try:
        record = json.loads(RECORD.read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def is_intact(record: dict[str, Any]) -> bool:
    """Whether the environment is where it was created, for this Python, with all installed files still there."""
    present = {path.name for path in VENV.glob("lib/python*/site-packages/*")}
    is_here = record.get("venv") == str(VENV) and PYTHON.exists()
    is_of_this_python = not is_inside() or record.get("python") == this_version()
    return is_here and is_of_this_python and set(record["entries"]) <= present


def digest(lock: str) -> str:
    try:
        return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()
    except FileNotFoundError:
        raise OperationError(f"{lock} is missing beside manage_all.py; restore it, for example from git.") from None


def this_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@contextlib.contextmanager
def exclusively() -> Iterator[None]:
    """One installation at a time. The lock is on the repository's folder, which exists and is never replaced."""
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
    record = read_record()
    is_usable = is_intact(record)
    if not is_usable and VENV.is_symlink():  # to an environment of somebody else, who goes on using it
        VENV.unlink()
    RECORD.unlink(missing_ok=True)
    if not is_usable:
        make_venv()
    count = len(re.findall(r"^[\w.\[\]-]+==", (ROOT / lock).read_text(), re.MULTILINE))
    say(f"Installing {count} packages into {VENV.name}, once ...")
    fill(lock, count)
    run_step("Checking that the packages fit together", PYTHON, "-m", "pip", "check", "--disable-pip-version-check")
    survey = json.loads(run_step("Listing the packages", PYTHON, "-c", SURVEY))
    locks = {contained: digest(contained) for contained in CONTAINED[lock]}
    RECORD.write_text(json.dumps({"venv": str(VENV), "locks": locks, **survey}))
    say(f"Installed in {time.monotonic() - started_s:.0f} s.")


def make_venv() -> None:
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise OperationError(
                f"This Python lacks its module `{module}`, which creates virtual environments; "
                "install it (Debian and Ubuntu: apt install python3-venv) and run the same command again."
            )
    run_step("Creating a virtual environment", BASE_PYTHON, "-m", "venv", "--clear", VENV)


def run_step(what: str, *command: str | Path) -> str:
    step = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if step.returncode != 0:
        say(step.stdout.rstrip())
        raise OperationError(f"{what} in {VENV} failed, as shown above; fix that and run the same command again.")
    return step.stdout


def fill(lock: str, count: int) -> None:
    """pip takes only files whose hash the lock names; `PIP_…` variables and pip's own settings apply.

    A lock is complete, so pip doesn't resolve dependencies. An old pip would do it wrong where a package asks for an
    extra of another one: it would look for the newest release and then refuse it.
    """
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--no-color", "--no-deps", "--require-hashes", "--requirement", ROOT / lock]
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
            "pip could not install the packages, as shown above; check the network (or pip's settings) "
            "and run the same command again."
        )


def follow_pip(output: Iterable[str], count: int) -> list[str]:
    """All lines of pip's output; meanwhile a terminal shows the progress."""
    lines, collected = [], 0
    for line in output:
        lines.append(line.rstrip())
        collected += line.startswith("Collecting ")
        rewrite(f"{collected} of {count} ...")
    rewrite("")
    return lines
