"""`doctor`: what would keep Plaza from starting, and the mend."""

import argparse
import json
from collections.abc import Iterator

from . import findings
from .cli import add_data_dir, port
from .console import table
from .findings import STOP, Finding
from .layout import DEFAULT_PORT, System
from .variables import redis, variables

DESCRIPTION = """\
Look for whatever would keep Plaza from starting: Python and its modules, the packages and where pip gets them, ports,
disk, a lock, running copies, the rights of files, variables, and the servers that these name. Each line begins with
`ok`, with `note` for what is worth knowing, or with `stop`, and then says the mend. Nothing is changed."""
EPILOG = """\
--json prints {"would_start": true, "findings": [{"name", "state", "detail"}]}.

exit codes: 0 nothing would stop it; 1 something would; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("--port", type=port, default=DEFAULT_PORT, help="as for `up` (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    found = list(look(options.system, options.port))
    would_start = all(finding.state != STOP for finding in found)
    if options.json:
        print(json.dumps({"would_start": would_start, "findings": [vars(finding) for finding in found]}))
    else:
        print(table([(finding.state, finding.name, finding.detail) for finding in found]))
    return 0 if would_start else 1


def look(system: System, first_port: int) -> Iterator[Finding]:
    yield from findings.python()
    yield from findings.packages()
    yield from findings.ports(system, first_port)
    yield from findings.others(system)
    yield from findings.disk(system)
    yield from findings.lock(system)
    yield from findings.files(system)
    yield from variables(system, first_port)
    yield from redis()
