"""Runs `up` and `test` in one clone, as a person would, and both again; in another, `test` comes first.

All suites run once: what the other runs show is that a command works where the other was, or wasn't, before it. The
first failure ends it.
"""

import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

CLONE = sys.argv[1]
UNTOUCHED = f"{CLONE}-untouched"
TOTAL = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")


def main() -> None:
    shutil.copytree(CLONE, UNTOUCHED, symlinks=True)
    for command, *given in (
        (use, CLONE),
        (prove, CLONE),
        (use, CLONE),
        (prove, CLONE, "users"),
        (prove, UNTOUCHED, "users"),
        (use, UNTOUCHED),
    ):
        command(*given)
        require(not (left := running()), f"still running: {left}")


def use(clone: str) -> None:
    """Start it, ask it, stop it with Ctrl-C."""
    print(f"--- {clone}: python3 manage_all.py up", flush=True)
    started_s = time.monotonic()
    with subprocess.Popen(["python3", "manage_all.py", "up"], cwd=clone, stdout=subprocess.PIPE, text=True) as up:
        is_up = False
        for line in up.stdout or ():
            print(line, end="")
            if line.startswith("Plaza is up."):
                is_up = True
                print(f"(after {time.monotonic() - started_s:.0f} s)")
                for path in ("/api/", "/login/", "/health/ready"):
                    with urllib.request.urlopen(f"http://127.0.0.1:8000{path}", timeout=10) as answer:
                        require(answer.status == 200, f"{path} answered {answer.status}")
                up.send_signal(signal.SIGINT)
    require(is_up and up.returncode == 0, f"`up` ended with {up.returncode}")


def prove(clone: str, *suites: str) -> None:
    command = ["python3", "manage_all.py", "test", *suites]
    print(f"--- {clone}: {' '.join(command)}", flush=True)
    with subprocess.Popen(command, cwd=clone, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as test:
        total = None
        for line in test.stdout or ():
            print(line, end="", flush=True)
            total = TOTAL.match(line) or total
    require(test.returncode == 0, f"`test` ended with {test.returncode}")
    require(total is not None, "`test` said no total")
    passed, failed, skipped = map(int, total.groups())
    require(passed > 0 and failed == skipped == 0, f"{passed} passed, {failed} failed, {skipped} skipped")


def running() -> list[str]:
    """Processes of this namespace besides this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if command and "two_commands.py" not in command:
            found.append(f"{entry.name} {command}")
    return found


def require(holds: bool, message: str) -> None:
    if not holds:
        sys.exit(f"two_commands.py: {message}")


if __name__ == "__main__":
    main()
