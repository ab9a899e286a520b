"""`manage.py check` with the code on the disk, before it replaces the code that runs."""

import os
import subprocess
import sys
import tempfile
import time

PASSED = b"System check identified"  # what `manage.py check` prints to stdout when it has found no error


class Trial:
    """What it prints counts, not how it exits: the caretaker reaps every child, and may learn that instead."""

    patience_s = 60.0

    def __init__(self, program: str) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as this is)
        self._error = tempfile.TemporaryFile()  # noqa: SIM115
        self._give_up_at = time.monotonic() + self.patience_s
        self._process = subprocess.Popen(  # noqa: S603 (this process's own command line)
            [sys.executable, program, "check"],
            env={name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"},
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._error,
        )

    def is_over(self) -> bool:
        return self._process.poll() is not None or time.monotonic() > self._give_up_at

    def failure(self) -> str:
        """Why the code would not start; empty if it would."""
        self._out.seek(0)
        self._error.seek(0)
        lines = self._error.read().decode(errors="replace").strip().splitlines()
        return "" if PASSED in self._out.read() else (lines or ["no reason given"])[-1]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._error.close()
