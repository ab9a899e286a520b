"""`logs`: what the processes said."""

import argparse
import time
from collections.abc import Sequence

from .errors import OperationError
from .layout import NAMES, System
from .logfiles import Follower, last_lines
from .options import add_data_dir, system_of
from .supervisor import SUPERVISOR

SHOWN_LINES = 200
PAUSE_S = 0.2
DESCRIPTION = """\
Print the last lines of one process's log, or of all, each line behind the name of who wrote it.
`logs supervisor` says who was started, who died, and how."""
EPILOG = """\
examples:
  python3 manage_all.py logs gateway --lines 50
  python3 manage_all.py logs --follow

exit codes: 0 done, or ended with Ctrl-C; 1 there are no logs; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("service", nargs="?", choices=(*NAMES, SUPERVISOR), metavar="SERVICE",
                        help=f"one of {', '.join((*NAMES, SUPERVISOR))} (default: all)")  # fmt: skip
    parser.add_argument("--follow", "-f", action="store_true", help="go on as lines are written, until Ctrl-C")
    parser.add_argument("--lines", "-n", type=int, default=SHOWN_LINES, metavar="N",
                        help=f"how many lines of each to begin with (default: {SHOWN_LINES})")  # fmt: skip
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system = system_of(options)
    names = [options.service] if options.service else [*NAMES, SUPERVISOR]
    followers = print_last(system, names, count=max(options.lines, 0))
    if not followers:
        raise OperationError(f"There are no logs in {system.logs} yet; start Plaza with `{system.command('up')}`.")
    if options.follow:
        follow(followers)
    return 0


def print_last(system: System, names: Sequence[str], *, count: int) -> dict[str, Follower]:
    """By what stands before each line: what reads on from where this stopped."""
    followers = {}
    for name in names:
        path = system.log(name)
        lines, end = last_lines(path, count) if path.exists() else ([], 0)
        prefix = f"{name:<10} | " if len(names) > 1 else ""
        _print_lines(prefix, lines)
        followers[prefix] = Follower(path, end)
    return followers if any(follower.path.exists() for follower in followers.values()) else {}


def follow(followers: dict[str, Follower]) -> None:
    try:
        while True:
            for prefix, follower in followers.items():
                _print_lines(prefix, follower.new_lines())
            time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        return


def _print_lines(prefix: str, lines: Sequence[str]) -> None:
    if lines:
        print("\n".join(prefix + line for line in lines), flush=True)
