"""Spreads the runs over processes, adds up what they report, and shows it."""

import argparse
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from operations.console import OperationError, rewrite, table
from operations.layout import ROOT

WORKER = [sys.executable, "-m", "experiments.simulation.worker"]
SEEDS = 1_000_000
ENVIRONMENT = ("HOME", "LANG", "PATH", "TMPDIR", "VIRTUAL_ENV")

Message = dict[str, Any]


class Total:
    def __init__(self) -> None:
        self.of_worker: dict[int, Message] = {}
        self.failure: Message | None = None
        self.trace: list[str] = []
        self.seconds = 0.0

    def count(self, name: str) -> int:
        return sum(report[name] for report in self.of_worker.values())

    def counter(self, name: str) -> "Counter[str]":
        return sum((Counter(report[name]) for report in self.of_worker.values()), Counter())

    @property
    def digest(self) -> str:
        digest = 0
        for report in self.of_worker.values():
            digest ^= report["digest"]
        return f"{digest:016x}"


def simulate(options: argparse.Namespace) -> int:
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(SEEDS)
    if options.bug:
        return _hunt(options, seed)
    total = run(seed, options.runs, options.jobs)
    if options.trace:
        print("\n".join(total.trace))
    show(total, seed)
    if total.failure:
        show_failure(total.failure)
    return 1 if total.failure else 0


def run(seed: int, runs: int, jobs: int, bug: str = "", *, until_found: bool = True) -> Total:
    jobs = min(jobs, runs)
    shares = [(number, [str(seed + number), str(len(range(number, runs, jobs))), str(jobs)]) for number in range(jobs)]
    total = Total()
    started_s = time.monotonic()
    messages: queue.Queue[tuple[int, Message | None]] = queue.Queue()
    with workers([(number, [*share, bug] if bug else share) for number, share in shares], messages):
        open_workers = jobs
        while open_workers and not (total.failure and until_found):
            number, message = messages.get()
            if message is None:
                open_workers -= 1
            else:
                _take(total, number, message)
                total.seconds = time.monotonic() - started_s
                rewrite(f"{total.count('runs'):,} runs, {total.count('steps'):,} steps ...")
    rewrite("")
    if not total.failure and total.count("runs") < runs:
        raise OperationError("a process of the simulation ended early; it has said why.")
    return total


def _take(total: Total, number: int, message: Message) -> None:
    if "report" in message:
        total.of_worker[number] = message["report"]
    if "failure" in message:
        is_first = total.failure is None or message["failure"]["seed"] < total.failure["seed"]
        total.failure = message["failure"] if is_first else total.failure
    total.trace = message.get("trace", total.trace)


@contextmanager
def workers(shares: list[tuple[int, list[str]]], messages: "queue.Queue[tuple[int, Message | None]]") -> Iterator[None]:
    """Neither settings of the environment nor the order of a set of strings may make a difference.

    Their databases are in memory where the system has a place for that, and go with this block.
    """
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    directory = tempfile.TemporaryDirectory(prefix="plaza-simulation-", dir=memory)
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    environment |= {"PYTHONHASHSEED": "0", "TMPDIR": directory.name}
    started = []
    try:
        for number, share in shares:
            process = subprocess.Popen([*WORKER, *share], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            started.append(process)
            threading.Thread(target=_read, args=(number, process, messages), daemon=True).start()
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait()
        directory.cleanup()


def _read(number: int, process: "subprocess.Popen[str]", messages: "queue.Queue[Any]") -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            messages.put((number, json.loads(line)))
    messages.put((number, None))


def show(total: Total, seed: int) -> None:
    runs = total.count("runs")
    rows = [
        ("first seed", str(seed)),
        ("runs", f"{runs:,}"),
        ("runs a second", f"{runs / max(total.seconds, 0.001):.1f}"),
        ("steps", f"{total.count('steps'):,}"),
        ("faults", f"{sum(total.counter('faults').values()):,}"),
        *((f"  {kind}", f"{count:,}") for kind, count in sorted(total.counter("faults").items())),
        ("orders", f"{sum(total.counter('statuses').values()):,}"),
        *((f"  {status}", f"{count:,}") for status, count in sorted(total.counter("statuses").items())),
        ("failed runs", str(int(total.failure is not None))),
        ("digest of the traces", total.digest),
    ]
    print(table([("what", "number"), *rows]))


def show_failure(failure: Message) -> None:
    shortest = failure["shortest"]
    print(f"\nSeed {failure['seed']} fails after {failure['steps']} steps:")
    print("\n".join(f"  {each}" for each in failure["failures"]))
    print(f"\nThe shortest trace found has {shortest['decisions']} decisions that are not the dullest:")
    print("\n".join(shortest["trace"]))
    print("\n".join(f"  {each}" for each in shortest["failures"]))
    print(f"\nAgain: python3 manage_all.py simulate --runs 1 --seed {failure['seed']}")


def _hunt(options: argparse.Namespace, seed: int) -> int:
    """0 if each planted bug is found."""
    bugs: dict[str, str] = json.loads(subprocess.check_output(WORKER, cwd=ROOT, text=True))["bugs"]
    name: str = options.bug
    if name != "all" and name not in bugs:
        raise OperationError(f"there is no bug `{name}`; there are {', '.join(bugs)}.")
    rows = []
    missed = 0
    for each in bugs if name == "all" else [name]:
        total = run(seed, options.runs, options.jobs, each, until_found=options.until_found)
        first = str(total.failure["seed"]) if total.failure else "none"
        rows.append((each, f"{total.count('failed')} of {total.count('runs')}", first, bugs[each]))
        missed += total.failure is None
    print(table([("bug", "found in runs", "first seed", "what is wrong"), *rows]))
    if name != "all" and total.failure:
        show_failure(total.failure)
    return 1 if missed else 0
