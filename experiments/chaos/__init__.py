"""`chaos`: whether the shop keeps its promises while its processes are killed, frozen and cut off.

It starts a system of its own in a temporary directory, with fault proxies in front of orders and products. Buyers,
cancellers and staff use the shop, and each repeats a request, with its idempotency key, until the answer is definite.
Meanwhile faults happen at random. Then the faults end, the system comes to rest, and what clients were told is
compared with what the services hold.
"""

import argparse

from operations.cli import positive
from operations.console import OperationError

DESCRIPTION = """\
Run a Plaza of its own under load while its processes are killed (-9), frozen and restarted, its connections
cut in mid-answer and its replies delayed. Then wait until it is at rest, audit it, and compare it with what
clients were told.

With --postgres, each project has a database of this run's own on that server, and there are two gateways and two
relays; clients ask one gateway or the other. With --redis, the gateways share throttles and cache."""
EPILOG = """\
examples:
  python3 manage_all.py chaos                          a minute, with a random seed that is printed
  python3 manage_all.py chaos --seconds 600 --seed 7   ten minutes of the faults that seed 7 chooses
  python3 manage_all.py chaos --postgres postgresql://postgres@127.0.0.1/postgres --redis redis://127.0.0.1:6379/1

exit codes: 0 nothing was lost, duplicated, oversold, leaked, or refused while all was well; 1 something was;
2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("--seconds", type=positive, default=60, help="how long faults happen (default: 60)")
    parser.add_argument("--seed", type=int, help="chooses the faults and what clients do (default: random)")
    parser.add_argument(
        "--crowd", type=positive, default=64, help="how many read while there are no faults yet (default: 64)"
    )
    parser.add_argument("--postgres", metavar="URL", help="a server on which databases may be made")
    parser.add_argument("--redis", metavar="URL", help="for the two gateways that --postgres brings")
    parser.add_argument("--buyers", type=positive, default=6, help="how many buy at the same time (default: 6)")


def run(options: argparse.Namespace) -> int:
    from .experiment import experiment  # needs the installed packages, which --help does not

    if options.redis and not options.postgres:
        raise OperationError("--redis is for the two gateways that --postgres brings; name that too.")
    return experiment(options)
