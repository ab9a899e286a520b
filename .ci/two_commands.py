"""Runs `up` and `test` in one clone, as a person would, and then both again. The first failure ends it."""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

CLONE = sys.argv[1]
TOTAL = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")


def main() -> None:
    for turn in ("first", "again"):
        print(f"--- {turn}: python3 manage_all.py up")
        use()
        print(f"--- {turn}: python3 manage_all.py test", flush=True)
        prove()
        require(not (left := running()), f"still running: {left}")


def use() -> None:
    """Start it, ask it, stop it with Ctrl-C."""
    started_s = time.monotonic()
    with subprocess.Popen(["python3", "manage_all.py", "up"], cwd=CLONE, stdout=subprocess.PIPE, text=True) as up:
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


def prove() -> None:
    command = ["python3", "manage_all.py", "test"]
    with subprocess.Popen(command, cwd=CLONE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as test:
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
