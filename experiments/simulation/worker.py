"""Runs some of the seeds in a process of its own, and writes a line of JSON about them now and then.

python -m experiments.simulation.worker FIRST_SEED RUNS STEP [BUG]
"""

import hashlib
import json
import sys
from collections import Counter
from typing import Any

from .world import Outcome, World

RUNS_IN_A_REPORT = 25


class Report:
    """What several runs add up to. `digest` is that of all their traces, in whatever order they were run."""

    def __init__(self) -> None:
        self.runs = self.steps = self.failed = self.digest = 0
        self.faults: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        self.runs += 1
        self.steps += outcome.steps
        self.failed += bool(outcome.failures)
        self.faults.update(outcome.faults)
        self.statuses.update(outcome.statuses)
        trace = "\n".join([str(outcome.seed), *outcome.trace])
        self.digest ^= int.from_bytes(hashlib.sha256(trace.encode()).digest()[:8])


def work(first: int, runs: int, step: int, bug: str) -> None:
    world = World()
    if bug:
        from .bugs import BUGS  # after Django is set up

        BUGS[bug]()
    report = Report()
    for number in range(runs):
        seed = first + number * step
        outcome = world.run(seed)
        report.add(outcome)
        if runs == 1:
            say(trace=outcome.trace)
        if outcome.failures and report.failed == 1:
            say(report=vars(report))
            say(failure=shown(world, outcome))
            if not bug:
                return
        if number % RUNS_IN_A_REPORT == RUNS_IN_A_REPORT - 1:
            say(report=vars(report))
    say(report=vars(report))


def shown(world: World, outcome: Outcome) -> dict[str, Any]:
    from .shrinking import shortest  # rarely needed

    short = shortest(outcome, lambda tape: world.run(outcome.seed, tape))
    return {
        "seed": outcome.seed,
        "failures": outcome.failures,
        "steps": outcome.steps,
        "shortest": {"failures": short.failures, "trace": short.trace, "decisions": sum(map(bool, short.made))},
    }


def list_bugs() -> None:
    World()
    from .bugs import BUGS

    say(bugs={name: str(bug.__doc__) for name, bug in BUGS.items()})


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        list_bugs()
    else:
        first, runs, step, *bug = sys.argv[1:]
        work(int(first), int(runs), int(step), bug[0] if bug else "")
