"""`logs`: what all processes wrote, in the order of time."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

from .cli import add_data_dir
from .console import OperationError
from .layout import SERVICES, SUPERVISOR, System
from .log_lines import Line, Style
from .log_rotation import older
from .logs import Follower, last_lines

NAMES = (*(service.name for service in SERVICES), SUPERVISOR)
SHOWN_LINES = 200
PAUSE_S = 0.2
LEAST_REQUEST = 6  # characters
DESCRIPTION = """\
Print what the processes wrote, merged in the order of time, rotated files included: when (UTC), which process,
level, the end of the request's id, then method, path, status and milliseconds of a request, or what happened.
At a terminal a line is as wide as the terminal, and coloured unless NO_COLOR is set; in a pipe it is whole and plain.
`logs supervisor` says which process was started, which one ended, and how."""
EPILOG = """\
examples:
  python3 manage_all.py logs gateway --lines 50
  python3 manage_all.py logs --follow
  python3 manage_all.py logs --request 5240e6c8               what all processes wrote about one request
  python3 manage_all.py logs --json | jq 'select(.status >= 500)'

exit codes: 0 done, or ended with Ctrl-C; 1 there are no logs, or nothing about that request; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument(
        "service", nargs="?", choices=NAMES, metavar="SERVICE", help=f"one of {', '.join(NAMES)} (default: all)"
    )
    parser.add_argument("--follow", "-f", action="store_true", help="go on as lines are written, until Ctrl-C")
    parser.add_argument(
        "--request",
        type=request_id,
        metavar="ID",
        help="only lines about the request or trace with this id, or its end",
    )
    parser.add_argument("--json", action="store_true", help="a JSON document a line, as they were written")
    parser.add_argument(
        "--lines",
        "-n",
        type=int,
        metavar="N",
        help=f"how many lines to begin with (default: {SHOWN_LINES}, and with --request all)",
    )
    add_data_dir(parser)


def request_id(text: str) -> str:
    if len(text) < LEAST_REQUEST:
        raise argparse.ArgumentTypeError(f"give the whole id, or {LEAST_REQUEST} characters from its end at least")
    return text


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    names = [options.service] if options.service else list(NAMES)
    paths = {name: system.log(name) for name in names}
    if not any(path.exists() for path in paths.values()):
        raise OperationError(f"There are no logs in {system.logs} yet; start Plaza with `{system.command('up')}`.")
    view = View(options.request, options.json)
    sources = [Source(name, path) for name, path in paths.items()]
    shown = view.print(begin(sources, options.lines, of_request=options.request))
    if options.follow:
        follow(sources, view)
    elif options.request and not shown:
        raise OperationError(f"Nothing about {options.request} is in {system.logs}; older lines are gone.")
    return 0


class View:
    """Prints lines: those that are asked for, in the form that is asked for."""

    def __init__(self, request: str | None, as_json: bool) -> None:
        self.request = request
        is_terminal = sys.stdout.isatty()
        style = Style(is_short=is_terminal, has_colours=is_terminal and not os.environ.get("NO_COLOR"))
        self.form = Line.as_json if as_json else style.show

    def print(self, lines: Iterable[Line]) -> int:
        """Returns how many."""
        chosen = [line for line in lines if self.request is None or line.is_about(self.request)]
        if chosen:
            print("\n".join(map(self.form, chosen)), flush=True)
        return len(chosen)


@dataclass
class Source:
    """One process's log, and what reads on in it."""

    name: str
    path: Path
    written_at: str = ""

    def __post_init__(self) -> None:
        self.follower = Follower(self.path)

    def last(self, count: int) -> list[Line]:
        texts, end = last_lines(self.path, count) if self.path.exists() else ([], 0)
        self.follower.begin_at(end)
        rotated = older(self.path)
        if len(texts) < count and rotated.exists():
            texts = last_lines(rotated, count - len(texts))[0] + texts
        return list(self._lines(texts))

    def matching(self, request: str) -> list[Line]:
        """All lines that name the request, in both files, which may be long."""
        self.follower.begin_at(self.path.stat().st_size if self.path.exists() else 0)
        found = []
        for path in (older(self.path), self.path):
            if path.exists():
                with path.open(errors="replace") as log:
                    found += [text.rstrip("\n") for text in log if request in text]
        return list(self._lines(found))

    def fresh(self) -> list[Line]:
        return list(self._lines(self.follower.new_lines()))

    def _lines(self, texts: Iterable[str]) -> Iterator[Line]:
        for text in texts:
            line = Line.read(self.name, text, after=self.written_at)
            self.written_at = line.written_at
            yield line


def begin(sources: Sequence[Source], count: int | None, *, of_request: str | None) -> list[Line]:
    if of_request is not None:
        lines = in_order([source.matching(of_request) for source in sources])
        return lines if count is None else _last(lines, count)
    wanted = SHOWN_LINES if count is None else max(count, 0)
    return _last(in_order([source.last(wanted) for source in sources]), wanted)


def _last(lines: list[Line], count: int) -> list[Line]:
    return lines[max(len(lines) - max(count, 0), 0) :]


def in_order(groups: Iterable[Iterable[Line]]) -> list[Line]:
    """By time. The lines of one process stay in their order."""
    return list(merge(*groups, key=lambda line: line.written_at))


def follow(sources: Sequence[Source], view: View) -> None:
    try:
        while True:
            view.print(in_order([source.fresh() for source in sources]))
            time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        return
