"""`simulate`: the order protocol, in runs in which one seed decides everything.

The real orders services, outbox and relay, and the real reservations of products, each on its real database, run in one
process and without sockets. A choice made from the seed says who runs next, which message is delivered, lost, doubled
or late, which process dies between which two statements and when it comes back, and how a clock jumps. After each run
all must be settled, and nothing lost, duplicated, oversold or leaked.

    worker      a process that does some of the runs
    world       Django for both projects in one process; begins each run with empty tables
    scene       one run: its processes, what happens in it, and when it is over
    scheduler   who runs next and what time it is;  clock, databases, network, http: what it replaces by its own
    shop        who uses the shop, and what they were told;  checks: what must be true in the end
    faults      what goes wrong;  choices: the decisions;  shrinking: fewer of them
    bugs        mistakes that are put back on purpose
"""

import argparse
import os

from operations.cli import positive

DESCRIPTION = """\
Run the order protocol in one process under a scheduler: the real orders services, outbox and relay, and
the real reservations of products. A seed decides who runs next, which message is lost, doubled or late,
which process dies between which two statements, and how the clocks jump. Runs are numbered from the seed on."""
EPILOG = """\
examples:
  python3 manage_all.py simulate                         a thousand runs, from a random seed that is printed
  python3 manage_all.py simulate --seed 7 --runs 1 --trace
                                                         one run, step by step; always the same
  python3 manage_all.py simulate --bug all --runs 300    in how many runs each planted mistake is found

exit codes: 0 nothing was found, or with --bug each was; 1 a run failed, and its seed and the shortest trace
are shown, or with --bug one was not found; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("--runs", type=positive, default=1000, help="how many (default: 1000)")
    parser.add_argument("--seed", type=int, help="of the first run; the next one has the next (default: random)")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--bug", metavar="NAME", default="", help="plant this mistake, or each one in turn: `all`")
    parser.add_argument("--until-found", action="store_true", help="with --bug: no more runs once it is found")
    parser.add_argument("--trace", action="store_true", help="every step, if it is one run")


def run(options: argparse.Namespace) -> int:
    from .command import simulate  # needs nothing that --help does

    return simulate(options)
