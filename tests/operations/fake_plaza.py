"""A small Plaza: a copy of `manage_all.py` and `operations/` with four fake projects."""

import base64
import hashlib
import json
import shutil
import signal
import socket
import subprocess
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from operations import processes
from operations.layout import ROOT, SERVERS, System
from operations.status import read_living
from tests.support import plaza
from tests.support.checkout import copy_of
from tests.support.plaza import clean_environment

WHEEL = "tiny-1.0-py3-none-any.whl"
FAKE_MANAGE = Path(__file__).with_name("fake_manage.py")


class FakePlaza(plaza.Plaza):
    """One system of the repository `root`; without `data_dir`, the repository's own."""

    def __init__(self, root: Path, data_dir: Path | None) -> None:
        self.root = root
        self.python = str(root / ".venv/bin/python")
        self.own_data_dir = data_dir
        super().__init__(data_dir or root / ".plaza")
        self.environment = environment(root)

    def command(self, *arguments: str) -> list[str]:
        chosen = ["--data-dir", str(self.own_data_dir)] if self.own_data_dir else []
        return [self.python, str(self.root / "manage_all.py"), *arguments, *chosen]

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*arguments),
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_ctrl_c,
        )

    def try_up(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--detach", "--port", str(self.port), *arguments, **more)

    def ask(self, name: str) -> dict[str, Any]:
        """The environment, arguments and worker of a service."""
        with urllib.request.urlopen(self.url(name), timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def end(self) -> None:
        """Kill whatever the test left, which is quicker than `down`."""
        if read_living(System(self.data_dir).state_file):
            processes.send(self.supervisor(), signal.SIGKILL)
        for pid in self.processes():
            processes.send(pid, signal.SIGKILL)


def environment(root: Path, **more: str) -> dict[str, str]:
    own = clean_environment(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(root / "wheels"))
    return {name: value for name, value in own.items() if name != "CI"} | more


def heed_ctrl_c() -> None:
    """As in a terminal, even if this run was started to ignore it, like the background jobs of a script."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def is_listening(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def make_repository(root: Path) -> Path:
    """Everything except `.venv`; its lock files name one tiny wheel, which pip finds in `wheels/`."""
    root.mkdir()
    for name in ("manage_all.py", "tox.toml"):
        shutil.copy(ROOT / name, root)
    copy_of("operations", root)
    for server in SERVERS:
        (root / server.project).mkdir()
        shutil.copy(FAKE_MANAGE, root / server.project / "manage.py")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (root / lock).write_text(f"tiny==1.0 \\\n    --hash=sha256:{make_wheel(root / 'wheels')}\n")
    return root


def make_wheel(folder: Path) -> str:
    """Its SHA-256."""
    folder.mkdir(exist_ok=True)
    files = {
        "tiny.py": "",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={record_hash(text)},{len(text)}\n" for name, text in files.items())
    files["tiny-1.0.dist-info/RECORD"] = record + "tiny-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name), text)  # without the time of day: the same bytes each time
    return hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()


def record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
