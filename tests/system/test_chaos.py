"""Twenty seconds of `manage_all.py chaos`."""

import os
import subprocess
import sys

import pytest

from operations.layout import ROOT
from tests.system.plaza import clean_environment


@pytest.mark.long
def test_nothing_is_lost_duplicated_oversold_or_leaked_while_processes_die() -> None:
    seed = os.environ.get("PLAZA_CHAOS_SEED", "20")
    command = [sys.executable, str(ROOT / "manage_all.py"), "chaos", "--seconds", "20", "--seed", seed]
    done = subprocess.run(
        command, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = dict(line.rsplit(None, 1) for line in done.stdout.splitlines() if line.strip())
    nothing = ("lost", "duplicated", "oversold units", "leaked units", "audit differences")
    assert [rows[name] for name in nothing] == ["0"] * 5
    assert int(rows["orders acknowledged"]) > 0
    assert int(rows["faults"]) > 0
