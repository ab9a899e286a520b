"""The command line: which commands there are, which packages each needs, and how each ends."""

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from . import bootstrap
from .bootstrap import DEVELOPMENT, RUNTIME
from .console import OperationError, say
from .layout import SERVERS, System
from .version import version

DESCRIPTION = """\
Plaza: users, products and orders behind an API gateway, in four processes and a relay.

  python3 manage_all.py up       start everything; the URLs and a password are printed
  python3 manage_all.py test     prove that it works

The first command makes a virtual environment in .venv and installs the pinned packages into it."""
EPILOG = "`manage_all.py help COMMAND` says what a command does, with examples and exit codes."
WRONG_USAGE = 2
INTERRUPTED, BROKEN_PIPE = 130, 141  # what a shell reports of a command that SIGINT or SIGPIPE ended


@dataclass(frozen=True)
class Command:
    """`configure` is `module:function`; `packages` is the lock file it needs, None if it needs no packages."""

    name: str
    summary: str
    configure: str
    packages: str | None = RUNTIME

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        module, _, function = self.configure.partition(":")
        configure: Callable[[argparse.ArgumentParser], None] = getattr(import_module(module), function)
        configure(parser)


COMMANDS = (
    Command("up", "start everything and keep it running", "operations.up:configure"),
    Command("down", "stop everything", "operations.down:configure", packages=None),
    Command("status", "who runs, where, and whether it answers", "operations.status:configure", packages=None),
    Command("doctor", "what would keep it from starting, and the mend", "operations.doctor:configure", packages=None),
    Command("logs", "what the processes wrote", "operations.log_view:configure", packages=None),
    Command("migrate", "create or change the tables of every project", "operations.prepare:configure_migrate"),
    Command("demo", "fill in the demo catalogue", "operations.prepare:configure_demo"),
    Command("test", "run every suite and check, side by side", "operations.test:configure", packages=DEVELOPMENT),
    Command("bench", "measure beside what people would use instead", "experiments.bench:configure"),
    Command("chaos", "kill, freeze and cut off the services under load", "experiments.chaos:configure"),
    Command(
        "simulate",
        "the order protocol in every interleaving that a seed brings",
        "experiments.simulation:configure",
        packages=DEVELOPMENT,
    ),
    Command("rotate-keys", "new keys, without signing anyone out", "operations.rotate_keys:configure", packages=None),
    Command("admin-password", "a new password for `admin`", "operations.new_admin_password:configure"),
    Command("export-user", "all that is held about a person", "operations.export_user:configure"),
    Command("audit", "compare orders, reservations, ledger and stock", "operations.audit:configure"),
    Command("backup", "copy databases and secrets, also while it runs", "operations.backup:configure", packages=None),
    Command("move-to-postgres", "each row from SQLite to PostgreSQL", "operations.move_to_postgres:configure"),
    Command("restore", "make a system from a backup", "operations.restore:configure", packages=None),
)


def main(*, has_packages: bool = False) -> int:
    """With `has_packages` this Python has what the commands need."""
    try:
        command, options = parse(sys.argv[1:])
        if command.packages and not has_packages:
            bootstrap.enter(command.packages)
        exit_code: int = options.run(options)
        sys.stdout.flush()
    except OperationError as error:
        say(f"manage_all.py: {error}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as in `logs | head`; the flush at exit must not complain about it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return exit_code


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command, and its options, whose `run` does the work. Wrong usage and asking for help end the process."""
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    named = next((argument for argument in arguments if not argument.startswith("-")), None)
    parser, subparsers = _parsers(named)
    if named is not None and named not in subparsers:
        mend = _meant(named, subparsers) or "; `manage_all.py help` lists all"
        parser.exit(WRONG_USAGE, f"manage_all.py: there is no command `{named}`{mend}\n")
    options, unknown = parser.parse_known_args(arguments)
    chosen = subparsers.get(options.command, parser)
    if unknown:
        chosen.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(unknown[0], chosen._option_string_actions)}")
    if chosen is parser:
        parser.print_help()
        sys.exit(WRONG_USAGE)
    return next(command for command in COMMANDS if command.name == options.command), options


def _parsers(named: str | None) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """All of them. Only that of the named command has its options, so that the other modules are not imported."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="manage_all.py", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"Plaza {version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.summary, allow_abbrev=False, formatter_class=raw)
        if command.name == named:
            command.add_to(subparser)
    subparsers.add_parser("help", help="this list, or with COMMAND what that does")
    return parser, dict(subparsers.choices)


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else ""


# Options that several commands share.


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """`--data-dir`, which becomes `options.system`."""
    parser.add_argument(
        "--data-dir",
        dest="system",
        type=system_in,
        default=os.environ.get("PLAZA_DATA_DIR", ""),
        metavar="DIR",
        help="keep databases, secrets, logs and pids in DIR, so that several systems can run side by side "
        "(default: PLAZA_DATA_DIR if set, else the projects' own folders and .plaza/)",
    )


def system_in(directory: str) -> System:
    return System(Path(directory).expanduser().resolve() if directory else None)


def port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65532:
        raise argparse.ArgumentTypeError("must be 1 to 65532, since the three ports after it are used too")
    return number


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def workers(text: str) -> tuple[str, int]:
    """`2` is the gateway's, `orders=2` those of orders."""
    name, _, number = text.rpartition("=")
    if name not in ("", *(server.name for server in SERVERS)):
        raise argparse.ArgumentTypeError(f"knows no {name}; there are {', '.join(server.name for server in SERVERS)}")
    return name or "gateway", positive(number)
