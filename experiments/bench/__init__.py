"""`bench`: measures Plaza beside what people would use instead. Each measurement is a module with `measure(plan)`."""

import argparse
import signal
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from operations import processes
from operations.cli import positive
from operations.console import OperationError, say

if TYPE_CHECKING:
    from .rounds import Plan


@dataclass(frozen=True)
class Measurement:
    """`seconds` are the default of --seconds, `quick_s` those of --quick."""

    summary: str
    seconds: float
    quick_s: float
    uses_wrk: bool = False


# In the order in which they run when none is named.
MEASUREMENTS = {
    "gateway": Measurement("CPU of a gateway alone, beside FastAPI, Express and Envoy", 4, 2, uses_wrk=True),
    "whole_path": Measurement(
        "CPU of gateway and services together, beside FastAPI with SQLAlchemy", 4, 2, uses_wrk=True
    ),
    "latency": Measurement(
        "time of one customer alone, through the gateway and straight to the service", 4, 2, uses_wrk=True
    ),
    "orders": Measurement("confirmed orders a second, beside a Django monolith", 6, 3, uses_wrk=True),
    "footprint": Measurement("seconds of `up`, memory at rest, and its growth under load", 60, 20, uses_wrk=True),
    "growth": Measurement("10^6 products, orders and users beside 10^3 (--quick: 10^5), SQLite and PostgreSQL", 1, 1),
    "crowd": Measurement(
        "8, 64 and 300 customers at once in a healthy shop, beside a plain gateway", 8, 3, uses_wrk=True
    ),
    "capacity": Measurement("what a second gateway brings, predicted and measured", 6, 3, uses_wrk=True),
    "blast_radius": Measurement(
        "users' latency while products is healthy, frozen, dripping and dead, beside a plain gateway", 10, 3
    ),
    "relay": Measurement(
        "36,000 orders that an outage has left: when all are settled, and what new ones notice", 20, 5
    ),
}
ROUNDS, QUICK_ROUNDS = 5, 2
DESCRIPTION = """\
Measure Plaza beside what people would use instead. It starts systems of its own in temporary directories, and
the peers; it drives both with wrk, in alternating short rounds, and takes CPU from the operating system. It
prints medians, the range of the rounds, and ratios. Compare ratios and figures of one run only: machines differ,
and so does their load. The peers' own packages are installed at first use, under .plaza/bench.

measurements (default: all of them, in this order)
"""
EPILOG = f"""\
examples:
  python3 manage_all.py bench gateway                    {ROUNDS} rounds on each side of each case
  python3 manage_all.py bench gateway whole_path --quick      a rough answer in a few minutes
  python3 manage_all.py bench whole_path --json found.json --svg docs/whole-path.svg
  python3 manage_all.py bench crowd --seconds 5

wrk must be there (Debian and Ubuntu: apt install wrk); npm too for Express, which is otherwise left out.

exit codes: 0 measured; 1 something that is needed is missing, or a side did not answer as asked; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    listing = "\n".join(f"  {name:14} {measurement.summary}" for name, measurement in MEASUREMENTS.items())
    parser.description, parser.epilog = DESCRIPTION + listing, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("names", nargs="*", type=measurement, metavar="NAME", help="which measurements")
    parser.add_argument("--quick", action="store_true", help="shorter, fewer rounds, smaller tables")
    parser.add_argument("--seconds", type=positive, metavar="S", help="of each case on each side in each round")
    parser.add_argument("--rounds", type=positive, metavar="N", help=f"default: {ROUNDS}, with --quick {QUICK_ROUNDS}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure of every round")
    parser.add_argument(
        "--svg", type=Path, metavar="FILE", help="also draw the result; several are told apart by their names"
    )


def measurement(name: str) -> str:
    if name not in MEASUREMENTS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(MEASUREMENTS)}")
    return name


def run(options: argparse.Namespace) -> int:
    from .report import Report, write_charts, write_json
    from .wrk import find as find_wrk  # --help does not need the installed packages, and these do

    processes.interrupt_at(signal.SIGTERM, signal.SIGHUP)
    for target in (options.json, options.svg):
        if target is not None and not target.parent.is_dir():
            raise OperationError(f"{target} can't be written: its folder does not exist.")
    names = dict.fromkeys(options.names or MEASUREMENTS)
    if any(MEASUREMENTS[name].uses_wrk for name in names):
        find_wrk()
    reports: dict[str, Report] = {}
    for name in names:
        say(f"{name}: {MEASUREMENTS[name].summary}")
        reports[name] = import_module(f"experiments.bench.{name}").measure(plan_of(name, options))
        print(reports[name].text(), flush=True)
        if options.json:  # after each, so that an interrupted run leaves what it has found
            write_json(options.json, reports)
    if options.svg:
        write_charts(options.svg, reports)
    return 0


def plan_of(name: str, options: argparse.Namespace) -> "Plan":
    from .rounds import Plan

    chosen = MEASUREMENTS[name]
    return Plan(
        seconds=options.seconds or (chosen.quick_s if options.quick else chosen.seconds),
        rounds=options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
        is_quick=options.quick,
    )
