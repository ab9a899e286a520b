"""Ten thousand runs of `manage_all.py simulate`, and a check that it finds what it is there to find."""

import os
import subprocess
import sys

import pytest

from operations.layout import ROOT

pytestmark = pytest.mark.long

SEED = os.environ.get("PLAZA_TEST_SIMULATION_SEED", "1")


def simulate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "manage_all.py"), "simulate", "--seed", SEED, *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_orders_hold_in_ten_thousand_interleavings() -> None:
    finished = simulate("--runs", "10000")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    rows = dict(line.rsplit(None, 1) for line in finished.stdout.splitlines() if line.strip())
    assert (rows["runs"], rows["failed runs"]) == ("10,000", "0")


def test_each_planted_bug_is_found() -> None:
    finished = simulate("--bug", "all", "--runs", "2000", "--until-found")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert len(finished.stdout.splitlines()) > 10
