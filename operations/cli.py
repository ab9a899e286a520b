"""The command line: which commands there are, what each needs, and how each ends."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from . import bootstrap
from .bootstrap import DEVELOPMENT, RUNTIME
from .errors import OperationError
from .layout import ROOT
from .terminal import say

DESCRIPTION = """\
Plaza: users, products and orders behind an API gateway, in four processes and a relay.

  python3 manage_all.py up       start everything; the URLs and a password are printed
  python3 manage_all.py test     prove that it works

At first use, a virtual environment is made in .venv and filled with the pinned packages."""
EPILOG = "`manage_all.py COMMAND --help` says what a command does, with examples and exit codes."
INTERRUPTED, BROKEN_PIPE = 130, 141  # as a shell says of a command that SIGINT or SIGPIPE ended


class Module(Protocol):
    def configure(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, options: argparse.Namespace) -> int: ...


@dataclass(frozen=True)
class Command:
    """`packages` is the lock file it needs, None if the standard library does. It exists if `path` does."""

    name: str
    summary: str
    packages: str | None = RUNTIME
    path: str = ""
    reads_own_options: bool = False

    def exists(self) -> bool:
        return (ROOT / (self.path or f"operations/{self.name.replace('-', '_')}.py")).exists()

    def module(self) -> Module:
        return cast(Module, import_module(f"operations.{self.name.replace('-', '_')}"))


COMMANDS = (
    Command("up", "start everything and keep it running"),
    Command("down", "stop everything", packages=None),
    Command("status", "who runs, where, and whether it answers", packages=None),
    Command("logs", "what the processes said", packages=None),
    Command("migrate", "make or change the tables of every project"),
    Command("demo", "fill in the demo catalogue"),
    Command("test", "run every suite and check, side by side", packages=DEVELOPMENT),
    Command("bench", "measure", packages=DEVELOPMENT, path="benchmarks/__main__.py", reads_own_options=True),
    Command("chaos", "kill, freeze and cut off the services under load", path="operations/chaos/__init__.py"),
    Command("rotate-keys", "new keys for everything that is signed, without signing anyone out", packages=None),
    Command("audit", "compare orders, reservations, ledger and stock across the services"),
)


def main() -> int:
    try:
        command, options = parse(sys.argv[1:])
        if command.packages:
            bootstrap.enter(command.packages)
        exit_code = command.module().run(options)
        sys.stdout.flush()
    except OperationError as error:
        say(f"manage_all.py: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `logs | head`: nobody listens any more, so the last flush must not complain either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return exit_code


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        prog="manage_all.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    named = next((argument for argument in arguments if not argument.startswith("-")), None)
    commands = {command.name: command for command in COMMANDS if command.exists()}
    for command in commands.values():
        subparser = subparsers.add_parser(
            command.name,
            help=command.summary,
            add_help=not command.reads_own_options,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command.name == named:  # the other modules needn't be imported
            command.module().configure(subparser)
    options, remaining = parser.parse_known_args(arguments)
    chosen = commands[options.command]
    if remaining and not chosen.reads_own_options:
        parser.error(f"unrecognized arguments: {' '.join(remaining)}")
    options.remaining = remaining
    return chosen, options
