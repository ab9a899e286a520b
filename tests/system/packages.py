"""Other people's clients and linters, each version pinned by a lock: a Python environment, and Node's modules.

They are installed at first use, and kept in `.tox/` until a lock changes.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from operations.layout import ROOT

SOURCES = Path(__file__).parent / "clients"
KEPT = ROOT / ".tox" / "clients"


def python_environment() -> Path:
    """Its folder, with programs in `bin/`."""
    return _installed("python", SOURCES / "requirements.lock", _install_python)


def node_modules() -> Path:
    """The folder that holds `node_modules`."""
    return _installed("node", SOURCES / "package-lock.json", _install_node)


def _installed(name: str, lock: Path, install: Callable[[Path], None]) -> Path:
    """The digest of the lock that says so is written last."""
    folder, digest = KEPT / name, hashlib.sha256(lock.read_bytes()).hexdigest()
    record = folder / "installed"
    if not record.exists() or record.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install(folder)
        record.write_text(digest)
    return folder


def _install_python(folder: Path) -> None:
    run(sys.executable, "-m", "venv", folder)
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")
    run(*pip, "--no-deps", "--require-hashes", "--requirement", SOURCES / "requirements.lock")


def _install_node(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCES / name, folder)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", directory=folder)


def run(
    *command: str | Path, directory: Path | None = None, environment: dict[str, str] | None = None, given: str = ""
) -> str:
    """What the program wrote. It must succeed."""
    finished = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=800, check=False, env=environment, input=given
    )
    assert finished.returncode == 0, f"{command[:3]}\n{finished.stdout}\n{finished.stderr}"
    return str(finished.stdout)
