"""The peers' own packages, kept under `.plaza/bench`: a Python environment and Node's modules, each by its lock.

They are installed at first use. A peer that can't be had is named, with the reason, and left out.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from operations.bootstrap import BASE_PYTHON
from operations.console import OperationError, say
from operations.layout import System

SOURCES = Path(__file__).parent / "peers"
PYTHON_LOCK = SOURCES / "requirements.lock"
NODE_LOCK = SOURCES / "package-lock.json"
LAST_WORDS = 8


def python_environment() -> Path:
    """Its folder, with uvicorn, gunicorn and envoy in `bin/`."""
    return installed("python", PYTHON_LOCK, _install_python)


def node_modules() -> Path:
    """The folder that holds `express_gateway.js` and the modules it imports."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise OperationError(f"{program} is missing; install Node (Debian and Ubuntu: apt install nodejs npm).")
    folder = installed("node", NODE_LOCK, _install_node)
    shutil.copy(SOURCES / "express_gateway.js", folder)  # Node looks for modules beside the file that imports them
    return folder


def installed(name: str, lock: Path, install: Callable[[Path], None]) -> Path:
    """A folder with what `lock` pins. The digest that says so is written last."""
    folder = System().base / "bench" / name
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    record = folder / "installed"
    if not record.exists() or record.read_text() != digest:
        say(f"Installing the peers' packages for {name.capitalize()}, once ...")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install(folder)
        record.write_text(digest)
    return folder


def _install_python(folder: Path) -> None:
    _run(BASE_PYTHON, "-m", "venv", folder)
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")
    _run(*pip, "--no-deps", "--require-hashes", "--requirement", PYTHON_LOCK)


def _install_node(folder: Path) -> None:
    for file in (SOURCES / "package.json", NODE_LOCK):
        shutil.copy(file, folder)
    _run("npm", "ci", "--no-audit", "--no-fund", directory=folder)


def _run(*command: str | Path, directory: Path | None = None) -> None:
    step = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if step.returncode:
        said = "\n".join((step.stdout + step.stderr).strip().splitlines()[-LAST_WORDS:])
        raise OperationError(f"`{' '.join(map(str, command[:4]))} ...` failed: {said}")


def available(peers: Sequence[tuple[str, Callable[[], object]]]) -> list[str]:
    """The names of the peers whose packages can be had. The others are said to be missing, and why."""
    names = []
    for name, provide in peers:
        try:
            provide()
        except OperationError as error:
            say(f"{name} is left out: {error}")
        else:
            names.append(name)
    return names
