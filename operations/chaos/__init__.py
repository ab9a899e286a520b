"""`chaos`: does the shop tell the truth while its processes are killed, frozen and cut off?

A system of its own is started in a temporary directory, with fault proxies before orders and products. Buyers,
cancellers and staff work on it, each retrying by idempotency key until it is told something definite, while faults
strike at random. Then the faults stop, the system comes to rest, and what clients were told is compared with what is.
"""

import argparse

from ..options import positive

DESCRIPTION = """\
Run a Plaza of its own under load while its processes are killed (-9), frozen and restarted, its connections
cut in mid-answer and its replies delayed. Then let it come to rest, audit it, and compare it with what clients
were told."""
EPILOG = """\
examples:
  python3 manage_all.py chaos                          a minute, with a seed that is printed
  python3 manage_all.py chaos --seconds 600 --seed 7   ten minutes of the faults that seed 7 chooses

exit codes: 0 nothing lost, duplicated, oversold or leaked; 1 something was; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("--seconds", type=positive, default=60, help="how long faults strike (default: 60)")
    parser.add_argument("--seed", type=int, help="of the choice of faults and of what clients do (default: random)")
    parser.add_argument("--buyers", type=positive, default=6, help="buying at the same time (default: 6)")


def run(options: argparse.Namespace) -> int:
    from .experiment import experiment  # needs the installed packages, which --help does not

    return experiment(seconds=options.seconds, seed=options.seed, buyers=options.buyers)
