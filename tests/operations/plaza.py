"""A small Plaza to operate on: a copy of `manage_all.py` and `operations/` over four fake projects."""

import base64
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operations import processes
from operations.layout import OWNER_VARIABLE, PROJECTS, ROOT
from operations.state import read_living
from operations.testing.plan import NOT_HANDED_ON

WHEEL = "tiny-1.0-py3-none-any.whl"
QUICK = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
FAKE_MANAGE = Path(__file__).with_name("fake_manage.py")


def make_repository(root: Path) -> Path:
    """Everything but `.venv`; its lock files name one tiny wheel, which pip finds in `wheels/`."""
    root.mkdir()
    shutil.copy(ROOT / "manage_all.py", root)
    shutil.copytree(ROOT / "operations", root / "operations", ignore=shutil.ignore_patterns("__pycache__"))
    for project in PROJECTS:
        (root / project).mkdir()
        shutil.copy(FAKE_MANAGE, root / project / "manage.py")
    relay = root / "orders_project/orders/management/commands/relay.py"
    relay.parent.mkdir(parents=True)
    relay.touch()
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


def lend_packages(root: Path) -> None:
    """Let the copy's `.venv` find pytest and coverage where this process has them."""
    (target,) = (root / ".venv/lib").glob("python*/site-packages")
    (target / "lent.pth").write_text(sysconfig.get_path("purelib"))


def environment(root: Path, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in (*NOT_HANDED_ON, "CI")}
    return {**own, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(root / "wheels"), **QUICK, **more}


def heed_ctrl_c() -> None:
    """As in a terminal, also where this run itself was started to ignore it, as background jobs of scripts are."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def free_port() -> int:
    """The first of four that are free, below those that the kernel lends to clients at any time."""
    while True:
        port = random.randrange(10_000, 32_000, 4)
        if all(is_free(port + offset) for offset in range(4)):
            return port


def is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def eventually(condition: Callable[[], Any], *, timeout_s: float = 5.0) -> Any:
    """What `condition` returns once it is true."""
    give_up = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < give_up, f"not within {timeout_s} s"
        time.sleep(0.02)
    return value


@dataclass
class Plaza:
    """One system of the repository at `root`."""

    root: Path
    data_dir: Path | None
    port: int = field(default_factory=free_port)

    @property
    def python(self) -> str:
        return str(self.root / ".venv/bin/python")

    def command(self, *arguments: str) -> list[str]:
        chosen = ["--data-dir", str(self.data_dir)] if self.data_dir else []
        return [self.python, str(self.root / "manage_all.py"), *arguments, *chosen]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=environment(self.root, **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            env=environment(self.root, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_ctrl_c,
        )

    def up(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--detach", "--port", str(self.port), *arguments, **more)

    def services(self) -> dict[str, dict[str, Any]]:
        answer = json.loads(self.run("status", "--json").stdout)
        return {service["name"]: service for service in answer["services"]}

    def pid(self, name: str) -> int:
        pid = self.services()[name]["pid"]
        assert isinstance(pid, int)
        return pid

    def base(self) -> Path:
        return self.data_dir or self.root / ".plaza"

    def supervisor(self) -> int:
        pid: int = json.loads((self.base() / "run/supervisor.json").read_text())["supervisor"]["pid"]
        return pid

    def strays(self) -> list[int]:
        """All living processes of this system, the supervisor's children and theirs."""
        return [pid for pid in processes.tagged(OWNER_VARIABLE, str(self.base())) if processes.identity(pid)]

    def ask(self, offset: int) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port + offset}/", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def end(self) -> None:
        """Whatever the test left, and quicker than `down`."""
        if read_living(self.base() / "run/supervisor.json"):
            processes.send(self.supervisor(), signal.SIGKILL)
        for pid in self.strays():
            processes.send(pid, signal.SIGKILL)
