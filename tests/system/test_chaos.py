"""Twenty seconds of `manage_all.py chaos`, with a small crowd: other suites run beside it."""

import os
import subprocess
import sys

import pytest

from operations.layout import ROOT
from tests.support.plaza import clean_environment


@pytest.mark.long
def test_nothing_is_lost_duplicated_oversold_or_leaked_while_processes_die() -> None:
    seed = os.environ.get("PLAZA_CHAOS_SEED", "20")
    command = [sys.executable, str(ROOT / "manage_all.py"), "chaos", "--seconds", "20", "--seed", seed, "--crowd", "4"]
    finished = subprocess.run(
        command, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    rows = dict(line.rsplit(None, 1) for line in finished.stdout.splitlines() if line.strip())
    nothing = ("lost", "duplicated", "oversold units", "leaked units", "audit differences", "refused while healthy")
    assert [rows[name] for name in nothing] == ["0"] * 6
    assert int(rows["orders acknowledged"]) > 0
    assert int(rows["faults"]) > 0
