"""Ten thousand runs of `manage_all.py simulate`, and a check that it finds what it is there to find.

`PLAZA_TEST_SIMULATION_RUNS` is another number of runs, and `PLAZA_TEST_SIMULATION_SEED` another first seed.
"""

import os
import re
import subprocess
import sys

import pytest

from operations.layout import ROOT

pytestmark = pytest.mark.long

FIRST_SEED = int(os.environ.get("PLAZA_TEST_SIMULATION_SEED", "1"))
RUNS = int(os.environ.get("PLAZA_TEST_SIMULATION_RUNS", "10000"))
# Each is a function; their module needs Django.
SOURCE = (ROOT / "experiments/simulation/bugs.py").read_text()
BUGS = [name.replace("_", "-") for name in re.findall(r"^def ([a-z]\w+)\(\) -> None:", SOURCE, re.MULTILINE)]
AT_ONCE = 500  # a slow machine must not be taken for a test that hangs


def simulate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "manage_all.py"), "simulate", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + RUNS, AT_ONCE))
def test_orders_hold_in_ten_thousand_interleavings(seed: int) -> None:
    finished = simulate("--seed", str(seed), "--runs", str(AT_ONCE))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    rows = dict(line.rsplit(None, 1) for line in finished.stdout.splitlines() if line.strip())
    assert (rows["runs"], rows["failed runs"]) == (str(AT_ONCE), "0")


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_is_found(bug: str) -> None:
    finished = simulate("--seed", str(FIRST_SEED), "--bug", bug, "--runs", "2000", "--until-found")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert bug in finished.stdout
